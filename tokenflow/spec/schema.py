"""The four JSON Schemas, and a small interpreter for the keywords they use.

`jsonschema` would cost every command 78 ms and three packages (language.md §5.5), so it is used in
the tests only, where it must agree with this file on thousands of mutated documents. They also hold
that our schemas use nothing that is not interpreted here; what else a plugin's schema of options
uses is passed over.
"""

import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.spec.tree import Path

Schema: TypeAlias = Mapping[str, Any]

KINDS: Final = ("Lifecycle", "Issuer", "Tokens", "Scenario")
"""The kinds of document."""


@attrs.frozen(kw_only=True)
class Violation:
    """One keyword that a value does not satisfy."""

    path: Path
    keyword: str
    schema: Schema
    """The schema the keyword stands in."""
    value: Any
    definition: str | None = None
    """Name under $defs of that schema, e.g. `duration`."""
    key: str | None = None
    """The key meant: of an unknown, missing or misspelt one."""
    branches: "tuple[tuple[Violation, ...], ...]" = ()
    """What each alternative of an anyOf or oneOf said."""


@cache
def schema(kind: str) -> Schema:
    """Return the JSON Schema of *kind* (Lifecycle, Issuer, Tokens, Scenario); KeyError for another.

    It is the same one each time, and nobody's to change.
    """
    if kind not in KINDS:
        raise KeyError(kind)
    text = resources.files("tokenflow.spec").joinpath(f"{kind.lower()}.schema.json").read_text("utf-8")
    found: Schema = json.loads(text)
    return found


def violations(root: Schema, value: Any) -> Iterator[Violation]:
    """Yield all that *value* violates in the schema *root*."""
    yield from _check(root, root, value, (), None)


def resolve(root: Schema, found: Schema) -> tuple[Schema, str | None]:
    """Follow `$ref` within the document; return the schema and the name of its definition, if any."""
    name = None
    while "$ref" in found:
        name = found["$ref"].removeprefix("#/$defs/")
        found = root["$defs"][name]
    return found, name


def _check(root: Schema, found: Schema, value: Any, path: Path, name: str | None) -> Iterator[Violation]:
    if isinstance(found, bool):
        if not found:
            yield Violation(path=path, keyword="false", schema={}, value=value)
        return
    target, definition = resolve(root, found)
    name = definition or name
    for keyword, wanted in target.items():
        check = _KEYWORDS.get(keyword)
        if check is not None:
            yield from check(_Place(root, target, path, keyword, name), wanted, value)


@attrs.frozen
class _Place:
    root: Schema
    schema: Schema
    path: Path
    keyword: str
    definition: str | None

    def wrong(self, **what: Any) -> Violation:
        return Violation(keyword=self.keyword, schema=self.schema, definition=self.definition, **what)

    def below(self, found: Schema, value: Any, *steps: str | int) -> Iterator[Violation]:
        return _check(self.root, found, value, (*self.path, *steps), None)

    def holds(self, found: Schema, value: Any) -> bool:
        return next(self.below(found, value), None) is None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _number(value) and (isinstance(value, int) or value.is_integer()),
    "number": _number,
    "null": lambda value: value is None,
}


def has_type(value: Any, wanted: str | Sequence[str]) -> bool:
    """Return whether *value* has one of the JSON types *wanted*."""
    if isinstance(wanted, str):
        return _TYPES[wanted](value)
    return any(_TYPES[one](value) for one in wanted)


def matches(pattern: str, text: str) -> bool:
    """Search as ECMAScript does: a closing `$` is the end and nothing else, and digits are ASCII."""
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern, re.ASCII)


def _type(place: _Place, wanted: Any, value: Any) -> Iterator[Violation]:
    if not has_type(value, wanted):
        yield place.wrong(path=place.path, value=value)


def _enum(place: _Place, wanted: Any, value: Any) -> Iterator[Violation]:
    mark = _mark(value)
    if not any(_mark(one) == mark for one in wanted):
        yield place.wrong(path=place.path, value=value)


def _const(place: _Place, wanted: Any, value: Any) -> Iterator[Violation]:
    yield from _enum(place, [wanted], value)


def _pattern(place: _Place, wanted: str, value: Any) -> Iterator[Violation]:
    if isinstance(value, str) and not matches(wanted, value):
        yield place.wrong(path=place.path, value=value)


def _required(place: _Place, wanted: Sequence[str], value: Any) -> Iterator[Violation]:
    if isinstance(value, dict):
        for key in wanted:
            if key not in value:
                yield place.wrong(path=place.path, value=value, key=key)


