"""`me/accounts`: the pages a person administers, with a token for each (facebook.md §1.4)."""

import base64
import binascii

from tokenflow.sandbox import tokens
from tokenflow.sandbox.wire import Call, encode, truth
from tokenflow.sandbox.world import Page, Token, World

from . import carriage, refusals
from .people import fields_of, page_node, shown

#: Any one of these lets an app have page tokens: the old permission and the new (facebook.md §1.4).
PAGE_SCOPES = frozenset({"manage_pages", "pages_show_list"})

_USUAL = ("access_token", "category", "category_list", "name", "id", "tasks", "perms")


def accounts(world: World, call: Call, user_id: str) -> dict[str, object]:
    """List the pages; without the permission a page comes without `access_token`."""
    bearer, token = carriage.required_user(world, call)
    if bearer.kind == "page" or user_id not in {"me", token.user_id}:
        raise refusals.bad_parameter("Tried accessing nonexisting field (accounts)")
    pages = [world.pages[page] for page, person in world.roles if person == token.user_id]
    start, stop = _window(call, [page.id for page in pages])
    rows = [shown(administered(world, bearer, token, page), call, _USUAL) for page in pages[start:stop]]
    answer: dict[str, object] = {"data": rows}
    if rows:
        answer["paging"] = _paging(call, user_id, pages, start, stop)
    if truth(call.get("summary")):
        answer["summary"] = {"total_count": len(pages)}
    return answer


def administered(world: World, bearer: carriage.Bearer, token: Token, page: Page) -> dict[str, object]:
    """Return a page as its administrator sees it, with its token when the app may have it."""
    node = page_node(page, world.roles.get((page.id, str(token.user_id)), ()))
    if PAGE_SCOPES & set(tokens.live_scope(world, token)):
        node["access_token"] = tokens.page_token(world, bearer.app, token, page.id).value
    return node


def wants_token(call: Call) -> bool:
    """Say whether a page was asked for its token."""
    return "access_token" in fields_of(call)


def _window(call: Call, ids: list[str]) -> tuple[int, int]:
    limit = call.get("limit") or "25"
    if not limit.isascii() or not limit.isdigit() or len(limit) > 6 or int(limit) == 0:
        raise refusals.bad_parameter("Param limit must be a positive number")
    size = int(limit)
    if (after := call.get("after")) is not None:
        start = _position(after, ids) + 1
        return start, start + size
    if (before := call.get("before")) is not None:
        stop = _position(before, ids)
        return max(0, stop - size), stop
    return 0, size


def _position(cursor: str, ids: list[str]) -> int:
    try:
        return ids.index(base64.b64decode(cursor, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise refusals.bad_parameter("Invalid cursors values provided") from None


def _paging(call: Call, user_id: str, pages: list[Page], start: int, stop: int) -> dict[str, object]:
    first, last = _cursor(pages[start]), _cursor(pages[min(stop, len(pages)) - 1])
    paging: dict[str, object] = {"cursors": {"before": first, "after": last}}
    if stop < len(pages):
        paging["next"] = _link(call, user_id, "after", last)
    if start > 0:
        paging["previous"] = _link(call, user_id, "before", first)
    return paging


def _cursor(page: Page) -> str:
    return base64.b64encode(page.id.encode()).decode()


def _link(call: Call, user_id: str, name: str, cursor: str) -> str:
    # Facebook repeats the caller's own parameters, access token included: some clients follow blindly.
    kept = tuple((key, value) for key, value in call.query if key not in {"after", "before"})
    version = f"/{call.version}" if call.version else ""
    return f"{call.base}{version}/{user_id}/accounts?{encode((*kept, (name, cursor)))}"
