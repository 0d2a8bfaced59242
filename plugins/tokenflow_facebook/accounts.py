"""`facebook.accounts`: the page tokens of a user token (seed, "Page Access Tokens"; facebook.md §1.4)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokenflow import SILENT, AnswerNotUnderstood, Expiry, Flow, Grant, Order, Secret, body_of
from tokenflow_facebook.answers import shape_of, text
from tokenflow_facebook.calls import call, held
from tokenflow_facebook.debug import inspect

MOST: Final = 1_000
"""No person has more answers than this: beyond it, the issuer's paging goes in a circle."""


def accounts(order: Order) -> Flow[Sequence[Grant]]:
    """Return one grant for each page whose token the user may have, over all answers.

    The list names no end, so where the app secret is lent each token is inspected and Facebook's own
    answer decides (ruling 22); elsewhere it is silence. A page without `access_token` is one the
    user granted no permission for, and is left out. Raises IssuerRefused or AnswerNotUnderstood.
    """
    grants = []
    for page in (yield from _pages(order)):
        token = page.get("access_token")
        if isinstance(token, Secret):
            grants.append((yield from _grant(order, page, token)))
    return grants


def _pages(order: Order) -> Flow[Sequence[Mapping[str, Any]]]:
    """Read the list to its end by its cursors: `paging.next` is a URL that holds the token."""
    pages: list[Mapping[str, Any]] = []
    form: dict[str, str | Secret] = {"limit": "100"}
    for _ in range(MOST):
        response = yield from call(order, "get", "me/accounts", held(order), form)
        fields = body_of(response, shape_of(order.issuer.response))
        data = fields.get("data")
        if not isinstance(data, list) or not all(isinstance(page, Mapping) for page in data):
            raise AnswerNotUnderstood("the issuer's list of pages is not a list")
        pages += [_sealed(page) for page in data]
        further = _further(fields)
        if further is None:
            return pages
        form |= further
    raise AnswerNotUnderstood(f"the issuer's list of pages has no end after {MOST} answers")


def _sealed(page: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *page* with its token as a Secret, so that no token waits in the open between two calls."""
    has_token = isinstance(page.get("access_token"), str) and page["access_token"]
    return {**page, "access_token": Secret(page["access_token"]) if has_token else None}


def _further(fields: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return where to go on from: a cursor, or the offset of older Graph versions (facebook.md §1.4).

    The last answer has cursors too, but no `next`. Of that URL, which holds the token, a number is read.
    """
    paging = fields.get("paging")
    if not isinstance(paging, Mapping) or "next" not in paging:
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, Mapping) else None
    if isinstance(after, str) and after:
        return {"after": after}
    found = _OFFSET.search(str(paging["next"]))
    if found is None:
        raise AnswerNotUnderstood("the issuer's list of pages goes on, and names no cursor")
    return {"offset": found[1]}


_OFFSET: Final = re.compile(r"[?&]offset=([0-9]{1,9})(?:&|$)")


def _grant(order: Order, page: Mapping[str, Any], token: Secret) -> Flow[Grant]:
    page_id = text(page.get("id"))
    if page_id is None:
        raise AnswerNotUnderstood("the issuer's list of pages holds a page without an id")
    expires: Expiry = SILENT
    if "app_secret" in order.secrets:
        expires = (yield from inspect(order, token)).expires
    facts = {name: page[name] for name in ("name", "category") if isinstance(page.get(name), str)}
    rights = {name: _rights(page[name]) for name in ("perms", "tasks") if isinstance(page.get(name), list)}
    return Grant(access_token=token, expires=expires, attributes={"page_id": page_id, **facts, **rights})


def _rights(values: Sequence[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str)]
