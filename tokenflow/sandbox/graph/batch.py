"""A POST to the root: several calls in one, each with its own status (facebook.md §1.6)."""

import json
from collections.abc import Callable

from attrs import evolve

from tokenflow.sandbox.errors import GraphError
from tokenflow.sandbox.wire import Call, Reply, pairs_of, split_version
from tokenflow.sandbox.world import World

from . import refusals

#: More calls than this in one batch are refused, as at Facebook.
MOST = 50

Handle = Callable[[World, Call], Reply]


def batch(world: World, call: Call, handle: Handle) -> list[object]:
    """Perform each item through *handle*; bodies come back as text, `null` where none was wanted."""
    include_headers = (call.get("include_headers") or "true").lower() not in {"false", "0"}
    return [_performed(world, call, item, handle, include_headers) for item in _items(call)]


def item_calls(call: Call) -> list[Call]:
    """Return the calls inside a batch, for the ledger."""
    return [_call_of(call, item) for item in _items(call)]


def _performed(
    world: World, call: Call, item: dict[str, object], handle: Handle, include_headers: bool
) -> object:
    inner = _call_of(call, item)
    reply = _nested() if inner.path == "" else handle(world, inner)
    if item.get("omit_response_on_success") and reply.status < 400 and item.get("name"):
        return None
    answer: dict[str, object] = {"code": reply.status, "body": reply.body.decode()}
    if include_headers:
        answer["headers"] = [{"name": name.title(), "value": value} for name, value in reply.headers]
    return answer


def _nested() -> Reply:
    return refusals.bad_parameter("A batch may not hold a batch").reply()


def _items(call: Call) -> list[dict[str, object]]:
    try:
        items = json.loads(call.get("batch") or "")
    except (ValueError, RecursionError):
        raise refusals.bad_parameter("Param batch must be a JSON array") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise refusals.bad_parameter("Param batch must be a JSON array of objects")
    if len(items) > MOST:
        raise GraphError("Too many requests in batch message. Maximum batch size is 50", code=100)
    return items


def _call_of(call: Call, item: dict[str, object]) -> Call:
    url, _, query = str(item.get("relative_url") or "").partition("?")
    version, path = split_version(url)
    pairs = pairs_of(query)
    form = pairs_of(str(item.get("body") or ""))
    # An item that brings no token of its own goes with the batch's, and with its proof.
    if not any(key == "access_token" for key, _ in (*pairs, *form)):
        shared = [(name, call.get(name)) for name in ("access_token", "appsecret_proof")]
        pairs = (*pairs, *((name, value) for name, value in shared if value is not None))
    return evolve(
        call,
        method=str(item.get("method") or "GET").upper(),
        path=path,
        version=version or call.version,
        query=pairs,
        form=form,
    )
