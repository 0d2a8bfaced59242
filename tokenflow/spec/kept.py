"""A resolved lifecycle that a store keeps, as a document: what tokens live by when its file is long gone."""

from collections.abc import Mapping
from typing import Any

from tokenflow.spec.diagnostics import Span
from tokenflow.spec.documents import Document
from tokenflow.spec.tree import Node


def kept(data: Mapping[str, Any], *, digest: str, label: str) -> Document:
    """Return the document that *data* was resolved from; its places name *label*, and no line."""
    span = Span(file=label, line=0, col=1, end_col=2)
    return Document(
        kind=data.get("kind", "Lifecycle"),
        name=data["metadata"]["name"],
        version=data["metadata"]["version"],
        data=dict(data),
        digest=digest,
        path=label,
        root=_node(data, span),
    )


def _node(value: Any, span: Span) -> Node:
    if isinstance(value, Mapping):
        return Node(span=span, key=span, items={name: _node(inner, span) for name, inner in value.items()})
    if isinstance(value, list):
        return Node(span=span, key=span, elements=[_node(inner, span) for inner in value])
    return Node(span=span, key=span, value=value)
