"""Words for people: near misses, and what a value is called."""

import difflib
import json
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any, Final

from tokenflow.spec.secrecy import redact

_LONGEST: Final = 60
"""A quoted value is cut here."""
_MOST: Final = 200
"""Options looked through for a near miss: comparing words is slow, and files may be hostile."""
_LISTED: Final = 16
"""Options named in a message."""


def nearest(word: object, options: Iterable[object]) -> str | None:
    """Return the option that *word* was probably meant to be, or None."""
    near = [redact(str(one))[:_LONGEST] for one in islice(options, _MOST)]
    found = difflib.get_close_matches(str(word)[:_LONGEST], near, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: object, options: Iterable[object], *, otherwise: str | None = None) -> str | None:
    """Return "did you mean `x`?", or *otherwise* when nothing is near."""
    found = nearest(word, options)
    return f"did you mean `{found}`?" if found else otherwise


def listed(options: Collection[str]) -> str:
    """Return the options by name, sorted; only the first of very many."""
    names = sorted(options)
    return ", ".join(names[:_LISTED]) + (" ..." if len(names) > _LISTED else "")


def shown(value: Any) -> str:
    """Return *value* as it is quoted in a message: cut, and without what looks like a secret.

    What is cut would no longer be known for one.
    """
    text = redact(value if isinstance(value, str) else json.dumps(value, default=str))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def called(value: Any) -> str:
    """Return what kind of thing *value* is, for people."""
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, int | float):
        return "a number"
    kinds = ((dict, "a mapping"), (list, "a list"), (str, "text"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")
