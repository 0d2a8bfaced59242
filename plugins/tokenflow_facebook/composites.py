"""`id|more`: app tokens and client tokens look alike, and the second half tells (facebook.md §1.8)."""

import hmac
import re
from collections.abc import Mapping
from typing import Final

import attrs

from tokenflow import Secret

_SECOND: Final = {"app": "app_secret", "client": "client_token"}
"""Kind -> the secret that its second half is."""
_ISSUED: Final = re.compile(r"[A-Za-z0-9_-]{27}")
"""The second half of an app token that Facebook issued, as far as anybody has seen."""


@attrs.frozen
class Composite:
    """What `id|more` is."""

    app: str
    """The app's id."""
    kind: str | None
    """app or client; None where it cannot be told."""
    sure: bool = attrs.field(kw_only=True)
    """Whether it was compared with the secret it is made of; else its looks say so, which is no promise."""


def composite(token: Secret, secrets: Mapping[str, Secret]) -> Composite | None:
    """Return what *token* is by its second half, or None where it is no app id with something after a bar.

    *secrets* are what is known of the app, `app_secret` and `client_token`, compared in constant time. Both
    are 32 hex digits: what is neither may be one that was replaced, and is not said to be the other.
    """
    app, _, half = token.reveal().partition("|")
    if not half or not (app.isascii() and app.isdigit()):
        return None
    equal = [kind for kind, name in _SECOND.items() if name in secrets and _same(half, secrets[name])]
    if len(equal) == 1:
        return Composite(app, equal[0], sure=True)
    if _ISSUED.fullmatch(half):
        return Composite(app, "app", sure=False)
    return Composite(app, None, sure=False)


def _same(half: str, secret: Secret) -> bool:
    return hmac.compare_digest(
        half.encode("utf-8", "surrogatepass"), secret.reveal().encode("utf-8", "surrogatepass")
    )
