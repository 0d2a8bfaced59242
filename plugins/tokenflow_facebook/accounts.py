"""`facebook.accounts`: the page tokens of a user token (seed, "Page Access Tokens"; facebook.md §1.4)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokenflow import (
    SILENT,
    AnswerNotUnderstood,
    Expiry,
    Flow,
    Grant,
    Inspection,
    Order,
    Refused,
    body_of,
)
from tokenflow_facebook.answers import shape_of, text
from tokenflow_facebook.calls import call, held
from tokenflow_facebook.debug import inspect
from tokenflow_facebook.listing import listed, sealed

_ID: Final = re.compile(r"[0-9]{1,32}")


def accounts(order: Order) -> Flow[Sequence[Grant]]:
    """Return one grant for each page the user has a role on, over all answers; or for the only one asked for.

    The list names no end, so where the app secret is lent each token is inspected and Facebook's own
    answer decides (ruling 22); elsewhere it is silence. A page without `access_token` is one whose token
    the user grants no permission for: its grant has none. Raises IssuerRefused or AnswerNotUnderstood.
    """
    grants = []
    wanted = order.only.get("page_id")
    if wanted is None:
        pages = yield from listed(order, "me/accounts", held(order))
    else:
        pages = yield from _page(order, str(wanted))
    for page in pages:
        grants.append((yield from _grant(order, page)))
    return grants


def _page(order: Order, page_id: str) -> Flow[Sequence[Mapping[str, Any]]]:
    """Read a single page, of which no role is told (facebook.md §1.4)."""
    if _ID.fullmatch(page_id) is None:
        raise Refused("attribute_missing", f"{page_id!r} is no page's id", mend="a page_id is a number")
    form = {"fields": "access_token,id,name,category"}
    response = yield from call(order, "get", page_id, held(order), form)
    page = body_of(response, shape_of(order.issuer.response))
    if text(page.get("id")) != page_id:
        raise AnswerNotUnderstood("the issuer answered for another page than it was asked for")
    return [sealed(page)]


def _grant(order: Order, page: Mapping[str, Any]) -> Flow[Grant]:
    page_id, token = text(page.get("id")), page["access_token"]
    if page_id is None:
        raise AnswerNotUnderstood("the issuer's list of pages holds a page without an id")
    expires: Expiry = SILENT
    if token is not None and "app_secret" in order.secrets:
        found = yield from inspect(order, token)
        _demand_theirs(order, page_id, found)
        # One that is dead as it comes is none: it is treated as one that is withheld.
        token, expires = (token, found.expires) if found.active else (None, SILENT)
    facts = {name: page[name] for name in ("name", "category") if isinstance(page.get(name), str)}
    attributes = {"page_id": page_id, **facts, **_rights(page)}
    return Grant(access_token=token, expires=expires, attributes=attributes)


def _demand_theirs(order: Order, page_id: str, found: Inspection) -> None:
    """Raise AnswerNotUnderstood for what Facebook calls no page's, or another's (security.md D8)."""
    if found.kind not in (None, "page"):
        raise AnswerNotUnderstood(f"the issuer gave a token of a page that it calls one of a {found.kind}")
    mine = order.attributes.get("user_id") or order.attributes.get("system_user_id")
    told = (found.attributes.get("page_id"), found.subject, found.app_id)
    wanted = (page_id, mine, order.issuer.client_id)
    if any(None not in pair and pair[0] != pair[1] for pair in zip(told, wanted, strict=True)):
        raise AnswerNotUnderstood("the issuer gave a page token that is not this page's, person's and app's")


def _rights(page: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """Return both lists of what the role allows; nothing where neither is told, so that none is taken away.

    Where one is told the other is empty: one version of Graph knows one of them.
    """
    told = {name: page[name] for name in ("perms", "tasks") if isinstance(page.get(name), list)}
    if not told:
        return {}
    return {
        name: [value for value in told.get(name, ()) if isinstance(value, str)] for name in ("perms", "tasks")
    }
