"""Several questions in a token's own name: together in a batch, or one by one (facebook.md §1.6, §4.4)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from tokenflow import AnswerNotUnderstood, Flow, IssuerError, Order, Request, Response, body_of, send
from tokenflow_facebook.answers import shape_of
from tokenflow_facebook.calls import held

GAMING: Final = "gaming"
"""Graph domain of a token for games. It has a host of its own, and there are no batches there."""


def asked(order: Order, calls: Sequence[str]) -> Flow[Sequence[Response | IssuerError]]:
    """Return what was answered to each of *calls*, relative URLs; an error where one came alone and had none.

    No secret is shown: the token travels in Authorization. Raises IssuerError where a whole batch failed.
    """
    source = order.grant if order.grant is not None else order.token
    if source is None or source.attributes.get("graph_domain") != GAMING:
        return (yield from _together(order, calls))
    answers: list[Response | IssuerError] = []
    for call in calls:
        try:
            answers.append((yield from send(_alone(order, call))))
        except IssuerError as error:
            answers.append(error)
    return answers


def _alone(order: Order, call: str) -> Request:
    """Return the call as a POST that names the method meant, as every call here is made."""
    path, _, query = call.partition("?")
    base = order.issuer.endpoints.get("graph_gaming") or order.issuer.endpoint("graph")
    form = {**dict(parse_qsl(query)), "method": "get"}
    return Request(method="POST", url=f"{base.rstrip('/')}/{path}", form=form, bearer=held(order))


def _together(order: Order, calls: Sequence[str]) -> Flow[Sequence[Response | IssuerError]]:
    batch = json.dumps([{"method": "GET", "relative_url": url} for url in calls], separators=(",", ":"))
    form = {"batch": batch, "batch_app_id": order.issuer.client_id}
    url = order.issuer.endpoint("graph")
    response = yield from send(Request(method="POST", url=url, form=form, bearer=held(order)))
    found = response.json()
    if isinstance(found, Mapping):
        body_of(response, shape_of(order.issuer.response))
    if not isinstance(found, list) or len(found) != len(calls):
        raise AnswerNotUnderstood(
            f"the issuer's answer to a batch of {len(calls)} is not {len(calls)} answers"
        )
    return [_one(item, response) for item in found]


def _one(item: Any, whole: Response) -> Response:
    """Return one of the answers in a batch's; a call that was not made, or timed out, is null there."""
    entry = item if isinstance(item, Mapping) else {}
    status, body = entry.get("code"), entry.get("body")
    return Response(
        status=status if isinstance(status, int) else 503,
        body=body.encode() if isinstance(body, str) else b"",
        ahead=whole.ahead,
    )
