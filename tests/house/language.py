"""docs/reference/language.md, written from the four JSON Schemas: each key, what it takes, what it means."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
Link: TypeAlias = Callable[[str], str]

KINDS: Final = ("Lifecycle", "Issuer", "Tokens", "Scenario")
NOTE: Final = "<!-- Written by `python3 dev.py docs --write`; change the JSON Schemas instead. -->"
_OPENING: Final = """\
Every key of every kind of document, what it takes, and what it means. An unknown key is a mistake
everywhere but below `metadata.labels`. How documents are written is told in
[write a lifecycle](../how-to/write-a-lifecycle.md) and
[describe an issuer](../how-to/describe-an-issuer.md); what the linter finds beyond this page has
[a list of its own](lint.md). For editors and programs the same is said by a JSON Schema for each kind:

{schemas}"""
_FOR_AUTHORS: Final = " Written in what JSON Schema"
"""Where a kind's description begins to speak of the schema instead of the document."""
_SIZES: Final = {"Length": "character", "Items": "item", "Properties": "key", "imum": ""}
"""What a keyword counts: `minLength`, `maxLength`, ..., and `minimum` and `maximum`."""


def language(house: Path) -> str:
    """Write the page: a section for each kind and its own definitions, and one for what several share."""
    roots = {
        kind: json.loads((house / "spec" / f"{kind.lower()}.schema.json").read_text("utf-8"))
        for kind in KINDS
    }
    homes = _homes(roots)
    schemas = "\n".join(f"- [{kind}](../schemas/{kind.lower()}.schema.json)" for kind in KINDS)
    lines = ["# The language", NOTE, _OPENING.format(schemas=schemas)]
    for kind, root in roots.items():
        link = _links(kind, homes)
        own = [name for (name, kinds) in homes if kinds == (kind,)]
        text = root["description"].partition(_FOR_AUTHORS)[0]
        lines += [f"## {kind}", text, *_keys({**root, "description": ""}, link)]
        for name in own:
            lines += [f"### {homes[name, (kind,)]}", *_definition(root["$defs"][name], link)]
    lines += ["## Shared", "What several kinds are made of."]
    for (name, kinds), heading in homes.items():
        if len(kinds) > 1:
            found = roots[kinds[0]]["$defs"][name]
            lines += [f"### {heading}", *_definition(found, _links(kinds[0], homes))]
    return "\n\n".join(line for line in lines if line) + "\n"


def _homes(roots: Mapping[str, Schema]) -> dict[tuple[str, tuple[str, ...]], str]:
    """Return (definition, the kinds it is the same in) -> its heading; one name may mean two things."""
    names = dict.fromkeys(name for root in roots.values() for name in root["$defs"])
    homes = {}
    for name in names:
        alike: dict[str, list[str]] = {}
        for kind, root in roots.items():
            if name in root["$defs"]:
                alike.setdefault(json.dumps(root["$defs"][name], sort_keys=True), []).append(kind)
        for kinds in alike.values():
            homes[name, tuple(kinds)] = name if len(alike) == 1 else f"{name} of {' and '.join(kinds)}"
    return homes


def _links(kind: str, homes: Mapping[tuple[str, tuple[str, ...]], str]) -> Link:
    """Return what makes a link of a `$ref` that stands in the schema of *kind*."""
    headings = {name: heading for (name, kinds), heading in homes.items() if kind in kinds}

    def link(reference: str) -> str:
        name = reference.removeprefix("#/$defs/")
        return f"[{name}](#{headings[name].lower().replace(' ', '-')})"

    return link


def _definition(found: Schema, link: Link) -> Iterator[str]:
    """Yield the paragraphs of one definition."""
    yield _sentence(found.get("description", ""))
    yield f"Takes: {_what(found, link)}.{_more(found)}"
    yield from _keys(found, link)


def _keys(found: Schema, link: Link) -> Iterator[str]:
    if lines := list(_below(found, link, 0)):
        yield "\n".join(lines)
    yield " ".join(_together(found))


