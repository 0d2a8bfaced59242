"""Which app is calling a token endpoint, and whether it knows its secret."""

from tokenflow.sandbox.credentials import basic
from tokenflow.sandbox.errors import GraphError
from tokenflow.sandbox.signing import same
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import App, World

from . import refusals


def identified(world: World, call: Call) -> tuple[App, bool]:
    """Return the app that names itself, and whether it proved itself by its secret.

    The credentials come by query, by form or by HTTP Basic (facebook.md §1.1). A wrong secret is refused
    at once; a missing one is for the grant to judge.
    """
    header = basic(call)
    client_id = call.get("client_id") or call.get("app_id") or (header[0] if header else None)
    if not client_id:
        raise GraphError("Missing client_id parameter.", code=101)
    app = world.apps.get(client_id)
    if app is None:
        raise refusals.bad_client_id()
    secret = call.get("client_secret") or (header[1] if header else None)
    if not secret:
        return app, False
    if not same(secret, app.app_secret):
        raise refusals.bad_client_secret()
    if app.server_ips and call.peer not in app.server_ips:
        text = f"(#5) Unauthorized source IP address: {call.peer} is not in the app's Server IP Allowlist"
        raise GraphError(text, code=5)
    return app, True


def proven(world: World, call: Call) -> App:
    """Return the app when it knows its secret."""
    app, knows = identified(world, call)
    if not knows:
        raise GraphError("Missing client_secret parameter.", code=1)
    return app
