"""`oauth/revoke` and `oauth/client_code`: end a token, or pass its login on (facebook.md §1.6)."""

from tokenflow.sandbox import codes, deaths, tokens
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import World

from . import carriage, refusals
from .clients import proven


def revoke(world: World, call: Call) -> dict[str, object]:
    """End one token for good (466)."""
    app = proven(world, call)
    subject = carriage.named(world, call.get("revoke_token") or "")
    if subject is None or subject.token is None or subject.app.app_id != app.app_id:
        raise refusals.bad_parameter("The parameter revoke_token must be an access token of this application")
    tokens.kill(world, [subject.token], deaths.REVOKED)
    return {"success": True}


def client_code(world: World, call: Call) -> dict[str, object]:
    """Give a code that a client redeems without the secret; the server's token stays valid."""
    app = proven(world, call)
    bearer = carriage.judged(world, carriage.carried(call) or "")
    token = bearer.token
    if token is None or bearer.kind != "user" or bearer.app.app_id != app.app_id or not token.long_lived:
        raise refusals.bad_parameter("A long-lived user access token of this application is required")
    code = codes.issue_code(
        world,
        face="graph",
        app_id=app.app_id,
        user_id=str(token.user_id),
        redirect_uri=call.get("redirect_uri") or "",
        scope=tokens.live_scope(world, token),
        platform=token.platform,
        long_lived=True,
        for_client=True,
    )
    return {"code": code.value}