def _below(found: Schema, link: Link, depth: int) -> Iterator[str]:
    """Yield a bullet for each key, value, item or alternative of *found*, with what is below that."""
    required = found.get("required", ())
    inner = [
        *(
            (f"`{key}`" + ", required" * (key in required), one)
            for key, one in found.get("properties", {}).items()
        ),
        *((f"a key like `{pattern}`", one) for pattern, one in found.get("patternProperties", {}).items()),
        *(("either", one) for one in found.get("anyOf", ()) if "$ref" in one or "description" in one),
    ]
    value, item = found.get("additionalProperties"), found.get("items")
    if isinstance(value, Mapping) and "$ref" not in value:
        inner.append(("each value", value))
    if isinstance(item, Mapping) and item.keys() - {"$ref", "type", "enum", "description"}:
        inner.append(("each item", item))
    for name, one in inner:
        text = _sentence(one.get("description", ""))
        yield f"{'  ' * depth}- {name}: {_what(one, link)}.{' ' * bool(text)}{text}{_more(one)}"
        yield from _below(one, link, depth + 1)
        if said := " ".join(_together(one)):
            yield f"{'  ' * (depth + 1)}- {said}"


def _what(found: Schema, link: Link) -> str:
    """Say in a few words what may stand there."""
    if "$ref" in found:
        return link(found["$ref"])
    if "const" in found:
        return f"`{_written(found['const'])}`"
    if "enum" in found:
        return _or([f"`{_written(one)}`" for one in found["enum"]])
    if "anyOf" in found and "type" not in found:
        return "one of these"
    kinds = found.get("type", "anything")
    return _or([_word(kind, found, link) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _word(kind: str, found: Schema, link: Link) -> str:
    if kind == "array":
        return f"list of {_what(found['items'], link)}" if "items" in found else "list"
    if kind == "object":
        names, value = found.get("propertyNames", {}), found.get("additionalProperties")
        if not isinstance(value, Mapping):
            return "mapping"
        key = _what(names, link) if names.keys() & {"$ref", "enum"} else "name"
        return f"mapping of {key} to {_what(value, link)}"
    return kind


def _more(found: Schema) -> str:
    """Say what else is asked of it, its default and examples; each a sentence after a space."""
    sizes = [*_sizes(found), *(["each once"] if found.get("uniqueItems") else [])]
    said = [f"{', '.join(sizes).capitalize()}."] if sizes else []
    said += [
        _sentence(one["patternErrorMessage"])
        for one in (found, found.get("propertyNames", {}))
        if "patternErrorMessage" in one
    ]
    if "default" in found:
        said.append(f"Default: `{_written(found['default'])}`.")
    if "examples" in found:
        said.append(f"For example {_or([f'`{_written(one)}`' for one in found['examples']])}.")
    return "".join(f" {one}" for one in said)


def _sizes(found: Schema) -> Iterator[str]:
    for counted, word in _SIZES.items():
        low, high = found.get(f"min{counted}"), found.get(f"max{counted}")
        if low is not None and low == high:
            yield f"exactly {low} {word}"
            continue
        for bound, text in ((low, "at least"), (high, "at most")):
            if bound is not None:
                yield f"{text} {bound} {word}{'s' * (word != '' and bound != 1)}".rstrip()


def _together(found: Schema) -> Iterator[str]:
    """Yield a sentence for each demand that several keys have to meet together."""
    for keyword, text in (("oneOf", "Exactly one of"), ("anyOf", "At least one of")):
        keys = [f"`{one['required'][0]}`" for one in found.get(keyword, ()) if one.keys() == {"required"}]
        if keys:
            yield f"{text} {_or(keys)}."
    if "if" in found:
        asked = found["if"]
        told = {key: one["const"] for key, one in asked.get("properties", {}).items()}
        keys = [f"`{key}: {_written(told[key])}`" if key in told else f"`{key}`" for key in asked["required"]]
        for word, branch in (("With", found.get("then")), ("Without", found.get("else"))):
            if branch:
                yield f"{word} {' and '.join(keys)}: {', '.join(_demands(branch))}."


def _demands(branch: Schema) -> Iterator[str]:
    yield from (f"`{key}` is required" for key in branch.get("required", ()))
    for key, one in branch.get("properties", {}).items():
        yield f"`{key}` is `{_written(one['const'])}`" if "const" in one else f"`{key}` is empty"


def _written(value: Any) -> str:
    """Return a value as YAML takes it: plain where it may be, and JSON otherwise."""
    plain = isinstance(value, str) and value.strip() == value != "" and ": " not in value and "," not in value
    return str(value) if plain else json.dumps(value)


def _or(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _sentence(text: str) -> str:
    return _shown(text) + "." * (text != "" and not text.endswith("."))


def _shown(text: str) -> str:
    """Escape what Markdown would take for HTML or emphasis, outside of `code`."""
    pieces = text.split("`")
    for index in range(0, len(pieces), 2):
        pieces[index] = pieces[index].replace("<", "&lt;").replace("_", r"\_").replace("*", r"\*")
    return "`".join(pieces)
