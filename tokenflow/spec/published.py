"""The schemas as editors read them: a document that extends another may leave parts to its parent.

`documents` lets a child be incomplete and checks what the merge makes of it; no schema can look into
another file. So what is published holds each definition twice, whole and in part, and `extends`
decides which of them a document is held against.
"""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow.spec.schema import schema

_HEAD: Final = ("$schema", "$id", "title", "description", "type")
_PART: Final = "_in_part"
_ALWAYS: Final = ("metadata",)
"""What no parent completes."""
_AS_IS: Final = frozenset({"if", "anyOf", "oneOf", "enum", "const", "examples"})
"""What tells one shape from another, and lists of values: nothing is left out of these."""


def published(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of *kind* for editors and programs; KeyError for another kind."""
    whole = schema(kind)
    if "extends" not in whole["properties"]:
        return dict(whole)
    definitions, body = whole["$defs"], {k: v for k, v in whole.items() if k not in (*_HEAD, "$defs")}
    asked, more = body.pop("if"), body.pop("else")
    parts = {name + _PART: _in_part(found) for name, found in definitions.items() if name not in _ALWAYS}
    head = {name: whole[name] for name in _HEAD}
    child = {**_in_part(body), "required": body["required"]}
    entire = {**body, "required": [*body["required"], *more["required"]]}
    return {**head, "if": asked, "then": child, "else": entire, "$defs": {**definitions, **parts}}


def _in_part(found: Any) -> Any:
    """Return a schema that demands no key of a block."""
    if isinstance(found, list):
        return [_in_part(one) for one in found]
    if not isinstance(found, Mapping):
        return found
    return {
        name: _renamed(inner) if name == "$ref" else inner if name in _AS_IS else _in_part(inner)
        for name, inner in found.items()
        if not (name == "required" and isinstance(inner, list))
    }


def _renamed(reference: str) -> str:
    return reference if reference.rpartition("/")[2] in _ALWAYS else reference + _PART
