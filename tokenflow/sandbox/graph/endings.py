"""`oauth/revoke` and `oauth/client_code`: end a token, or pass its login on (facebook.md §1.6)."""

from tokenflow.sandbox import codes, deaths, events, redirects, tokens
from tokenflow.sandbox.wire import Call, Reply, redirect
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


def logout_page(world: World, call: Call) -> Reply:
    """Log the person out and send their browser on; an app token is nobody to log out (facebook.md §1.2)."""
    bearer, token = carriage.required_user(world, call)
    target = call.get("next") or ""
    if not redirects.allowed_for_app(world, bearer.app, target):
        raise refusals.bad_parameter("Param next must be one of the app's redirect URIs")
    events.log_out(world, str(token.user_id), everywhere=False)
    return redirect(target)


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
