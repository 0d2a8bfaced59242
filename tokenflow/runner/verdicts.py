"""What the machine says of a condition or an event before it happens, in words (rule E2)."""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow.core.conditions import UNKNOWN, View

WORDS: Final[Mapping[Any, str]] = {True: "yes", False: "no", UNKNOWN: "depends"}
"""A verdict -> its word; `depends` is what the event itself would tell."""


def asked(condition: Any, view: View) -> str:
    """Return yes, no, depends, or error where the condition cannot be asked."""
    try:
        return WORDS[condition.check(view)]
    except Exception:  # noqa: BLE001  # a plugin's guard may raise anything; that is never "no"
        return "error"
