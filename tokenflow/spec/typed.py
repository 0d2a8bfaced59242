"""Schema-directed typing: where only text fits, a scalar is taken as it was written.

So `version: 1.10` is the text 1.10, a default of `007` keeps its zeros, and `id: 222` in a place for
text is "222"; nobody has to know which words YAML takes for numbers.
"""

from collections.abc import Iterator, Sequence

import attrs

from tokenflow.spec.schema import Schema, declared, has_type, matches, resolve
from tokenflow.spec.tree import Node


def retyped(root: Schema, node: Node) -> Node:
    """Return the tree with each scalar typed as the schema *root* allows."""
    return _retyped(root, tuple(_alternatives(root, root)), node)


def _retyped(root: Schema, schemas: Sequence[Schema], node: Node) -> Node:
    if node.items is not None:
        items = {
            key: _retyped(root, tuple(_under(root, schemas, key)), child) for key, child in node.items.items()
        }
        return attrs.evolve(node, items=items)
    if node.elements is not None:
        inner = tuple(
            one for found in schemas if "items" in found for one in _alternatives(root, found["items"])
        )
        return attrs.evolve(node, elements=[_retyped(root, inner, child) for child in node.elements])
    return _scalar(schemas, node)


def _alternatives(root: Schema, found: Schema) -> Iterator[Schema]:
    target, _ = resolve(root, found)
    yield target
    for keyword in ("anyOf", "oneOf"):
        for branch in target.get(keyword, ()):
            yield from _alternatives(root, branch)


def _under(root: Schema, schemas: Sequence[Schema], key: str) -> Iterator[Schema]:
    for found in schemas:
        if key in found.get("properties", {}):
            yield from _alternatives(root, found["properties"][key])
        for pattern, inner in found.get("patternProperties", {}).items():
            if matches(pattern, key):
                yield from _alternatives(root, inner)
        more = found.get("additionalProperties")
        if isinstance(more, dict) and not declared(found, key):
            yield from _alternatives(root, more)


def _types(found: Schema) -> Iterator[str]:
    if "type" in found:
        yield from [found["type"]] if isinstance(found["type"], str) else found["type"]
    elif any(isinstance(one, str) for one in (*found.get("enum", ()), found.get("const"))):
        yield "string"
    elif not any(keyword in found for keyword in ("anyOf", "oneOf", "enum", "const", "properties")):
        yield from ("string", "number", "boolean", "null")


def _scalar(schemas: Sequence[Schema], node: Node) -> Node:
    if node.raw is None or isinstance(node.value, str) or not schemas:
        return node
    allowed = [one for found in schemas for one in _types(found)]
    if has_type(node.value, allowed):
        return attrs.evolve(node, value=int(node.value)) if _whole(node.value, allowed) else node
    return attrs.evolve(node, value=node.raw) if "string" in allowed else node


def _whole(value: object, allowed: Sequence[str]) -> bool:
    return isinstance(value, float) and "number" not in allowed
