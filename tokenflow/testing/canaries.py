"""Secrets made to be looked for: whoever tests that nothing leaks plants them, and finds none.

A canary is random, so that it stands nowhere by chance, and it is announced, so that whoever searches
knows it without being told by each test.
"""

import secrets
import sys
from typing import Final

EVENT: Final = "tokenflow.testing.canary"
"""The audit event (`sys.addaudithook`) that announces one: its kind, and its text."""
_BYTES: Final = 18


def canary(kind: str) -> str:
    """Return a new secret text to plant, 144 random bits behind its *kind* (`app-secret`)."""
    text = f"canary-{kind}-{secrets.token_urlsafe(_BYTES)}"
    sys.audit(EVENT, kind, text)
    return text
