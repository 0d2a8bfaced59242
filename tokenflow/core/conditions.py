"""Guards: structured predicates that explain themselves, in three-valued logic (rules E1, E2).

A condition reads declared facts (token, event, app, platform, parent, request) and never a secret.
It is True, False, or UNKNOWN when it asks for the payload of an event that has not happened yet.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

import attrs

from tokenflow.core.tokens import Token, frozen_mapping

GuardCheck: TypeAlias = Callable[["View", Any], bool]
"""A plugin's named guard: pure, no I/O, given the view and the spec's argument."""


class _Unknown(Enum):
    UNKNOWN = "unknown"


UNKNOWN: Final = _Unknown.UNKNOWN
Verdict: TypeAlias = bool | Literal[_Unknown.UNKNOWN]


def _facts(values: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if values is None else frozen_mapping(values)


@attrs.frozen(kw_only=True)
class View:
    """What a guard may see: facts, never a value of a token."""

    token: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    event: Mapping[str, Any] | None = attrs.field(default=None, converter=_facts)
    """None while no event has happened: then its fields are UNKNOWN."""
    app: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    platform: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    parent: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    request: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)

    def read(self, path: str) -> Any:
        """Return the fact *path* names, None if there is none, UNKNOWN for an event yet to come."""
        root, _, field = path.partition(".")
        facts = getattr(self, root)
        return UNKNOWN if facts is None else facts.get(field)


def token_facts(token: Token) -> dict[str, Any]:
    """Return the facts of *token* that conditions may read as `token.<name>` and `parent.<name>`."""
    return {
        **token.attributes,
        "scope": sorted(token.scope),
        "state": token.state,
        "platform": token.platform,
        "kind": token.kind.name,
        "reason": token.reason,
        "estimated": token.estimated,
        "ends_by_time": token.expires_at is not None,
    }


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "is": lambda have, want: bool(have == want),
    "is_not": lambda have, want: bool(have != want),
    "in": lambda have, want: have in want,
    "not_in": lambda have, want: have not in want,
    "has": lambda have, want: want in (have or ()),
    "lacks": lambda have, want: want not in (have or ()),
    "less_than": lambda have, want: have is not None and bool(have < want),
    "more_than": lambda have, want: have is not None and bool(have > want),
    "known": lambda have, want: (have is not None) is want,
}
_SIGNS: Final = {"is": "=", "is_not": "!=", "less_than": "<", "more_than": ">"}


@attrs.frozen
class Condition:
    """One compiled condition; `text` is what errors, `explain` and diagrams show."""

    text: str
    check: Callable[[View], Verdict] = attrs.field(eq=False, repr=False)

    def __str__(self) -> str:
        return self.text


def compile_conditions(specs: Sequence[Any], guards: Mapping[str, GuardCheck]) -> tuple[Condition, ...]:
    """Compile a `when:` list. Raises KeyError for a guard that *guards* does not hold."""
    return tuple(_compile(spec, guards) for spec in specs)


def _compile(spec: Any, guards: Mapping[str, GuardCheck]) -> Condition:
    if isinstance(spec, str):
        spec = {spec if "." in spec else f"guard.{spec}": True if "." in spec else None}
    ((name, argument),) = spec.items()
    if name == "not":
        return _negation(_compile(argument, guards))
    if name in ("any", "all"):
        return _group(name, compile_conditions(argument, guards))
    if name.startswith("guard."):
        return _named(name.removeprefix("guard."), argument, guards)
    return _comparison(name, argument)


def _negation(inner: Condition) -> Condition:
    def check(view: View) -> Verdict:
        verdict = inner.check(view)
        return verdict if verdict is UNKNOWN else not verdict

    return Condition(f"not {inner.text}", check)


def _group(name: str, parts: tuple[Condition, ...]) -> Condition:
    decisive = name == "any"

    def check(view: View) -> Verdict:
        verdicts = [part.check(view) for part in parts]
        if decisive in verdicts:
            return decisive
        return UNKNOWN if UNKNOWN in verdicts else not decisive

    joined = (" or " if decisive else " and ").join(part.text for part in parts)
    return Condition(f"({joined})" if len(parts) > 1 else joined, check)


def _named(name: str, argument: Any, guards: Mapping[str, GuardCheck]) -> Condition:
    guard = guards[name]
    shown = "" if argument is None else "..." if isinstance(argument, Mapping) else str(argument)
    return Condition(f"{name}({shown})", lambda view: bool(guard(view, argument)))


def _comparison(path: str, argument: Any) -> Condition:
    operator, want = next(iter(argument.items())) if isinstance(argument, Mapping) else ("is", argument)
    compare = _OPERATORS[operator]

    def check(view: View) -> Verdict:
        have = view.read(path)
        return UNKNOWN if have is UNKNOWN else compare(have, want)

    return Condition(f"{path} {_SIGNS.get(operator, operator)} {want}", check)
