"""The response of FB.login and FB.getLoginStatus, both ways (facebook.md §3)."""

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import PayloadError, Secret
from tokenflow_javascript.fields import LONGEST, identity, json_object, seconds, text, token

STATUSES: Final = ("connected", "not_authorized", "unknown", "authorization_expired")
_END_OF_TIME: Final = 1 << 40
"""No instant lies beyond this many seconds since 1970."""


@attrs.frozen(kw_only=True)
class AuthResponse:
    """`authResponse`: the token and what came with it. None says that a field was absent."""

    access_token: Secret = attrs.field(hash=False)
    user_id: str
    expires_in: int | None = None
    """Seconds from now; 0 is never."""
    signed_request: Secret | None = attrs.field(default=None, hash=False)
    data_access_expiration_time: int | None = None
    """Seconds since 1970; 0 is never."""
    reauthorize_required_in: int | None = None
    """Seconds from now until data access ends."""
    graph_domain: str | None = None
    granted_scopes: frozenset[str] | None = None
    """Only with `return_scopes`."""


@attrs.frozen(kw_only=True)
class LoginResponse:
    """What the callback of FB.login is given: go by the status, not by whether a token is there."""

    status: str
    auth_response: AuthResponse | None = None


def decode(payload: Any) -> LoginResponse:
    """Return the response in *payload*; raises PayloadError (truncated, malformed)."""
    fields = json_object(payload)
    status = fields.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        raise PayloadError("malformed", f"status is none of {', '.join(STATUSES)}")
    auth = fields.get("authResponse")
    if auth is not None and not isinstance(auth, Mapping):
        raise PayloadError("malformed", "authResponse is not an object")
    if status == "connected" and not auth:
        raise PayloadError("malformed", "the status is connected, and there is no authResponse")
    return LoginResponse(status=status, auth_response=_auth(auth) if auth else None)


def _auth(fields: Mapping[str, Any]) -> AuthResponse:
    access_token, user_id = token(fields, "accessToken"), identity(fields, "userID")
    if access_token is None or user_id is None:
        raise PayloadError("malformed", "authResponse lacks accessToken or userID")
    scopes = text(fields, "grantedScopes")
    return AuthResponse(
        access_token=access_token,
        user_id=user_id,
        expires_in=seconds(fields, "expiresIn", LONGEST),
        signed_request=token(fields, "signedRequest"),
        data_access_expiration_time=seconds(fields, "data_access_expiration_time", _END_OF_TIME),
        reauthorize_required_in=seconds(fields, "reauthorize_required_in", LONGEST),
        graph_domain=text(fields, "graphDomain"),
        granted_scopes=None if scopes is None else frozenset(scopes.replace(",", " ").split()),
    )


def encode(response: LoginResponse) -> str:
    """Return the JSON text of *response*, as a page would send it to its server."""
    auth = response.auth_response
    if auth is None:
        return json.dumps({"status": response.status, "authResponse": None})
    fields: dict[str, object] = {
        "userID": auth.user_id,
        "expiresIn": auth.expires_in,
        "data_access_expiration_time": auth.data_access_expiration_time,
        "reauthorize_required_in": auth.reauthorize_required_in,
        "graphDomain": auth.graph_domain,
        "grantedScopes": None if auth.granted_scopes is None else ",".join(sorted(auth.granted_scopes)),
        "signedRequest": None if auth.signed_request is None else auth.signed_request.reveal(),
        "accessToken": auth.access_token.reveal(),
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return json.dumps({"status": response.status, "authResponse": known})
