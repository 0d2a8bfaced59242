"""A Scenario against the lifecycles that take part, and against itself (TF005, 101, 102, 230, 231, 629)."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.kept import acquired, led_to
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path
from tokenflow.spec.words import did_you_mean, listed

Made: TypeAlias = tuple[re.Pattern[str], str, str]
"""Keys that exist, the lifecycle of their tokens, and how the keys were written."""

_BY_KEY: Final = (
    *("extend", "send", "use", "report", "introspect", "invalidate", "revoke"),
    *("hand_over", "redeem"),
)
_ATTRIBUTE: Final = re.compile(r"\\\{[a-z][a-z0-9_]*\\\}")


@attrs.frozen(slots=False)
class _Cast:
    """Who takes part."""

    s: Subject

    @cached_property
    def lifecycles(self) -> dict[str, Subject]:
        """The lifecycles that can be read, by name."""
        found = (self.s.referred(ref) for ref in self.s.data["lifecycles"])
        return {
            one.data["metadata"]["name"]: one for one in found if one is not None and "states" in one.data
        }

    @property
    def whole(self) -> bool:
        """Whether all of them could be read."""
        return len(self.lifecycles) == len(self.s.data["lifecycles"])


def taking_part(s: Subject) -> Iterator[Diagnostic]:
    """The lifecycles that take part are there."""
    for index, ref in enumerate(s.data["lifecycles"]):
        yield from led_to(s, ref, "Lifecycle", ("lifecycles", index))


def told(s: Subject) -> Iterator[Diagnostic]:
    """Each step speaks of lifecycles, platforms, events, states and keys that there are by then."""
    cast = _Cast(s)
    if s.shelf is None or not cast.whole:
        return
    made: list[Made] = []
    for index, step in enumerate(s.data["steps"]):
        place = ("steps", index)
        fails = "expect_error" in step
        yield from _makes(s, cast, step, place, made, fails=fails)
        yield from _names(s, cast, step, place, made, fails=fails)
        for key, wanted in step.get("expect", {}).items():
            yield from _expected(s, cast, made, key, wanted, (*place, "expect", key))


def people(s: Subject) -> Iterator[Diagnostic]:
    """Each person and page a step speaks of is in the world."""
    world = s.table("world")
    persons, pages = world.get("people", {}), world.get("pages", {})
    for name, page in pages.items():
        for who in page.get("roles", {}):
            place = ("world", "pages", name, "roles", who)
            yield from _in_world(s, "person", who, persons, place, key=True)
    for index, step in enumerate(s.data["steps"]):
        for act, key, known, kind in (
            ("acquire", "person", persons, "person"),
            ("person", "who", persons, "person"),
            ("receive", "who", persons, "person"),
            ("person", "page", pages, "page"),
        ):
            name = step.get(act, {}).get(key)
            if name is not None:
                yield from _in_world(s, kind, name, known, ("steps", index, act, key))


def of_people(s: Subject) -> Iterator[Diagnostic]:
    """What is a person's is read with a token of theirs, unless the story is about just that."""
    cast = _Cast(s)
    made: list[Made] = []
    for index, step in enumerate(s.data["steps"]):
        made += [_made(step[act]) for act in ("acquire", "derive") if act in step]
        wants = step.get("use", {}).get("request", {})
        if wants.get("reads") != "user_data" or step.keys() & {"expect_warning", "expect_error"}:
            continue
        of = _lifecycles(cast, made, step["use"]["key"])
        if of and all(one.table("token").get("kind") == "app" for one in of):
            message = f"`{step['use']['key']}` is an app's token, and may not see all of a person's data"
            help = "use a token of kind `user`: what an app token may not see is absent, without an error"
            yield s.found("TF629", message, "steps", index, "use", "request", "reads", help=help)


def _made(body: Mapping[str, Any]) -> Made:
    return _keys(body["key"]), body["lifecycle"].removeprefix("builtin:"), body["key"]


