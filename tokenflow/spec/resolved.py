"""The merged document as YAML again, each key with the place it was written at."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from tokenflow.spec.documents import Document
from tokenflow.spec.tree import Node

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_TYPED: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_COLUMN: Final = 56
"""Where the comments stand, for lines that leave room."""


def resolved(document: Document) -> str:
    """Return *document* with its parents merged in, `# file:line` behind each key.

    Secrets stand in it as references, as in every spec. Read again it is the same document.
    """
    return "\n".join(_mapping(document.root, "")) + "\n"


def _mapping(node: Node, indent: str) -> Iterator[str]:
    for name, value in (node.items or {}).items():
        place = value.key if value.key is not None else value.span
        head = f"{indent}{_scalar(name)}:"
        if value.items or (value.elements and not _inline(value)):
            yield _noted(head, f"{place.file}:{place.line}")
            yield from _block(value, indent + "  ")
        else:
            yield _noted(f"{head} {_inlined(value)}", f"{place.file}:{place.line}")


def _block(node: Node, indent: str) -> Iterator[str]:
    if node.items is not None:
        yield from _mapping(node, indent)
        return
    for element in node.elements or ():
        lines = list(_block(element, indent + "  ")) if element.items or not _inline(element) else []
        if lines:
            yield f"{indent}- {lines[0][len(indent) + 2 :]}"
            yield from lines[1:]
        else:
            yield _noted(f"{indent}- {_inlined(element)}", f"{element.span.file}:{element.span.line}")


def _inline(node: Node) -> bool:
    """Whether it goes on one line: a scalar, or a list of scalars."""
    return not node.items and all(not one.items and not one.elements for one in node.elements or ())


def _inlined(node: Node) -> str:
    if node.items is not None:
        return "{}"
    if node.elements is not None:
        return f"[{', '.join(_inlined(one) for one in node.elements)}]"
    return _scalar(node.value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _TYPED:
        return value
    return json.dumps(value, ensure_ascii=False)


def _noted(line: str, place: str) -> str:
    return f"{line:<{_COLUMN}}  # {place}"
