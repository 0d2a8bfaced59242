"""What a file's text comes to by itself, typed and checked by its kind's schema, and over its parent.

Both hang on nothing but the text and what the file is called, and cost more than all that follows. A
command needs some documents many times (each lifecycle of a folder has the same parent and the same
issuer), so what was read of the last few texts is kept.
"""

from functools import lru_cache
from itertools import islice

import attrs

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.explaining import diagnostic, explained
from tokenflow.spec.lint import MOST, lint
from tokenflow.spec.merging import merged
from tokenflow.spec.names import Names
from tokenflow.spec.reading import KEPT, SMALL, read
from tokenflow.spec.schema import KINDS, Schema, schema, violations
from tokenflow.spec.tree import Node
from tokenflow.spec.typed import retyped
from tokenflow.spec.words import called, did_you_mean, shown


@attrs.frozen(eq=False)
class Tree:
    """A typed tree; one is never equal to another, for it stands for the texts that it came of."""

    root: Node


@attrs.frozen(eq=False)
class Written:
    """What one file's text comes to, before any parent."""

    own: Node | None
    """The tree as it was written; None when the text is no YAML at all."""
    tree: Tree | None
    """The tree as its kind's schema types it; None when there is no such kind."""
    problems: tuple[Diagnostic, ...]
    """Of the text and its shape."""


def written(content: bytes, file: str) -> Written:
    """Return what *content* comes to; *file* is what its diagnostics call it. Never raises."""
    return (_kept if len(content) <= SMALL else _written)(content, file)


def _written(content: bytes, file: str) -> Written:
    reading = read(content, file)
    own = reading.root
    if own is None:
        return Written(None, None, reading.problems)
    root, shape = _shaped(own)
    problems = (*reading.problems, *shape)
    return Written(own, None if root is None else Tree(root), problems)


_kept = lru_cache(maxsize=KEPT)(_written)


@lru_cache(maxsize=KEPT)
def completed(parent: Tree, child: Tree) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """Return *child* with what it inherits, and the problems that only the whole shows.

    Such is e.g. a final state that inherited a way out.
    """
    whole, unmet = merged(parent.root, child.root)
    shape = _shape_problems(schema(str(whole.find(("kind",)).value)), whole)
    return Tree(whole), (*unmet, *shape)


@lru_cache(maxsize=KEPT)
def alone(tree: Tree, names: Names) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a document of the right shape, as far as no other need be looked at."""
    return lint(tree.root, names)


def _shaped(root: Node) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    """Type the tree by its kind's schema and check it against that."""
    if root.items is None:
        message = f"a spec is a mapping, and this is {called(root.data())}"
        return None, (diagnostic("TF013", message, root.span, "start with `apiVersion: tokenflow/v1`"),)
    kind = root.find(("kind",))
    if kind is root or kind.value not in KINDS:
        was = "" if kind is root else f", not `{shown(kind.data())}`"
        help = did_you_mean(kind.value, KINDS) if kind is not root else None
        return None, (diagnostic("TF010", f"`kind` is one of {', '.join(KINDS)}{was}", kind.span, help),)
    rules = schema(str(kind.value))
    root = retyped(rules, root)
    return root, _shape_problems(rules, root, partial="extends" in (root.items or {}))


def _shape_problems(rules: Schema, root: Node, *, partial: bool = False) -> tuple[Diagnostic, ...]:
    """Check against the schema. What a *partial* document lacks inside a block, its parent may have."""
    found = violations(rules, root.data())
    if partial:
        found = (one for one in found if one.keyword != "required" or one.path[:1] in ((), ("metadata",)))
    told = (one for violation in islice(found, MOST) for one in explained(root, violation))
    return tuple(dict.fromkeys(told))
