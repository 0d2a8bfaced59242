"""Which login to ask a person for, where a lifecycle offers several: the one that mends what is lacking.

A lifecycle tells its logins apart by `with: {auth_type: ...}`; what is lacking are facts of the token.
"""

from typing import Final

from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import Token

_LACKS: Final = (
    ("data_access", "reauthorize", "access to data {}"),
    ("expired_scopes", "reauthorize", "not used for too long: {}"),
    ("declined_scopes", "rerequest", "declined: {}"),
)
"""Fact of the token, the auth_type that mends it, and how it is said; the first that is lacking counts."""
_WORDS: Final = {"ending": "is ending", "over": "is over"}


def wanted(lifecycle: Lifecycle, token: Token) -> tuple[str, str] | None:
    """Return the acquisition to ask a person for, and why; None where nothing is lacking, or none helps."""
    for fact, auth_type, why in _LACKS:
        value = token.attributes.get(fact)
        said = _WORDS.get(value) if isinstance(value, str) else ", ".join(value or ())
        ways = [
            name for name, way in lifecycle.acquisitions.items() if way.options.get("auth_type") == auth_type
        ]
        if said and ways:
            return ways[0], why.format(said)
    return None
