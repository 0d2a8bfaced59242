"""What changed between two versions of a lifecycle, and how much each change asks of its version (rule M2).

A version is a promise to whoever holds its tokens: what they are in, what they take, where they may
be. Breaking one is major, what live tokens will notice is minor, anything else a patch.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.spec.diagnostics import Span
from tokenflow.spec.documents import Document
from tokenflow.spec.tree import Path

MAJOR, MINOR, PATCH = "major", "minor", "patch"
BUMPS: Final = (PATCH, MINOR, MAJOR)
"""The least first."""

Data: TypeAlias = Mapping[str, Any]
_Found: TypeAlias = tuple[str, Path, str, str]
"""Bump, place, what, why."""
_Edges: TypeAlias = Mapping[tuple[str, str], tuple[Path, list[Any]]]

_WORDS: Final = frozenset({"description", "because", "advice"})
"""Keys that only people read."""
_FREE: Final = frozenset({"set", "payload", "match", "with", "on_error", "default"})
"""Mappings whose keys are the author's own."""
_BOTH: Final = ("client", "server")


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


def edges(data: Data) -> _Edges:
    """Return what each state takes: (state, event) -> where that is written, and its candidates.

    A state's own entry shadows `everywhere`, which no final state has (rule E1).
    """
    found = {}
    for state, spec in data["states"].items():
        if not (spec or {}).get("final"):
            own = (spec or {}).get("transitions") or {}
            for event, entry in {**(data.get("everywhere") or {}), **own}.items():
                path = ("states", state, "transitions", event) if event in own else ("everywhere", event)
                found[state, event] = (path, entry if isinstance(entry, list) else [entry])
    return found


def _found(old: Data, new: Data) -> Iterator[_Found]:
    yield from _states(old, new)
    yield from _events_taken(old, new)
    yield from _token(old["token"], new["token"])
    yield from _attributes(old["token"], new["token"])
    yield from _secrets(old.get("secrets", {}), new.get("secrets", {}))
    for section, words in _NAMED.items():
        yield from _named((section,), old.get(section, {}), new.get(section, {}), *words)
    yield from _derivation(old.get("derive"), new.get("derive"))
    for section, (bump, what, why) in _WHOLE.items():
        if _bare(old.get(section)) != _bare(new.get(section)):
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


def _states(old: Data, new: Data) -> Iterator[_Found]:
    before, after = old["states"], new["states"]
    for name in before:
        if name not in after:
            yield MAJOR, ("states", name), f"state `{name}` is gone", "live tokens may be in it"
        else:
            yield from _state(name, before[name] or {}, after[name] or {})
    for name in after:
        if name not in before:
            yield MINOR, ("states", name), f"state `{name}` is new", "tokens may come into it"


def _state(name: str, old: Data, new: Data) -> Iterator[_Found]:
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


def _events_taken(old: Data, new: Data) -> Iterator[_Found]:
    """Yield how what states take differs. What `everywhere` says is said once for all of them."""
    before, after = edges(old), edges(new)
    both = [name for name in old["states"] if name in new["states"]]
    found: dict[tuple[Path, str, str], list[str]] = {}
    for state in both:
        late = _absorbed(old, state), _absorbed(new, state)
        stays_open = not (
            (old["states"][state] or {}).get("final") or (new["states"][state] or {}).get("final")
        )
        for event in dict.fromkeys(
            [e for s, e in (*before, *after) if s == state] + sorted(late[0] | late[1])
        ):
            had, has = before.get((state, event)), after.get((state, event))
            took, takes = had is not None or event in late[0], has is not None or event in late[1]
            if took and not takes and (stays_open or event in late[0]):
                where = had[0] if had is not None else ("states", state, "absorbs")
                found.setdefault((where, event, "gone"), []).append(state)
            elif takes and not took and stays_open and has is not None:
                found.setdefault((has[0], event, "new"), []).append(state)
            elif takes and not took:
                found.setdefault((("states", state, "absorbs"), event, "absorbed"), []).append(state)
            elif had is not None and has is not None and _bare(had[1]) != _bare(has[1]):
                found.setdefault((has[0], event, _parts(had[1], has[1])), []).append(state)
            elif stays_open and (had is None) != (has is None):
                found.setdefault((("states", state, "absorbs"), event, "otherwise"), []).append(state)
    for (path, event, how), states in found.items():
        yield _taken(path, event, how, ", ".join(f"`{state}`" for state in states))