def _makes(
    s: Subject, cast: _Cast, step: Mapping[str, Any], place: Path, made: list[Made], *, fails: bool
) -> Iterator[Diagnostic]:
    """Check what a step acquires or derives, and note the keys it makes."""
    for act in ("acquire", "derive"):
        if act not in step:
            continue
        body = step[act]
        name = body["lifecycle"].removeprefix("builtin:")
        if name not in cast.lifecycles:
            help = did_you_mean(name, cast.lifecycles, otherwise=f"taking part: {listed(cast.lifecycles)}")
            yield s.found(
                "TF230", f"`{name}` takes no part in this story", *place, act, "lifecycle", help=help
            )
        elif act == "acquire" and not fails:
            where = (*place, act, "platform")
            yield from acquired(s, cast.lifecycles[name], body["platform"], where)
        made.append(_made(body))


def _names(
    s: Subject, cast: _Cast, step: Mapping[str, Any], place: Path, made: list[Made], *, fails: bool
) -> Iterator[Diagnostic]:
    """Check the key and the event a step is about. One that is to fail may be about nothing."""
    if fails:
        return
    act = next((act for act in _BY_KEY if act in step), None)
    if act is not None:
        key, where = step[act]["key"], (*place, act, "key")
    elif "derive" in step:
        key, where = step["derive"]["parent"], (*place, "derive", "parent")
    else:
        return
    of = _lifecycles(cast, made, key)
    if not _exists(made, key):
        yield _nobody(s, made, key, where)
    elif act == "send" and of:
        events = {event for one in of for event in one.table("events")}
        yield from s.known("TF102", "event", step[act]["event"], events, *place, act, "event")


def _expected(
    s: Subject, cast: _Cast, made: list[Made], key: str, wanted: Mapping[str, Any], place: Path
) -> Iterator[Diagnostic]:
    if not _exists(made, key):
        yield _nobody(s, made, key, place, key=True)
        return
    of = _lifecycles(cast, made, key)
    if not of:
        return
    states = {state for one in of for state in one.states}
    events = {event for one in of for event in one.table("events")}
    if "state" in wanted:
        yield from s.known("TF101", "state", wanted["state"], states, *place, "state")
    for group in ("can", "cannot"):
        for index, event in enumerate(wanted.get(group, ())):
            yield from s.known("TF102", "event", event, events, *place, group, index)


def _keys(template: str) -> re.Pattern[str]:
    return re.compile(_ATTRIBUTE.sub("[^/]+", re.escape(template)))


def _exists(made: list[Made], key: str) -> bool:
    return any(pattern.fullmatch(key) for pattern, *_ in made)


def _lifecycles(cast: _Cast, made: list[Made], key: str) -> list[Subject]:
    """Return the lifecycles a token under *key* may have: a key may be made more than once."""
    names = {name for pattern, name, _ in made if pattern.fullmatch(key)}
    return [cast.lifecycles[name] for name in names] if names <= cast.lifecycles.keys() else []


def _nobody(s: Subject, made: list[Made], name: str, place: Path, *, key: bool = False) -> Diagnostic:
    keys = [written for _, _, written in made]
    help = did_you_mean(name, keys, otherwise=f"so far there is: {listed(keys)}" if keys else None)
    return s.found("TF231", f"no step before this made the key `{name}`", *place, key=key, help=help)


def _in_world(
    s: Subject, kind: str, name: str, known: Collection[str], place: Path, *, key: bool = False
) -> Iterator[Diagnostic]:
    if name not in known:
        otherwise = f"there is: {listed(known)}" if known else f"`world:` has no {kind}"
        help = did_you_mean(name, sorted(known), otherwise=otherwise)
        yield s.found("TF231", f"there is no {kind} `{name}` in this world", *place, key=key, help=help)


CHECKS: Final = (taking_part, told, people, of_people)
