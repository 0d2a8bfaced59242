"""Learn how long values live: from what one promises when it arrives, and from how it ends."""

from collections.abc import Mapping
from typing import Any

from tokenflow.core.effects import Flow, Recall, Remember
from tokenflow.core.events import About, LifetimeChanged, ScopeChanged
from tokenflow.core.learning import Learned, Lesson, class_name, died, early_life, lived_on, promised
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import At, Instant, Token

Notes = tuple[LifetimeChanged | ScopeChanged, ...]


def taught(
    lifecycle: Lifecycle,
    held: Token,
    changes: Mapping[str, Any],
    name: str | None,
    *,
    now: Instant,
    found_dead: bool,
) -> Flow[tuple[dict[str, Any], Notes]]:
    """Return *changes* with the life that values like the new one have lately had, and what is news.

    *held* is the token with the value that the new one, of lifetime class *name*, replaces; *found_dead*
    says that the issuer had called that one dead.
    """
    notes: Notes = ()
    if held.access_token is not None and held.refreshed_at is not None:
        notes = yield from _ended(lifecycle, held, name, now, found_dead=found_dead)
    learned = yield from _recalled(lifecycle, name)
    expires = changes.get("expires")
    if isinstance(expires, At) and not changes.get("estimated"):
        lesson = promised(learned, expires.instant - now, lifecycle.lifetimes.get(name or ""))
        notes += yield from _noted(lifecycle, held, name, learned, lesson, now)
        learned = lesson.learned
    return {**changes, "learned_life": learned.life}, notes


def of_scope(held: Token, changes: Mapping[str, Any], now: Instant) -> tuple[ScopeChanged, ...]:
    """Return what is news when *changes* bring the *held* token another scope."""
    before, after = held.scope, changes.get("scope", held.scope)
    if before == after:
        return ()
    gained, lost = tuple(sorted(after - before)), tuple(sorted(before - after))
    return (ScopeChanged(about=About.of(held, now), gained=gained, lost=lost),)


def buried(lifecycle: Lifecycle, held: Token, reason: str | None, now: Instant) -> Flow[Notes]:
    """Return what is news when the issuer calls the value of *held* dead for *reason*, and none follows."""
    lived = early_life(lifecycle, held, reason, now)
    if lived is None:
        return ()
    name = lifecycle.states[held.state].lifetime
    learned = yield from _recalled(lifecycle, name)
    return (yield from _noted(lifecycle, held, name, learned, died(learned, lived), now))


def _ended(
    lifecycle: Lifecycle, held: Token, name: str | None, now: Instant, *, found_dead: bool
) -> Flow[Notes]:
    if found_dead:
        return (yield from buried(lifecycle, held, None, now))
    born = held.refreshed_at if held.refreshed_at is not None else now
    end = now if held.expires_at is None else min(now, held.expires_at)
    own = lifecycle.states[held.state].lifetime or name
    learned = yield from _recalled(lifecycle, own)
    if not learned.lives:
        return ()  # nothing to weigh against: a calm life is not worth a word
    return (yield from _noted(lifecycle, held, own, learned, lived_on(learned, end - born), now))


def _recalled(lifecycle: Lifecycle, name: str | None) -> Flow[Learned]:
    learned: Learned = yield Recall(class_name(lifecycle, name))
    return learned


def _noted(
    lifecycle: Lifecycle, held: Token, name: str | None, before: Learned, lesson: Lesson, now: Instant
) -> Flow[Notes]:
    if lesson.learned != before:
        yield Remember(class_name(lifecycle, name), lesson.learned)
    if lesson.why is None:
        return ()
    return (
        LifetimeChanged(
            about=About.of(held, now),
            lifetime=name or "",
            why=lesson.why,
            promised=lesson.learned.promised,
            learned=lesson.learned.life,
        ),
    )
