"""`oauth/access_token`: one path, many grants (facebook.md §1.1)."""

from collections.abc import Callable, Mapping

from attrs import evolve

from tokenflow.sandbox import codes, tokens
from tokenflow.sandbox.clock import SECOND, epoch_seconds
from tokenflow.sandbox.errors import GraphError
from tokenflow.sandbox.signing import s256, same
from tokenflow.sandbox.wire import Call, truth
from tokenflow.sandbox.world import App, Code, Token, World

from . import carriage, refusals
from .clients import identified, proven
from .identity import identity_token

Body = dict[str, object]


def access_token(world: World, call: Call) -> Body:
    """Answer by grant type; a code needs none (facebook.md §10.2)."""
    grant_type = call.get("grant_type") or ("authorization_code" if call.get("code") is not None else "")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise GraphError(f"Unsupported grant_type {grant_type!r}" if grant_type else _NOTHING, code=1)
    return grant(world, call)


_NOTHING = "Missing authorization code"


def client_credentials(world: World, call: Call) -> Body:
    """Give the app its token; it has no expiry, so the answer has none."""
    return {"access_token": tokens.app_token(world, proven(world, call)).value, "token_type": "bearer"}


def authorization_code(world: World, call: Call) -> Body:
    """Exchange a code: once, with the redirect URI it was made for, and the verifier if it was bound."""
    app, knows_secret = identified(world, call)
    code = world.codes.get(call.get("code") or "")
    if code is None or code.face != "graph" or code.app_id != app.app_id:
        raise GraphError("Invalid verification code format.", code=100)
    _check_code(world, call, code, knows_secret=knows_secret)
    codes.use_code(world, code)
    token = tokens.issue_user_token(
        world,
        app,
        code.user_id,
        scope=code.scope,
        platform=code.platform,
        long_lived=code.long_lived,
        family=code.id,
        login=code.login,
    )
    body = granted(world, token)
    if code.nonce is not None:
        body["id_token"] = identity_token(world, app, token, code.nonce, at_hash=True)
    if code.for_client:
        body["machine_id"] = call.get("machine_id") or tokens.random_text(24)
    return body


def _check_code(world: World, call: Call, code: Code, *, knows_secret: bool) -> None:
    if code.used:
        raise GraphError("This authorization code has been used.", code=100, subcode=36009)
    if code.expires_at <= world.clock.now():
        raise GraphError("This authorization code has expired.", code=100, subcode=36007)
    # A code out of a signed_request is bound to the empty URI, sent empty or (by some) not at all (§2).
    if (call.get("redirect_uri") or "") != code.redirect_uri:
        text = (
            "Error validating verification code. Please make sure your redirect_uri is identical to the one "
            "you used in the OAuth dialog request"
        )
        raise GraphError(text, code=100, subcode=36008)
    verifier = call.get("code_verifier")
    bound = code.code_challenge is not None
    if bound and not same(s256(verifier or ""), code.code_challenge or ""):
        raise GraphError("Error validating code_verifier.", code=100)
    if verifier and not bound:
        # Accepting a verifier nobody asked for would hide a downgrade (RFC 9700 §2.1.1).
        raise GraphError("A code_verifier was sent for a code without a code_challenge.", code=100)
    if not (knows_secret or bound or code.for_client):
        raise GraphError("Missing client_secret parameter.", code=1)


def fb_exchange_token(world: World, call: Call) -> Body:
    """Give a long-lived token for a living one; the old string lives on (facebook.md §1.1)."""
    app = proven(world, call)
    value = call.get("fb_exchange_token")
    if not value:
        raise refusals.bad_parameter("The parameter fb_exchange_token is required")
    old = _own(world, app, value)
    if old.kind == "system_user":
        expires = truth(call.get("set_token_expires_in_60_days"))
        scope = tokens.live_scope(world, old)
        return granted(
            world, tokens.issue_system_token(world, app, str(old.user_id), scope=scope, expires=expires)
        )
    # A server asks, and the person need not be there: the 90 days go on as they were (facebook.md §7.1).
    longer = evolve(_extended(world, app, old), data_access_expires_at=old.data_access_expires_at)
    return granted(world, tokens.record(world, longer))


