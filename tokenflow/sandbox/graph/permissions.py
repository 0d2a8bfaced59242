"""`me/permissions`: what the person granted, and taking it back (facebook.md §1.5)."""

from tokenflow.sandbox import events
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import World

from . import carriage, refusals


def read(world: World, call: Call, user_id: str) -> dict[str, object]:
    """List every permission with its status: `granted`, `declined` or `expired`."""
    app_id, person_id = _whose(world, call, user_id)
    consent = world.consents.get((person_id, app_id))
    status = {} if consent is None else consent.status
    return {"data": [{"permission": scope, "status": is_} for scope, is_ in status.items()]}


def delete(world: World, call: Call, user_id: str, permission: str | None = None) -> dict[str, object]:
    """Take one permission back (the token lives on with less), or remove the app (458)."""
    app_id, person_id = _whose(world, call, user_id)
    one = permission or call.get("permission")
    if one is None:
        events.remove_app(world, person_id, app_id)
    elif (person_id, app_id) in world.consents:
        events.change_consent(world, person_id, app_id, (one,), "declined")
    return {"success": True}


def _whose(world: World, call: Call, user_id: str) -> tuple[str, str]:
    """Return (app, person); an app token may speak for any of the app's users by id."""
    if user_id != "me":
        bearer = carriage.required(world, call)
        if bearer.kind == "app" and user_id in world.people:
            return bearer.app.app_id, user_id
    bearer, token = carriage.required_user(world, call)
    if bearer.kind != "user" or user_id not in {"me", token.user_id}:
        raise refusals.bad_parameter("Tried accessing nonexisting field (permissions)")
    return bearer.app.app_id, str(token.user_id)
