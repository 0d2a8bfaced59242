"""FBSDKAuthenticationToken, archived: the ID token of a Limited Login (facebook.md §5.2, §5.7)."""

from typing import Any, Final

import attrs

from tokenflow import PayloadError, Secret
from tokenflow_ios.keychain import archived
from tokenflow_ios.writing import BINARY, Form, Objects

CLASS: Final = "FBSDKAuthenticationToken"
_JWT: Final = f"{CLASS}TokenStringCodingKey"
_NONCE: Final = f"{CLASS}NonceCodingKey"
_DOMAIN: Final = f"{CLASS}GraphDomainCodingKey"


@attrs.frozen(kw_only=True)
class AuthenticationToken:
    """One FBSDKAuthenticationToken."""

    token_string: Secret = attrs.field(hash=False)
    """header.claims.signature, as it was issued."""
    nonce: str
    graph_domain: str | None = "facebook"


def decode(payload: Any) -> AuthenticationToken:
    """Return the ID token in *payload*, archived or in its keychain item; nothing is verified.

    Raises PayloadError: truncated, unknown_version, malformed.
    """
    archive = archived(payload, CLASS)
    token, nonce, domain = (archive.follow(archive.root.get(name)) for name in (_JWT, _NONCE, _DOMAIN))
    if not isinstance(token, str) or not token.isascii() or token.count(".") != 2:
        raise PayloadError("malformed", "the archive holds no ID token")
    if not isinstance(nonce, str) or not nonce or not nonce.isprintable():
        raise PayloadError("malformed", "the archive holds no nonce")
    return AuthenticationToken(
        token_string=Secret(token), nonce=nonce, graph_domain=domain if isinstance(domain, str) else None
    )


def encode(token: AuthenticationToken, form: Form = BINARY) -> bytes:
    """Return *token* archived, as a binary or an XML property list."""
    objects = Objects()
    root = objects.reserve()
    fields = {
        _JWT: objects.put(token.token_string.reveal()),
        _NONCE: objects.put(token.nonce),
        _DOMAIN: objects.put(token.graph_domain),
    }
    return objects.written(objects.fill(root, CLASS, fields), form)