def _absorbed(data: Data, state: str) -> frozenset[str]:
    return frozenset((data["states"][state] or {}).get("absorbs", ()))


def _parts(old: list[Any], new: list[Any]) -> str:
    if len(old) != len(new):
        return "candidates"
    parts = {key for a, b in zip(old, new, strict=True) for key in {**a, **b} if a.get(key) != b.get(key)}
    return ", ".join(sorted(parts - _WORDS))


def _taken(path: Path, event: str, how: str, states: str) -> _Found:
    match how:
        case "gone":
            return (
                MAJOR,
                path,
                f"`{event}` is no longer accepted in {states}",
                "whoever raises it is now rejected",
            )
        case "new":
            return MINOR, path, f"`{event}` is now accepted in {states}", "what was rejected is taken"
        case "absorbed":
            return MINOR, path, f"`{event}` is now absorbed in {states}", "late news is taken without effect"
        case "otherwise":
            return (
                MINOR,
                path,
                f"`{event}` is taken otherwise in {states}",
                "it was without effect, or is now",
            )
        case _:
            return MINOR, path, f"`{event}` in {states} changed ({how})", "live tokens go another way"


def _token(old: Data, new: Data) -> Iterator[_Found]:
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


def _custody(old: Data, new: Data) -> Iterator[_Found]:
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


def _attributes(old: Data, new: Data) -> Iterator[_Found]:
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
        elif _bare(had) != _bare(have):
            yield (
                MINOR,
                path,
                f"attribute `{name}` changed ({_keys(had, have)})",
                "live tokens keep what they have",
            )


def _demanded(attribute: Data) -> bool:
    return bool(attribute.get("required")) and "default" not in attribute


def _secrets(old: Data, new: Data) -> Iterator[_Found]:
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


def _named(path: Path, old: Data, new: Data, noun: str, gone: str, why: str) -> Iterator[_Found]:
    """Yield how two mappings keyed by name differ."""
    for name in {**old, **new}:
        here, had, have = (*path, name), old.get(name), new.get(name)
        inside = f" of `{path[1]}`" if path[0] == "states" else ""
        if name not in new:
            yield gone, here, f"{noun} `{name}`{inside} is gone", why
        elif name not in old:
            yield MINOR, here, f"{noun} `{name}`{inside} is new", "there is more than before"
        elif _bare(had) != _bare(have):
            changed = _keys(had or {}, have or {})
            but = "tokens are acquired otherwise there" if noun == "platform" else why
            yield MINOR, here, f"{noun} `{name}`{inside} changed ({changed})", but


def _derivation(old: Data | None, new: Data | None) -> Iterator[_Found]:
    path: Path = ("derive",)
    if old is None or new is None:
        if old is not None:
            yield MAJOR, path, "it is derived no more", "no token can be got that way"
        elif new is not None:
            yield MINOR, path, "it may now be derived", "there is more than before"
        return
    if old["from"] != new["from"]:
        yield MAJOR, (*path, "from"), f"it is derived from {new['from']}", "live tokens have another parent"
    for event in sorted(old.get("on_parent", {}).keys() - new.get("on_parent", {}).keys()):
        what = f"it no longer hears of its parent's `{event}`"
        yield MAJOR, (*path, "on_parent", event), what, "live tokens outlive what they came from"
    rest = [{k: v for k, v in one.items() if k != "from"} for one in (old, new)]
    known = [{e: one.get("on_parent", {}).get(e) for e in new.get("on_parent", {})} for one in (old, new)]
    if _bare({**rest[0], "on_parent": known[0]}) != _bare({**rest[1], "on_parent": known[1]}):
        yield MINOR, path, f"deriving changed ({_keys(*rest)})", "children are got, or end, otherwise"


def _keys(old: Data, new: Data) -> str:
    return ", ".join(key for key in {**old, **new} if _bare(old.get(key)) != _bare(new.get(key)))


def _bare(value: Any, *, free: bool = False) -> Any:
    """Return *value* without what only people read."""
    if isinstance(value, Mapping):
        return {
            key: _bare(inner, free=key in _FREE)
            for key, inner in value.items()
            if free or key not in _WORDS or not isinstance(inner, str)
        }
    return [_bare(one) for one in value] if isinstance(value, list) else value
