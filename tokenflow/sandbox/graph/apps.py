"""`/{app}`: an app's own settings, read and modified with its app token (SEED)."""

from attrs import evolve

from tokenflow.sandbox import events
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import World

from . import carriage, refusals
from .people import Node, shown

_CARRIAGE = frozenset(
    {
        "access_token",
        "appsecret_proof",
        "appsecret_time",
        "fields",
        "format",
        "method",
        "locale",
        "pretty",
        "sdk",
    }
    | {"debug", "suppress_http_code", "summary", "client_id", "client_secret"}
)


def read(world: World, call: Call, app_id: str) -> Node:
    """Answer an app: its settings to itself, its name to anybody with a token."""
    bearer = carriage.required(world, call)
    app = world.apps[app_id]
    node: Node = {
        "id": app_id,
        "name": app.name,
        "link": f"{call.base}/games/?app_id={app_id}",
        "category": "Test",
    }
    if bearer.kind in {"app", "client"} and bearer.app.app_id == app_id:
        node |= {key: value for key, value in app.settings.items() if key not in node}
    return shown(node, call, tuple(node))


def modify(world: World, call: Call, app_id: str) -> dict[str, object]:
    """Change the app's settings."""
    own_app(world, call, app_id)
    app = world.apps[app_id]
    changed = {key: value for key, value in (*call.query, *call.form) if key not in _CARRIAGE}
    name = changed.pop("name", app.name)
    events.set_app(world, evolve(app, name=name, settings={**app.settings, **changed}))
    return {"success": True}


def insights(world: World, call: Call, app_id: str) -> dict[str, object]:
    """Read the app's insights, which takes its app token."""
    own_app(world, call, app_id)
    users = sum(1 for _, app in world.consents if app == app_id)
    return {"data": [{"name": "authorized_users", "period": "lifetime", "values": [{"value": users}]}]}


def own_app(world: World, call: Call, app_id: str) -> carriage.Bearer:
    """Require the app token of that very app."""
    bearer = carriage.required(world, call)
    if bearer.kind != "app":
        raise refusals.no_permission("This call requires an app access token")
    if bearer.app.app_id != app_id:
        raise refusals.no_permission("The app access token belongs to another application")
    return bearer
