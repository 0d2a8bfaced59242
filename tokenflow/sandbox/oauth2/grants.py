"""The token endpoint (RFC 6749 §3.2)."""

from collections.abc import Callable, Mapping

from tokenflow.sandbox import codes, deaths, tokens
from tokenflow.sandbox.errors import OAuthError
from tokenflow.sandbox.signing import s256, same
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Client, Code, World

from . import issuing, rotation
from .clients import authenticated
from .discovery import issuer
from .identity import identity_token

Body = dict[str, object]


def token(world: World, call: Call) -> Body:
    """Answer by grant type, to a client that proved itself first."""
    client = authenticated(world, call)
    grant_type = call.get("grant_type")
    if not grant_type:
        raise OAuthError("invalid_request", "grant_type is missing")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise OAuthError("unsupported_grant_type", "no such grant is served here")
    return grant(world, client, call)


def authorization_code(world: World, client: Client, call: Call) -> Body:
    """Exchange a code; a second use ends what the first one gave (RFC 6749 §4.1.2)."""
    code = world.codes.get(call.get("code") or "")
    if code is None or code.face != "oauth2" or code.app_id != client.client_id:
        raise OAuthError("invalid_grant", "no such code was given to this client")
    if code.used:
        tokens.kill(world, issuing.of_family(world, code.id), deaths.REPLAYED)
        raise OAuthError("invalid_grant", "the code was used before; what came of it is revoked")
    _check_code(world, client, call, code)
    codes.use_code(world, code)
    access = issuing.access_token(world, client, code.user_id, code.scope, code.id)
    refresh = issuing.refresh_token(world, client, code.user_id, code.scope, code.id, 1)
    body = issuing.answer(world, access, refresh)
    if "openid" in code.scope:
        body["id_token"] = identity_token(world, issuer(call), access, code.nonce)
    return body


def _check_code(world: World, client: Client, call: Call, code: Code) -> None:
    if code.expires_at <= world.clock.now():
        raise OAuthError("invalid_grant", "the code has expired")
    if (call.get("redirect_uri") or "") != code.redirect_uri:
        raise OAuthError("invalid_grant", "redirect_uri is not the one the code was asked with")
    verifier = call.get("code_verifier")
    if code.code_challenge is None:
        # A verifier without a challenge is the mark of a downgrade (RFC 9700 §2.1.1).
        if verifier:
            raise OAuthError("invalid_grant", "the code was asked without a code_challenge")
    elif not same(s256(verifier or ""), code.code_challenge):
        raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge")


def client_credentials(world: World, client: Client, call: Call) -> Body:
    """Give a confidential client a token of its own, without a refresh token (RFC 6749 §4.4)."""
    if client.client_secret is None:
        raise OAuthError("unauthorized_client", "a public client may not use this grant")
    scope = tuple(dict.fromkeys((call.get("scope") or "").split()))
    if client.scopes is not None and not set(scope) <= set(client.scopes):
        raise OAuthError("invalid_scope", "the client may not ask for that scope")
    family = f"f{world.number()}"
    return issuing.answer(world, issuing.access_token(world, client, None, scope, family), None)


def refresh_token(world: World, client: Client, call: Call) -> Body:
    """Give a new access token, and the refresh token that the client's contract says (§6)."""
    presented = tokens.find(world, call.get("refresh_token") or "")
    if presented is None or presented.kind != "refresh" or presented.app_id != client.client_id:
        raise OAuthError("invalid_grant", "no such refresh token was given to this client")
    scope = tuple(dict.fromkeys((call.get("scope") or " ".join(presented.scope)).split()))
    if not set(scope) <= set(presented.scope):
        raise OAuthError("invalid_scope", "a refresh may not widen the scope")
    refresh = rotation.rotated(world, client, presented)
    access = issuing.access_token(world, client, presented.user_id, scope, str(presented.family))
    return issuing.answer(world, access, refresh)


#: Grant type -> how it is answered.
GRANTS: Mapping[str, Callable[[World, Client, Call], Body]] = {
    "authorization_code": authorization_code,
    "client_credentials": client_credentials,
    "refresh_token": refresh_token,
}
