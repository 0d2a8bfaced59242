"""Confirmation codes: who asked for a deletion may ask, later, whether it was done.

A code is keyed with the app's secret and says when it ends; there is nothing of the person in it. The
same message has the same code, so that an answer that was lost is given again. Only its digest is kept.
"""

import hashlib
import hmac
import re
from typing import Final

import attrs

from tokenflow.core.secret import Secret
from tokenflow.core.tokens import DAY, SECOND, Instant

ANSWERED_FOR: Final = 365 * DAY
"""How long after a deletion its code is answered, microseconds."""

_CODE: Final = re.compile(r"[0-9a-f]{40}")
_END: Final = 8
"""Hex digits of a code that say when it ends, in epoch seconds."""


@attrs.frozen(kw_only=True)
class Deletion:
    """What became of a deletion: who asks by its code is told no more than that."""

    done: Instant
    """When the tokens that were held of the person had been given up."""


def confirmation_code(message: str, secret: Secret, asked: Instant) -> str:
    """Return the code of a *message* that asked for a deletion: 40 hex digits, 128 bits of them keyed."""
    digest = hmac.digest(secret.reveal().encode(), f"deletion:{message}".encode(), "sha256")
    return f"{(asked + ANSWERED_FOR) // SECOND:08x}{digest.hex()[:32]}"


def place_of(code: str, tenant: str) -> str | None:
    """Return the name a deletion is kept under, the earliest end first; None when *code* is none."""
    if _CODE.fullmatch(code) is None:
        return None
    return f"{code[:_END]}/{tenant}/{hashlib.sha256(code.encode()).hexdigest()}"


def is_over(place: str, now: Instant) -> bool:
    """Return whether what is kept at *place* is answered for no more."""
    return int(place[:_END], 16) * SECOND < now
