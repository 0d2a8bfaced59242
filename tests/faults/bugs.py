"""Mistakes one could make in the product, as patches by name: each is caught, or the harness is blind."""

from collections.abc import Callable
from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Bug:
    """One mistake."""

    sow: Callable[[], None]
    """Patch the product, in a process of the harness's own."""
    campaign: str
    """Which campaign has to catch it."""
    caught_by: tuple[str, ...]
    """How a failure begins that shows it."""


BUGS: Final[dict[str, Bug]] = {}
