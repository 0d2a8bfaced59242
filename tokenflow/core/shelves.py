"""What is kept beside the tokens under a name, sealed: flows ask for it by these effects."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs


@attrs.frozen
class PutAway:
    """Ask to keep *content* sealed under a name; what stood there is replaced."""

    shelf: str
    name: str
    content: Mapping[str, Any] = attrs.field(repr=False)
    """Plain facts, as JSON has them."""


@attrs.frozen
class LookUp:
    """Ask what is kept under a name; answered by it or None, and it stays."""

    shelf: str
    name: str


@attrs.frozen
class TakeAway:
    """Ask for what is kept under a name, removing it; of any number who ask, one gets it."""

    shelf: str
    name: str


@attrs.frozen
class NamesOn:
    """Ask for the names on a shelf, sorted."""

    shelf: str


OnShelf: TypeAlias = PutAway | LookUp | TakeAway | NamesOn