def _properties(place: _Place, wanted: Mapping[str, Schema], value: Any) -> Iterator[Violation]:
    if isinstance(value, dict):
        for key, found in wanted.items():
            if key in value:
                yield from place.below(found, value[key], key)


def _pattern_properties(place: _Place, wanted: Mapping[str, Schema], value: Any) -> Iterator[Violation]:
    if isinstance(value, dict):
        for pattern, found in wanted.items():
            for key in value:
                if matches(pattern, key):
                    yield from place.below(found, value[key], key)


def declared(found: Schema, key: str) -> bool:
    """Return whether `properties` or `patternProperties` of *found* speak of *key*."""
    if key in found.get("properties", ()):
        return True
    return any(matches(p, key) for p in found.get("patternProperties", ()))


def _additional(place: _Place, wanted: Any, value: Any) -> Iterator[Violation]:
    if not isinstance(value, dict):
        return
    for key in value:
        if declared(place.schema, key):
            continue
        if wanted is False:
            yield place.wrong(path=place.path, value=value, key=key)
        else:
            yield from place.below(wanted, value[key], key)


def _names(place: _Place, wanted: Schema, value: Any) -> Iterator[Violation]:
    if isinstance(value, dict):
        for key in value:
            for one in place.below(wanted, key):
                yield attrs.evolve(one, key=key)


def _items(place: _Place, wanted: Schema, value: Any) -> Iterator[Violation]:
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from place.below(wanted, one, index)


def _unique(place: _Place, wanted: bool, value: Any) -> Iterator[Violation]:
    if wanted and isinstance(value, list):
        seen = set()
        for index, one in enumerate(value):
            if (mark := _mark(one)) in seen:
                yield place.wrong(path=(*place.path, index), value=one)
            seen.add(mark)


def _mark(value: Any) -> Hashable:
    """Return what is equal for equal JSON values only: true is not 1, and 1.0 is."""
    if isinstance(value, list):
        return ("list", *map(_mark, value))
    if isinstance(value, dict):
        return ("dict", frozenset((key, _mark(one)) for key, one in value.items()))
    return (isinstance(value, bool), value)


def _size(of: type, fits: Callable[[int, int], bool]) -> Callable[[_Place, int, Any], Iterator[Violation]]:
    def check(place: _Place, wanted: int, value: Any) -> Iterator[Violation]:
        if isinstance(value, of) and not fits(len(value), wanted):  # type: ignore[arg-type]
            yield place.wrong(path=place.path, value=value)

    return check


def _bound(fits: Callable[[float, float], bool]) -> Callable[[_Place, float, Any], Iterator[Violation]]:
    def check(place: _Place, wanted: float, value: Any) -> Iterator[Violation]:
        if _number(value) and not fits(value, wanted):
            yield place.wrong(path=place.path, value=value)

    return check


def _at_least(have: float, wanted: float) -> bool:
    return have >= wanted


def _at_most(have: float, wanted: float) -> bool:
    return have <= wanted


def _any_of(place: _Place, wanted: Sequence[Schema], value: Any) -> Iterator[Violation]:
    branches = tuple(tuple(place.below(one, value)) for one in wanted)
    if all(branches):
        yield place.wrong(path=place.path, value=value, branches=branches)


def _one_of(place: _Place, wanted: Sequence[Schema], value: Any) -> Iterator[Violation]:
    branches = tuple(tuple(place.below(one, value)) for one in wanted)
    if sum(not branch for branch in branches) != 1:
        yield place.wrong(path=place.path, value=value, branches=branches)


def _if(place: _Place, wanted: Schema, value: Any) -> Iterator[Violation]:
    branch = place.schema.get("then" if place.holds(wanted, value) else "else")
    if branch is not None:
        yield from place.below(branch, value)


_KEYWORDS: Final[Mapping[str, Callable[[_Place, Any, Any], Iterator[Violation]]]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "uniqueItems": _unique,
    "minLength": _size(str, _at_least),
    "maxLength": _size(str, _at_most),
    "minItems": _size(list, _at_least),
    "maxItems": _size(list, _at_most),
    "minProperties": _size(dict, _at_least),
    "maxProperties": _size(dict, _at_most),
    "minimum": _bound(_at_least),
    "maximum": _bound(_at_most),
    "anyOf": _any_of,
    "oneOf": _one_of,
    "if": _if,
}
