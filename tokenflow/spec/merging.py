"""`extends` and `remove`: maps merge key by key, lists and scalars replace, positions go along."""

import attrs

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.explaining import diagnostic
from tokenflow.spec.tree import Node
from tokenflow.spec.words import did_you_mean

_OWN = frozenset({"abstract", "extends", "remove"})
"""Keys that speak of one file only and are not inherited."""


def merged(parent: Node, child: Node) -> tuple[Node, tuple[Diagnostic, ...]]:
    """Return *child* on top of *parent* without what it removes, and the removals that meet nothing."""
    base = attrs.evolve(parent, items={k: v for k, v in (parent.items or {}).items() if k not in _OWN})
    problems = []
    for entry in child.find(("remove",)).elements or ():
        path = tuple(str(entry.value).split("."))
        before = base.find(path[:-1])
        if base.find(path) is before or path[-1] not in (before.items or {}):
            near = did_you_mean(path[-1], before.items or {})
            problems.append(
                diagnostic(
                    "TF022",
                    f"`remove` names `{entry.value}`, which the parent does not have",
                    entry.span,
                    near,
                )
            )
        else:
            base = _without(base, path)
    return _over(base, child), tuple(problems)


def _without(node: Node, path: tuple[str, ...]) -> Node:
    items = dict(node.items or {})
    if len(path) == 1:
        del items[path[0]]
    else:
        items[path[0]] = _without(items[path[0]], path[1:])
    return attrs.evolve(node, items=items)


def _over(base: Node, child: Node) -> Node:
    if base.items is None or child.items is None:
        return child
    items = dict(base.items)
    for key, node in child.items.items():
        items[key] = _over(items[key], node) if key in items else node
    return attrs.evolve(child, items=items)
