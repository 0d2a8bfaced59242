"""Revocation (RFC 7009) and introspection (RFC 7662)."""

from tokenflow.sandbox import deaths, tokens
from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.errors import OAuthError
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import World

from . import issuing
from .clients import authenticated, confidential
from .discovery import issuer


def revoke(world: World, call: Call) -> dict[str, object]:
    """End a token; a refresh token takes its family along. An unknown one is no error (RFC 7009 §2.2)."""
    client = authenticated(world, call)
    value = call.get("token")
    if not value:
        raise OAuthError("invalid_request", "token is missing")
    token = tokens.find(world, value)
    if token is None or token.face != "oauth2":
        return {}
    if token.app_id != client.client_id:
        raise OAuthError("unauthorized_client", "the token belongs to another client")
    whole = issuing.of_family(world, str(token.family)) if token.kind == "refresh" else [token]
    tokens.kill(world, whole, deaths.REVOKED)
    return {}


def introspect(world: World, call: Call) -> dict[str, object]:
    """Say whether a token is active; whatever is not is only that (RFC 7662 §2.2)."""
    client = confidential(world, call)
    value = call.get("token")
    if not value:
        raise OAuthError("invalid_request", "token is missing")
    token = tokens.find(world, value)
    if (
        token is None
        or token.face != "oauth2"
        or token.app_id != client.client_id
        or tokens.death_of(world, token) is not None
    ):
        return {"active": False}
    answer: dict[str, object] = {
        "active": True,
        "client_id": token.app_id,
        "iss": issuer(call),
        "iat": token.issued_at // SECOND,
        "scope": " ".join(token.scope),
    }
    if token.kind == "access":
        answer |= {"token_type": "Bearer"}
    if token.user_id is not None:
        answer["sub"] = token.user_id
    if token.expires_at is not None:
        answer["exp"] = token.expires_at // SECOND
    return answer
