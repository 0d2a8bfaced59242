"""System users: a business's own, without a password and without expiry (SEED; facebook.md §1.10)."""

from attrs import evolve

from tokenflow.sandbox import deaths, tokens
from tokenflow.sandbox.wire import Call, listed, truth
from tokenflow.sandbox.world import App, SystemUser, World

from . import carriage, refusals


def create(world: World, call: Call, business_id: str) -> dict[str, object]:
    """Add a system user to a business."""
    carriage.required(world, call)
    name = call.get("name")
    if not name:
        raise refusals.bad_parameter("The parameter name is required")
    number = f"61000{world.number():010d}"
    world.system_users[number] = SystemUser(id=number, name=name, business_id=business_id)
    return {"id": number}


def install(world: World, call: Call, user_id: str) -> dict[str, object]:
    """Install an app for a system user, which comes before any token."""
    app = _app(world, call, carriage.required(world, call))
    user = _known(world, user_id)
    installed = tuple(dict.fromkeys((*user.installed, app.app_id)))
    world.system_users[user.id] = evolve(user, installed=installed)
    return {"success": True}


def generate(world: World, call: Call, user_id: str) -> dict[str, object]:
    """Issue a system-user token; the proof is required here, whatever the app says."""
    bearer = carriage.required(world, call)
    if call.get("appsecret_proof") is None:
        raise refusals.missing_proof()
    user = _known(world, user_id)
    app = _app(world, call, bearer)
    if app.app_id not in user.installed:
        raise refusals.bad_parameter("The app has to be installed for the system user first")
    expires = truth(call.get("set_token_expires_in_60_days"))
    token = tokens.issue_system_token(world, app, user.id, scope=listed(call.get("scope")), expires=expires)
    return {"access_token": token.value}


def generate_for_business(world: World, call: Call, business_id: str) -> dict[str, object]:
    """Issue a token for one of the business's system users, named by `system_user_id`."""
    user = _known(world, call.get("system_user_id") or "")
    if user.business_id != business_id:
        raise refusals.unknown_object(user.id)
    return generate(world, call, user.id)


def end(world: World, call: Call, user_id: str) -> dict[str, object]:
    """End every token of a system user (466)."""
    carriage.required(world, call)
    user = _known(world, user_id)
    tokens.kill(world, tokens.of_system_user(world, user.id), deaths.REVOKED)
    return {"success": True}


def _known(world: World, user_id: str) -> SystemUser:
    try:
        return world.system_users[user_id]
    except KeyError:
        raise refusals.unknown_object(user_id) from None


def _app(world: World, call: Call, bearer: carriage.Bearer) -> App:
    app = world.apps.get(call.get("business_app") or bearer.app.app_id)
    if app is None:
        raise refusals.bad_client_id()
    return app
