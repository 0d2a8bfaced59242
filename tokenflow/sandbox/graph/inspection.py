"""`debug_token`: what a token is, and why it is not (facebook.md §1.3)."""

from tokenflow.sandbox import tokens
from tokenflow.sandbox.clock import SECOND, epoch_seconds
from tokenflow.sandbox.signing import same
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Token, World

from . import carriage, refusals

Data = dict[str, object]


def debug_token(world: World, call: Call) -> dict[str, object]:
    """Inspect `input_token`; the answer is 200 when only the inspected token is bad."""
    inspector = carriage.required(world, call)
    value = call.get("input_token")
    if not value:
        raise refusals.bad_parameter("The parameter input_token is required")
    if not _may_inspect(inspector, value):
        raise refusals.bad_parameter(
            "You must provide an app access token, "
            "or a user access token that is an owner or developer of the app"
        )
    subject = carriage.named(world, value)
    if subject is None or subject.kind == "client":
        return {"data": _invalid({"code": 190, "message": "Invalid OAuth access token."})}
    if subject.app.app_id != inspector.app.app_id:
        text = "(#100) The App_id in the input_token did not match the Viewing App"
        return {"data": _invalid({"code": 100, "message": text})}
    data: Data = {"app_id": subject.app.app_id, "type": subject.kind.upper(), "application": subject.app.name}
    if subject.token is None or subject.kind == "app":
        dead = None if subject.token is None else tokens.death_of(world, subject.token)
        return {
            "data": _dead(data, subject.token, world) if dead else {**data, "is_valid": True, "scopes": []}
        }
    return {"data": _described(world, data, subject.token)}


def access_token_info(world: World, call: Call) -> dict[str, object]:
    """Tell the holder of a token what is left of it: the old form of `debug_token` (facebook.md §1.6)."""
    bearer, token = carriage.required_user(world, call)
    if call.get("client_id") not in {None, bearer.app.app_id}:
        raise refusals.bad_client_id()
    told: Data = {"access_token": token.value, "token_type": "bearer"}
    if token.expires_at is not None:
        told["expires_in"] = (token.expires_at - world.clock.now()) // SECOND
    if "auth_nonce" in token.login:
        told["auth_nonce"] = token.login["auth_nonce"]
    return told


def _may_inspect(inspector: carriage.Bearer, value: str) -> bool:
    if inspector.kind == "app" or same(inspector.value, value):
        return True
    return inspector.kind == "user" and inspector.user_id in inspector.app.developers


def _described(world: World, data: Data, token: Token) -> Data:
    if tokens.death_of(world, token) is not None:
        return _dead(data, token, world)
    scopes = tokens.live_scope(world, token)
    data |= {
        "data_access_expires_at": epoch_seconds(token.data_access_expires_at),
        "expires_at": epoch_seconds(token.expires_at),
        "is_valid": True,
        "scopes": list(scopes),
        "granular_scopes": [_granular(world, token, scope) for scope in scopes],
        "user_id": str(token.user_id),
    }
    if token.long_lived:
        data["issued_at"] = epoch_seconds(token.issued_at)
    if token.page_id is not None:
        data["profile_id"] = token.page_id
    if token.login:
        data["metadata"] = dict(token.login)
    return data


def _granular(world: World, token: Token, scope: str) -> Data:
    if not (scope.startswith("pages_") or scope in {"manage_pages", "publish_pages"}):
        return {"scope": scope}
    pages = [page for page, person in world.roles if person == token.user_id]
    return {"scope": scope, "target_ids": pages}


def _dead(data: Data, token: Token | None, world: World) -> Data:
    death = None if token is None else tokens.death_of(world, token)
    if token is None or death is None:
        return data
    error: Data = {"code": 190, "message": f"Error validating access token: {death.message}"}
    if death.subcode is not None:
        error["subcode"] = death.subcode
    gone = _invalid(error)
    if token.user_id is not None:
        gone["user_id"] = token.user_id
    return {**data, **gone}


def _invalid(error: Data) -> Data:
    return {"error": error, "is_valid": False, "scopes": []}
