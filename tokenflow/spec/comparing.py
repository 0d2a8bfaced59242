"""What changed between two versions of a lifecycle, and how much each change asks of its version (rule M2).

A version is a promise to whoever holds its tokens: what they are in, what they take, where they may
be. Breaking one is major, what live tokens will notice is minor, anything else a patch.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from tokenflow.spec.diagnostics import Span
from tokenflow.spec.documents import Document
from tokenflow.spec.taking import taken
from tokenflow.spec.tree import Path
from tokenflow.spec.weighing import BUMPS, MAJOR, MINOR, PATCH, Data, Weighed, bare, parts


@attrs.frozen(kw_only=True)
class Difference:
    """One change."""

    bump: str
    """major, minor or patch: the least that a version has to grow by for it."""
    what: str
    why: str
    """Why it is of its class."""
    path: Path
    old: Span
    """Its place in the old version, or the nearest thing above it."""
    new: Span


def differences(old: Document, new: Document) -> Iterator[Difference]:
    """Yield what changed between two lifecycles, what asks for most first."""
    found = sorted(_found(old.data, new.data), key=lambda one: -BUMPS.index(one[0]))
    if not found and old.digest != new.digest:
        found = [(PATCH, (), "only words changed", "no token lives by them")]
    for bump, path, what, why in found:
        yield Difference(
            bump=bump,
            what=what,
            why=why,
            path=path,
            old=old.root.where(path, key=True),
            new=new.root.where(path, key=True),
        )


def _found(old: Data, new: Data) -> Iterator[Weighed]:
    yield from _states(old, new)
    yield from taken(old, new)
    yield from _token(old["token"], new["token"])
    yield from _attributes(old["token"], new["token"])
    yield from _secrets(old.get("secrets", {}), new.get("secrets", {}))
    for section, words in _NAMED.items():
        yield from _named((section,), old.get(section, {}), new.get(section, {}), *words)
    yield from _derivation(old.get("derive"), new.get("derive"))
    for section, (bump, what, why) in _WHOLE.items():
        if bare(old.get(section)) != bare(new.get(section)):
            yield bump, (section,), what, why


_NAMED: Final[Mapping[str, tuple[str, str, str]]] = {
    "acquire": ("platform", MAJOR, "no token can be acquired there any more"),
    "commands": ("command", MINOR, "live tokens ask their issuer otherwise"),
    "events": ("event", MINOR, "what comes with it is read otherwise"),
    "lifetimes": ("lifetime", MINOR, "what is assumed of an end that nobody named moves"),
    "app": ("app fact", MINOR, "guards may decide otherwise"),
}
"""Section -> what one entry is called, the bump for one that is gone, and why a change counts."""

_WHOLE: Final[Mapping[str, tuple[str, str, str]]] = {
    "issuer": (MAJOR, "another issuer", "a live token is known to its own issuer only"),
    "abstract": (MAJOR, "`abstract` turned", "an abstract lifecycle is run by nobody"),
    "initial": (MINOR, "tokens begin in another state", "those that are acquired from now on"),
    "clock": (MINOR, "other tolerance of clocks", "when a token counts as over moves"),
    "errors": (MINOR, "the issuer's errors mean something else", "live tokens take bad news otherwise"),
    "rules": (MINOR, "other rules", "what is refused or warned of changes"),
}
"""Section -> bump, what, why."""


def _states(old: Data, new: Data) -> Iterator[Weighed]:
    before, after = old["states"], new["states"]
    for name in before:
        if name not in after:
            yield MAJOR, ("states", name), f"state `{name}` is gone", "live tokens may be in it"
        else:
            yield from _state(name, before[name] or {}, after[name] or {})
    for name in after:
        if name not in before:
            yield MINOR, ("states", name), f"state `{name}` is new", "tokens may come into it"


def _state(name: str, old: Data, new: Data) -> Iterator[Weighed]:
    path: Path = ("states", name)
    flags = (
        ("final", "its tokens end, or live again"),
        ("usable", "its tokens are handed out no more, or all at once"),
    )
    for flag, why in flags:
        have, had = bool(new.get(flag)), bool(old.get(flag))
        if have != had:
            turned = f"became {flag}" if have else f"is {flag} no more"
            yield MAJOR, (*path, flag), f"state `{name}` {turned}", why
    if old.get("lifetime") != new.get("lifetime"):
        what = f"state `{name}` has another lifetime"
        yield MINOR, (*path, "lifetime"), what, "what is assumed of an end that nobody named moves"
    timers = "timer", MINOR, "deadlines of live tokens move"
    yield from _named((*path, "timers"), old.get("timers") or {}, new.get("timers") or {}, *timers)


def _token(old: Data, new: Data) -> Iterator[Weighed]:
    if old.get("kind") != new.get("kind"):
        what = f"kind changed from {old.get('kind')} to {new.get('kind')}"
        yield MAJOR, ("token", "kind"), what, "it speaks for somebody else"
    had, have = old.get("sensitivity", "secret"), new.get("sensitivity", "secret")
    if had != have:
        bump, why = (
            (MAJOR, "what was kept secret may be shown") if have == "public" else (MINOR, "it is kept")
        )
        yield bump, ("token", "sensitivity"), f"tokens became {have}", why
    before, after = tuple(old.get("identity", ())), tuple(new.get("identity", ()))
    if before != after:
        what = f"identity changed from [{', '.join(before)}] to [{', '.join(after)}]"
        yield MAJOR, ("token", "identity"), what, "which tokens exclude each other changes"
    yield from _custody(old.get("custody", {}), new.get("custody", {}))


def _custody(old: Data, new: Data) -> Iterator[Weighed]:
    path: Path = ("token", "custody")
    before, after = set(old.get("may_live", ("server",))), set(new.get("may_live", ("server",)))
    for place in sorted(after - before):
        what = f"tokens may now also live on the {place}"
        yield MAJOR, (*path, "may_live"), what, "custody is wider than was promised"
    for place in sorted(before - after):
        what = f"tokens may no longer live on the {place}"
        yield (
            MAJOR,
            (*path, "may_live"),
            what,
            "those that live there come over no more, and acts there are refused",
        )
    if old.get("transport", "https") != new.get("transport", "https"):
        wider = new.get("transport", "https") != "none"
        what = "tokens may now be moved" if wider else "tokens may no longer be moved"
        why = "custody is wider than was promised" if wider else "handing over is refused"
        yield MAJOR, (*path, "transport"), what, why


def _attributes(old: Data, new: Data) -> Iterator[Weighed]:
    before, after = old.get("attributes", {}), new.get("attributes", {})
    for name in {**before, **after}:
        path: Path = ("token", "attributes", name)
        had, have = before.get(name), after.get(name)
        if have is not None and _demanded(have) and not (had is not None and _demanded(had)):
            what = f"attribute `{name}` is {'new and ' if had is None else 'now '}required"
            yield MAJOR, path, what, "a live token may not have it"
        elif had is None:
            yield MINOR, path, f"attribute `{name}` is new", "live tokens get its default, if it has one"
        elif have is None:
            yield MINOR, path, f"attribute `{name}` is gone", "live tokens forget it"
        elif bare(had) != bare(have):
            yield (
                MINOR,
                path,
                f"attribute `{name}` changed ({parts(had, have)})",
                "live tokens keep what they have",
            )


def _demanded(attribute: Data) -> bool:
    return bool(attribute.get("required")) and "default" not in attribute


def _secrets(old: Data, new: Data) -> Iterator[Weighed]:
    for name, had in old.items():
        have = new.get(name)
        if have is not None and (had.get("custody"), have.get("custody")) in (
            (None, "client"),
            ("server", "client"),
        ):
            what = f"secret `{name}` may now leave the server"
            yield MAJOR, ("secrets", name, "custody"), what, "custody is wider than was promised"
            new = {**new, name: {**have, "custody": had.get("custody", "server")}}
            old = {**old, name: {**had, "custody": had.get("custody", "server")}}
    yield from _named(("secrets",), old, new, "secret", MINOR, "it is read elsewhere, or lent elsewhere")


def _named(path: Path, old: Data, new: Data, noun: str, gone: str, why: str) -> Iterator[Weighed]:
    """Yield how two mappings keyed by name differ."""
    for name in {**old, **new}:
        here, had, have = (*path, name), old.get(name), new.get(name)
        inside = f" of `{path[1]}`" if path[0] == "states" else ""
        if name not in new:
            yield gone, here, f"{noun} `{name}`{inside} is gone", why
        elif name not in old:
            yield MINOR, here, f"{noun} `{name}`{inside} is new", "there is more than before"
        elif bare(had) != bare(have):
            changed = parts(had or {}, have or {})
            but = "tokens are acquired otherwise there" if noun == "platform" else why
            yield MINOR, here, f"{noun} `{name}`{inside} changed ({changed})", but


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _derivation(old: Data | None, new: Data | None) -> Iterator[Weighed]:
    path: Path = ("derive",)
    if old is None or new is None:
        if old is not None:
            yield MAJOR, path, "it is derived no more", "no token can be got that way"
        elif new is not None:
            yield MINOR, path, "it may now be derived", "there is more than before"
        return
    gone, more = (set(_several(a["from"])) - set(_several(b["from"])) for a, b in ((old, new), (new, old)))
    if gone:
        others = " or ".join(_several(new["from"]))
        yield MAJOR, (*path, "from"), f"it is derived from {others}", "live tokens have another parent"
    elif more:
        others = " or ".join(sorted(more))
        yield MINOR, (*path, "from"), f"it may be derived from {others}, too", "there is more than before"
    for event in sorted(old.get("on_parent", {}).keys() - new.get("on_parent", {}).keys()):
        what = f"it no longer hears of its parent's `{event}`"
        yield MAJOR, (*path, "on_parent", event), what, "live tokens outlive what they came from"
    rest = [{k: v for k, v in one.items() if k != "from"} for one in (old, new)]
    known = [{e: one.get("on_parent", {}).get(e) for e in new.get("on_parent", {})} for one in (old, new)]
    if bare({**rest[0], "on_parent": known[0]}) != bare({**rest[1], "on_parent": known[1]}):
        yield MINOR, path, f"deriving changed ({parts(*rest)})", "children are got, or end, otherwise"