def fb_extend_sso_token(world: World, call: Call) -> Body:
    """Extend a mobile login's token; the SDK has no secret and sends none (facebook.md §1.1)."""
    app, _ = identified(world, call)
    value = carriage.carried(call)
    if value is None:
        raise refusals.no_token()
    old = _own(world, app, value)
    carriage.check_proof(carriage.judged(world, value), call.get("appsecret_proof"))
    # Without a secret only a token that was born on a phone may live longer.
    if old.platform not in {"android", "ios", "device"}:
        raise refusals.bad_parameter("The access token was not issued by single sign-on")
    token = _extended(world, app, old)
    return {
        **granted(world, token),
        "expires_at": epoch_seconds(token.expires_at),
        "data_access_expiration_time": epoch_seconds(token.data_access_expires_at),
        "graph_domain": "facebook",
    }


def granted(world: World, token: Token) -> Body:
    """Write a token answer; `expires_in` is seconds from now and absent when there is no end (§11)."""
    body: Body = {"access_token": token.value, "token_type": "bearer"}
    if token.expires_at is not None:
        body["expires_in"] = (token.expires_at - world.clock.now()) // SECOND
    return body


def _own(world: World, app: App, value: str) -> Token:
    bearer = carriage.judged(world, value)
    if bearer.token is None or bearer.kind not in {"user", "system_user"}:
        raise refusals.bad_parameter("The access token must be a user access token")
    if bearer.app.app_id != app.app_id:
        raise GraphError("The access token does not belong to application " + app.app_id, code=190)
    return bearer.token


def _extended(world: World, app: App, old: Token) -> Token:
    scope = tokens.live_scope(world, old)
    return tokens.issue_user_token(
        world, app, str(old.user_id), scope=scope, platform=old.platform, long_lived=True, family=old.family
    )


def fb_attenuate_token(world: World, call: Call) -> Body:
    """Give a token that only says whose session it is: no scope, no secret asked (facebook.md §1.1)."""
    app, _ = identified(world, call)
    value = call.get("fb_exchange_token")
    if not value:
        raise refusals.bad_parameter("The parameter fb_exchange_token is required")
    old = _own(world, app, value)
    made = tokens.issue_user_token(
        world, app, str(old.user_id), scope=(), platform=old.platform, long_lived=True, family=old.family
    )
    # It lives no longer than what it stands for, and renews nobody's window of data access.
    token = evolve(made, expires_at=old.expires_at, data_access_expires_at=old.data_access_expires_at)
    return granted(world, tokens.record(world, token))


def fb_exchange_nonce(world: World, call: Call) -> Body:
    """Redeem the nonce that the dialog gave an iOS app: once, without the secret (facebook.md §1.1)."""
    app, _ = identified(world, call)
    code = world.codes.get(call.get("fb_exchange_nonce") or "")
    if code is None or code.face != codes.NONCE or code.app_id != app.app_id:
        raise refusals.bad_parameter("Invalid nonce")
    if code.used or code.expires_at <= world.clock.now():
        raise refusals.bad_parameter("The nonce has been used or has expired")
    codes.use_code(world, code)
    token = tokens.issue_user_token(
        world, app, code.user_id, scope=code.scope, platform="ios", long_lived=True, family=code.id
    )
    body = granted(world, token)
    if code.nonce is not None:
        body["id_token"] = identity_token(world, app, token, code.nonce, at_hash=True)
    return body


#: Grant type -> how it is answered.
GRANTS: Mapping[str, Callable[[World, Call], Body]] = {
    "client_credentials": client_credentials,
    "authorization_code": authorization_code,
    "fb_exchange_token": fb_exchange_token,
    "fb_extend_sso_token": fb_extend_sso_token,
    "fb_attenuate_token": fb_attenuate_token,
    "fb_exchange_nonce": fb_exchange_nonce,
}
