"""Proof Key for Code Exchange (RFC 7636): a stolen code is worth nothing without the verifier.

Only S256: `plain` shows the verifier to whoever can steal the code (RFC 9700 §2.1.1).
"""

import base64
import hashlib
import re
from typing import Final

from tokenflow import Secret

_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def is_verifier(text: str) -> bool:
    """Return whether *text* may be a code_verifier: 43 to 128 unreserved characters (RFC 7636 §4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def challenge(verifier: Secret) -> str:
    """Return the S256 code_challenge of *verifier* (RFC 7636 §4.2); raises ValueError for no verifier."""
    if not is_verifier(verifier.reveal()):
        raise ValueError("a code_verifier has 43 to 128 unreserved characters (RFC 7636 §4.1)")
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
