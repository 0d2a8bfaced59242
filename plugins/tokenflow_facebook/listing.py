"""A list of Graph's, read to its end (facebook.md §1.4)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokenflow import AnswerNotUnderstood, Flow, Order, Secret, body_of
from tokenflow_facebook.answers import shape_of
from tokenflow_facebook.calls import call

MOST: Final = 1_000
"""No list has more answers than this: beyond it, the issuer's paging goes in a circle."""

_OFFSET: Final = re.compile(r"[?&]offset=([0-9]{1,9})(?:&|$)")


def listed(order: Order, path: str, token: Secret) -> Flow[Sequence[Mapping[str, Any]]]:
    """Return all entries of the list at *path*, by its cursors; each `access_token` is a Secret, or None.

    `paging.next` is a URL that holds the token, and is not followed. Raises IssuerRefused or
    AnswerNotUnderstood.
    """
    found: list[Mapping[str, Any]] = []
    form: dict[str, str | Secret] = {"limit": "100"}
    for _ in range(MOST):
        response = yield from call(order, "get", path, token, form)
        fields = body_of(response, shape_of(order.issuer.response))
        data = fields.get("data")
        if not isinstance(data, list) or not all(isinstance(entry, Mapping) for entry in data):
            raise AnswerNotUnderstood(f"the issuer's list of {path} is not a list")
        found += [sealed(entry) for entry in data]
        further = _further(fields)
        if further is None:
            return found
        form |= further
    raise AnswerNotUnderstood(f"the issuer's list of {path} has no end after {MOST} answers")


def sealed(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *entry* with its token as a Secret, so that no token waits in the open between two calls."""
    token = entry.get("access_token")
    return {**entry, "access_token": Secret(token) if isinstance(token, str) and token else None}


def _further(fields: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return where to go on from: a cursor, or the offset of older Graph versions.

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
        raise AnswerNotUnderstood("the issuer's list goes on, and names no cursor")
    return {"offset": found[1]}
