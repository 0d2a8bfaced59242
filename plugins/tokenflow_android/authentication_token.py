"""The ID token of a Limited Login, as the SDK keeps it: its text, and what it says (facebook.md §4.2, §5.7).

It is no access token: no Graph call takes it.
"""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from tokenflow import PayloadError, Secret
from tokenflow_android.fields import json_object, name_of, secret_text
from tokenflow_android.json_text import json_text
from tokenflow_android.preferences import text_in
from tokenflow_android.shared_preferences import Entries, Entry, read, written

FILE: Final = "com.facebook.AuthenticationTokenManager.SharedPreferences.xml"
KEY: Final = "com.facebook.AuthenticationManager.CachedAuthenticationToken"


@attrs.frozen(kw_only=True)
class AuthenticationToken:
    """One AuthenticationToken of the Android SDK."""

    token: Secret = attrs.field(hash=False)
    """header.claims.signature, as it was issued."""
    expected_nonce: str
    header: Mapping[str, Any] = attrs.field(hash=False)
    claims: Mapping[str, Any] = attrs.field(hash=False)
    signature: Secret = attrs.field(hash=False)


def decode(payload: bytes | str | Mapping[str, Any]) -> AuthenticationToken:
    """Return the ID token in *payload*: the preferences file, or the JSON in it.

    Raises PayloadError: truncated, malformed. Nothing is verified: that takes the issuer's keys.
    """
    if not isinstance(payload, Mapping) and payload.lstrip()[:1] in ("<", b"<"):
        payload = text_in(read(payload), KEY)
    fields = json_object(payload)
    return AuthenticationToken(
        token=secret_text(fields, "token_string"),
        expected_nonce=name_of(fields, "expected_nonce"),
        header=_object(fields, "header"),
        claims=_object(fields, "claims"),
        signature=secret_text(fields, "signature"),
    )


def of_jwt(token: Secret, nonce: str) -> AuthenticationToken:
    """Return what the SDK keeps of the ID token *token*; raises PayloadError (malformed)."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        raise PayloadError("malformed", "the ID token has not three parts")
    return AuthenticationToken(
        token=token,
        expected_nonce=nonce,
        header=_decoded(parts[0]),
        claims=_decoded(parts[1]),
        signature=Secret(parts[2]),
    )


def encode(token: AuthenticationToken) -> str:
    """Return the JSON the SDK writes for *token*."""
    return json_text(
        {
            "token_string": token.token.reveal(),
            "expected_nonce": token.expected_nonce,
            "header": token.header,
            "claims": token.claims,
            "signature": token.signature.reveal(),
        }
    )


def encode_preferences(token: AuthenticationToken, into: Entries | None = None) -> str:
    """Return the preferences file with *token* in it; of *into*, what the file holds now, the rest stays."""
    return written({**(into or {}), KEY: Entry("string", encode(token))})


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if not isinstance(value, Mapping):
        raise PayloadError("malformed", f"{name} is not an object")
    return value


def _decoded(part: str) -> Mapping[str, Any]:
    found: Any = None
    with suppress(ValueError, RecursionError):
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(found, dict):
        raise PayloadError("malformed", "the ID token's parts are no JSON objects")
    return found
