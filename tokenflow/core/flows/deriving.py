"""Get child tokens from a parent: page tokens from a user token, say (seed, "Page Access Tokens")."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs

from tokenflow.core.children import facts_of, is_meant, named, unlisted
from tokenflow.core.conditions import View, token_facts
from tokenflow.core.effects import Change, Flow, Load, LoadChildren, MayRenew, Nonce, Save
from tokenflow.core.errors import Refused, Rejected
from tokenflow.core.events import About, Derived
from tokenflow.core.flows.holding import current, demand_clock
from tokenflow.core.flows.saving import again, look, pinned
from tokenflow.core.flows.serving import raise_event
from tokenflow.core.grants import identity_of, received, with_defaults
from tokenflow.core.lifecycles import Derivation, Lifecycle
from tokenflow.core.migrating import identity_under
from tokenflow.core.policies import check_custody
from tokenflow.core.setting import Setting
from tokenflow.core.steps import choose, is_usable, payload_of, take, view_of
from tokenflow.core.tokens import SILENT, Grant, Instant, Token, TokenKind


def derive(
    setting: Setting,
    parent: str,
    *,
    lifecycle: str,
    key: str,
    only: Mapping[str, Any] | None = None,
    place: str = "server",
    event_id: str | None = None,
) -> Flow[tuple[Token, ...]]:
    """Return the children of *parent* that *lifecycle* describes, each kept under its own key.

    *key* is a template over the child's attributes, e.g. `page/{page_id}`. *only* asks for the one child
    that has these. Deriving again replaces values that changed, keeps what was learnt of the others, and
    raises `unlisted` on those the issuer named before and does not now. One that it names without a value
    is left as it is. Raises Refused("derive_not_allowed").
    """
    only = only or {}
    spec = setting.lifecycle(lifecycle)
    if spec.derivation is None:
        raise Refused("derive_not_allowed", f"{spec.ref} is not derived from anything")
    derivation = spec.derivation
    held = yield from current(setting, parent)
    _check(spec, derivation, held.lifecycle, held.token, place)
    if not is_usable(held.lifecycle, held.token, held.now):
        raise Refused("parent_not_usable", f"{parent!r} is `{held.token.state}` and cannot be derived from")
    demand_clock(held)
    yield MayRenew(spec.issuer)
    order = setting.derive_order(spec, derivation, held.token, place, only)
    before: list[Token] = yield LoadChildren(parent)
    answered = yield from setting.plugins.derive(derivation.use)(order)
    grants = [one for one in answered if is_meant(facts_of(derivation, spec, held.token, one), only)]

    def attempt() -> Flow[tuple[Token, ...]]:
        children: list[Token] = []
        changes: list[Change] = []
        clock = yield from look()
        # Children of a parent that ended meanwhile would outlive it.
        latest: Token | None = yield Load(parent)
        live = latest is not None and (yield from pinned(latest)).states[latest.state].usable
        if latest is None or latest.id != held.token.id or not live:
            raise Refused("parent_not_usable", f"{parent!r} ended while it was derived from")
        for grant in grants:
            child, change = yield from _child(spec, derivation, held.token, grant, key, clock.now, event_id)
            if child is None:
                continue
            if child.key in {other.key for other in children}:
                raise Refused("key_not_unique", f"the key template {key!r} names two children {child.key!r}")
            children.append(child)
            if change is not None:
                changes.append(change)
        if changes:
            yield Save(tuple(changes))
        return tuple(children)

    children = yield from again(attempt)
    if derivation.unlisted is not None and not only:
        for child in unlisted(spec, derivation, held.token, before, grants):
            yield from _part(setting, derivation.unlisted, derivation.unlisted_payload, child)
    return children


def _part(setting: Setting, event: str, payload: Mapping[str, Any], child: Token) -> Flow[None]:
    """Raise *event* on a child, unless it has another value since the issuer was asked."""
    latest: Token | None = yield Load(child.key)
    if latest is None or (latest.id, latest.generation) != (child.id, child.generation):
        return
    with suppress(Rejected):  # it ended meanwhile, or its lifecycle has no ear for it now
        yield from raise_event(setting, child.key, event, cause="issuer", payload=payload)


def _check(spec: Lifecycle, derivation: Derivation, held: Lifecycle, parent: Token, place: str) -> None:
    if held.name not in derivation.parents:
        parents = " or ".join(derivation.parents)
        raise Refused("derive_not_allowed", f"{spec.ref} is derived from {parents}, not from {held.ref}")
    if place not in derivation.runs_on:
        raise Refused(
            "derive_not_allowed", f"{spec.ref} is derived on the {' or '.join(derivation.runs_on)} only"
        )
    check_custody(spec, place)
    view = View(app=spec.app, parent=token_facts(parent))
    for condition in derivation.when:
        if condition.check(view) is not True:
            message = f"{spec.ref}: the parent token needs {condition.text}"
            raise Refused("derive_not_allowed", message, mend=derivation.advice)


def _child(
    spec: Lifecycle,
    derivation: Derivation,
    parent: Token,
    grant: Grant,
    template: str,
    now: Instant,
    event_id: str | None,
) -> Flow[tuple[Token | None, Change | None]]:
    said = facts_of(derivation, spec, parent, grant)
    facts = with_defaults(spec, said)
    key = named(template, facts)
    old: Token | None = yield Load(key)
    if old is not None and not old.lifecycle.startswith(f"{spec.name}@"):
        raise Refused(
            "other_lifecycle", f"{key!r} is bound to {old.lifecycle} and cannot become a {spec.name}"
        )
    identity = identity_of(spec, facts, "derived")
    if old is not None and identity_under(spec, old) not in ((), identity):
        raise Refused(
            "other_identity",
            f"{key!r} belongs to another {spec.kind}",
            mend="name what tells them apart in the key template",
        )
    if old is not None and old.access_token is not None and grant.access_token in (None, old.access_token):
        known = {name: value for name, value in said.items() if value is not None and name in facts}
        kept_by = yield from pinned(old)
        return _same_value(kept_by, old, {**facts, **old.attributes, **known}, grant, parent, now, event_id)
    if grant.access_token is None:
        return None, None
    token_id: str = yield Nonce(12)
    asked = Token(
        key=key,
        tenant=parent.tenant,
        id=token_id,
        kind=TokenKind(spec.kind),
        lifecycle=spec.ref,
        digest=spec.digest,
        issuer=spec.issuer,
        state=spec.initial,
        attributes=facts,
        identity=identity,
        scope=parent.scope,
        entered_at=now,
        platform=parent.platform,
        parent=parent.key,
        supersedes=old.id if old is not None else None,
        revision=old.revision if old is not None else 0,
    )
    payload = payload_of(spec, "acquired", None)
    row = choose(spec, asked, "acquired", view_of(spec, asked, event=payload))
    if row is None:
        raise Refused("not_usable", f"{spec.ref} absorbs `acquired` in `{asked.state}`")
    granted = grant
    if derivation.lifetime == "inherit" and grant.expires == SILENT:
        granted = attrs.evolve(grant, expires=parent.expires)
    name = None if derivation.lifetime in ("inherit", "answer") else derivation.lifetime
    changes = received(spec, granted, asked, name, now) | {"attributes": facts}
    moved = take(spec, asked, row, now=now, cause="command", payload=payload, changes=changes)
    about = About.of(moved.after, now, event_id)
    note = Derived(about=about, state=moved.after.state, parent=parent.key, expires_at=moved.after.expires_at)
    return moved.after, Change(
        token=moved.after, expected=asked.revision, happened=(note, *moved.happened[1:])
    )


def _same_value(
    lifecycle: Lifecycle,
    old: Token,
    facts: Mapping[str, Any],
    grant: Grant,
    parent: Token,
    now: Instant,
    event_id: str | None,
) -> tuple[Token, Change | None]:
    """A child whose value did not change keeps its life, unless the issuer names another end for it now.

    What was learnt of it (its perms, say) is kept.
    """
    learnt = attrs.evolve(old, attributes=facts, scope=parent.scope)
    if grant.expires not in (SILENT, old.expires):
        timers = lifecycle.states[old.state].timers
        waiting = {timer.name for timer in timers if timer.moment.anchor == "expires"}
        fired = {name: at for name, at in old.fired.items() if name not in waiting}
        learnt = attrs.evolve(learnt, expires=grant.expires, estimated=False, fired=fired)
    if learnt == old:
        return old, None
    learnt = attrs.evolve(learnt, revision=old.revision + 1)
    about = About.of(learnt, now, event_id)
    note = Derived(about=about, state=learnt.state, parent=parent.key, expires_at=learnt.expires_at)
    return learnt, Change(token=learnt, expected=old.revision, happened=(note,))
