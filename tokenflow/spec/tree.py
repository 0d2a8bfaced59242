"""A YAML document as a tree of values that know where they stand.

Positions are part of each node, so whatever moves a node (merging, typing) moves its position too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from tokenflow.spec.diagnostics import Span

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root to a node."""


@attrs.frozen(kw_only=True)
class Node:
    """One value: a mapping of nodes, a list of nodes, or a scalar."""

    span: Span
    key: Span | None = None
    """Where its key stands, when it is in a mapping."""
    items: "Mapping[str, Node] | None" = None
    elements: "Sequence[Node] | None" = None
    value: Any = None
    """The scalar, typed by YAML's own rules."""
    raw: str | None = None
    """A plain scalar as it was written, before typing; None when it was quoted."""

    def at_key(self, key: Span) -> "Node":
        """Return this value as that of the key at *key*; where nothing is written, it is there itself."""
        return Node(  # not attrs.evolve, which costs five times as much, on the way of every load
            span=key if self.raw == "" else self.span,
            key=key,
            items=self.items,
            elements=self.elements,
            value=self.value,
            raw=self.raw,
        )

    def child(self, step: str | int) -> "Node | None":
        """Return the node under a key or an index, or None."""
        if isinstance(step, str):
            return self.items.get(step) if self.items is not None else None
        if self.elements is None or not 0 <= step < len(self.elements):
            return None
        return self.elements[step]

    def find(self, path: Path) -> "Node":
        """Return the node at *path*, or the nearest one above it."""
        node = self
        for step in path:
            found = node.child(step)
            if found is None:
                return node
            node = found
        return node

    def where(self, path: Path, *, key: bool = False) -> Span:
        """Return the place of the value at *path* (or of its key), or of the nearest thing above it."""
        node = self.find(path)
        return node.key if key and node.key is not None else node.span

    def data(self) -> Any:
        """Return the plain value: dicts, lists and scalars."""
        if self.items is not None:
            return {name: node.data() for name, node in self.items.items()}
        if self.elements is not None:
            return [node.data() for node in self.elements]
        return self.value

    def scalars(self, path: Path = ()) -> "Iterator[tuple[Path, Node]]":
        """Yield every scalar below, with its path."""
        if self.items is not None:
            for name, node in self.items.items():
                yield from node.scalars((*path, name))
        elif self.elements is not None:
            for index, node in enumerate(self.elements):
                yield from node.scalars((*path, index))
        else:
            yield path, self

    def respanned(self, change: Callable[[Span], Span]) -> "Node":
        """Return the tree with every span changed."""
        return Node(  # not attrs.evolve, as above
            span=change(self.span),
            key=None if self.key is None else change(self.key),
            items=None if self.items is None else {n: one.respanned(change) for n, one in self.items.items()},
            elements=None if self.elements is None else [one.respanned(change) for one in self.elements],
            value=self.value,
            raw=self.raw,
        )
