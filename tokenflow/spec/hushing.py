"""Messages without the secrets of the document they are about.

What looks like a secret is masked wherever it stands (see `secrecy`). What is one only by its place,
such as a password below `client_secret`, looks like any word; whatever message quotes it, it is known
here.
"""

from collections.abc import Iterator
from typing import Final

import attrs

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.reading import is_secret
from tokenflow.spec.secrecy import SHORTEST
from tokenflow.spec.tree import Node

_CUT: Final = 57
"""Characters that are left of a quoted value that was cut (see `words.shown`)."""


def hushed(root: Node, problems: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return the *problems* of the document *root*, its secrets replaced by stars in what they say."""
    secrets = sorted(set(_secrets(root)), key=len, reverse=True) if problems else ()
    return tuple(_without(secrets, one) for one in problems) if secrets else problems


def _secrets(root: Node) -> Iterator[str]:
    """Yield the texts that are secrets, and what a message would quote of the long ones."""
    declared = root.child("secrets")
    names = frozenset() if declared is None else frozenset(declared.items or ())
    for path, node in root.scalars():
        text = node.value
        if isinstance(text, str) and len(text) >= SHORTEST and text not in names and is_secret(path, text):
            yield text
            yield text[:_CUT]


def _without(secrets: list[str] | tuple[str, ...], one: Diagnostic) -> Diagnostic:
    def stars(said: str) -> str:
        for text in secrets:
            said = said.replace(text, "*" * len(text))
        return said

    return attrs.evolve(one, message=stars(one.message), help=None if one.help is None else stars(one.help))
