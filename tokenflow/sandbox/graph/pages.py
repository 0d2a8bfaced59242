"""Acting as a page: post to its feed, read its insights (SEED; facebook.md §8)."""

from tokenflow.sandbox import tokens
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Token, World

from . import carriage, refusals


def publish(world: World, call: Call, page_id: str) -> dict[str, object]:
    """Post as the page; the admin behind the token needs CREATE_CONTENT."""
    token = _acting(world, call, page_id, "CREATE_CONTENT")
    message = call.get("message") or call.get("link")
    if not message:
        raise refusals.bad_parameter("The parameter message is required")
    world.posts.append((str(token.page_id), message))
    return {"id": f"{token.page_id}_{world.number()}"}


def feed(world: World, call: Call, page_id: str) -> dict[str, object]:
    """List what was posted as the page."""
    token = _page_token(world, call, page_id)
    rows = [{"message": message} for page, message in world.posts if page == token.page_id]
    return {"data": rows}


def insights(world: World, call: Call, page_id: str) -> dict[str, object]:
    """Read the page's numbers; BASIC_ADMIN, the lowest perm, is enough."""
    token = _acting(world, call, page_id, "BASIC_ADMIN")
    metric = call.get("metric") or "page_impressions"
    values = [{"value": sum(page == token.page_id for page, _ in world.posts)}]
    return {"data": [{"name": metric, "period": "day", "values": values, "id": f"{token.page_id}/insights"}]}


def _acting(world: World, call: Call, page_id: str, perm: str) -> Token:
    token = _page_token(world, call, page_id)
    perms = world.roles.get((str(token.page_id), str(token.user_id)), ())
    if perm not in perms:
        raise refusals.no_permission(
            f"The user hasn't authorized the application to perform this action: {perm} is required"
        )
    if not tokens.live_scope(world, token):
        raise refusals.no_permission("The user hasn't authorized the application to perform this action")
    return token


def _page_token(world: World, call: Call, page_id: str) -> Token:
    bearer = carriage.required(world, call)
    token = bearer.token
    if page_id != "me" and page_id not in world.pages:
        raise refusals.unknown_object(page_id)
    if token is None or token.kind != "page" or page_id not in {"me", token.page_id}:
        raise refusals.no_permission("A page access token is required to act as this page")
    return token
