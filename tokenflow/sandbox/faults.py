"""Faults the admin orders: what a network and a tired server do to an answer."""

import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any

from attrs import asdict, evolve, field, frozen

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.errors import AdminError
from tokenflow.sandbox.wire import Call, Reply, html_reply, json_reply
from tokenflow.sandbox.world import Person, World

from . import tokens

KINDS = frozenset(
    {"status", "html", "empty", "half_json", "negative_expires_in", "wrong_user", "no_expires_in", "says"}
    | {"slow", "silent", "drop", "drop_after", "cut", "early_death", "lifetime", "wrong_date", "rate_limit"}
)

_FIELDS: Mapping[str, Any] = {
    "path": str,
    "kind": str,
    "status": int,
    "retry_after": int,
    "body": object,
    "seconds": int | float,
    "times": int,
    "method": str,
    "code": int,
}

#: Somebody who never logged in; `wrong_user` answers with them.
STRANGER = Person(id="999999", name="Some Stranger")


@frozen(kw_only=True)
class Fault:
    """One order."""

    #: A prefix after version stripping, or `*`.
    path: str
    kind: str
    status: int | None = None
    #: Seconds, for the Retry-After header.
    retry_after: int | None = None
    body: object = field(default=None, repr=False)
    #: Of real time (`slow`), until the token dies (`early_death`), or ahead of the truth (`wrong_date`).
    seconds: float = 0.0
    #: How many answers are left; None until cleared.
    times: int | None = None
    method: str | None = None
    #: Which limit was hit (`rate_limit`): 4, 17, 32, 613, or 80000 and above.
    code: int | None = None

    def hits(self, call: Call) -> bool:
        """Say whether this order is for *call*."""
        return (self.path == "*" or call.path.startswith(self.path.strip("/"))) and self.method in {
            None,
            call.method,
        }


class Faults:
    """The orders that stand, first come first served, and whether the whole authority is out."""

    __slots__ = ("orders", "outage")

    def __init__(self) -> None:
        self.orders: list[Fault] = []
        self.outage = False

    def take(self, call: Call) -> Fault | None:
        """Return the first order that hits *call*, and count it down."""
        for position, fault in enumerate(self.orders):
            if fault.hits(call):
                left = None if fault.times is None else fault.times - 1
                if left == 0:
                    del self.orders[position]
                else:
                    self.orders[position] = evolve(fault, times=left)
                return fault
        return None


def fault_of(data: Mapping[str, Any]) -> Fault:
    """Read an order."""
    if data.get("kind") not in KINDS:
        raise AdminError(f"kind must be one of {', '.join(sorted(KINDS))}")
    if not isinstance(data.get("path"), str):
        raise AdminError("path must be a path prefix or *")
    known = {name: value for name, value in data.items() if value is not None}
    for name, value in known.items():
        if name not in _FIELDS or not isinstance(value, _FIELDS[name]) or value is True:
            raise AdminError(f"{name} is no field of a fault, or has the wrong type")
    if "method" in known:
        known["method"] = known["method"].upper()
    if known["kind"] == "says" and not isinstance(known.get("body"), dict):
        raise AdminError("says needs a body: the fields that stand in the answer in place of its own")
    if not 100 <= known.get("status", 500) <= 599 or known.get("times", 1) < 1:
        raise AdminError("status must be an HTTP status, and times at least 1")
    return Fault(**known)


def fault_order(fault: Fault) -> dict[str, Any]:
    """Return what `fault_of` reads as *fault*."""
    return asdict(fault, filter=lambda field, value: value != field.default)


def instead(face: str, fault: Fault) -> Reply | None:
    """Return the answer given in place of any work; None when the work is done first."""
    if fault.kind == "rate_limit":
        return with_retry_after(_limited(fault), fault)
    if fault.kind == "status":
        return with_retry_after(_refusal(face, fault), fault)
    if fault.kind == "html":
        return html_reply(
            "<!doctype html><title>Sorry</title><h1>Sorry</h1>", fault.status or 200, error="html"
        )
    if fault.kind == "empty":
        return Reply(fault.status or 200, b"", (("content-type", "application/json"),), "empty")
    return None


def afterwards(world: World, fault: Fault, reply: Reply) -> Reply:
    """Return the answer after work that was done, spoiled as ordered."""
    if fault.kind == "half_json":
        return evolve(reply, body=reply.body[: len(reply.body) // 2], error="half_json")
    if fault.kind == "wrong_date":
        told = world.clock.now() / SECOND + fault.seconds
        return evolve(reply, headers=(*reply.headers, ("date", formatdate(told, usegmt=True))))
    spoil = _SPOILS.get(fault.kind)
    if fault.kind in {"early_death", "lifetime"}:
        spoil = _doomed(fault.seconds, told=fault.kind == "lifetime")
    if fault.kind == "says":
        spoil = _saying(fault.body)
    if spoil is None or reply.status >= 400 or not reply.body:
        return reply
    try:
        data = json.loads(reply.body)
    except ValueError:
        return reply
    return evolve(reply, body=json.dumps(spoil(world, data)).encode(), error=fault.kind)


def outage(face: str) -> Reply:
    """Return what everybody hears while the authority is out."""
    return _refusal(face, Fault(path="*", kind="status", status=503))


def with_retry_after(reply: Reply, fault: Fault) -> Reply:
    """Add Retry-After when the order names it."""
    if fault.retry_after is None:
        return reply
    return evolve(reply, headers=(*reply.headers, ("retry-after", str(fault.retry_after))))


def _refusal(face: str, fault: Fault) -> Reply:
    status = fault.status or 500
    if isinstance(fault.body, str):
        return Reply(
            status, fault.body.encode(), (("content-type", "text/plain; charset=utf-8"),), str(status)
        )
    if fault.body is not None:
        return json_reply(fault.body, status, error=str(status))
    if face == "oauth2":
        return json_reply({"error": "temporarily_unavailable"}, status, error=str(status))
    text = "An unexpected error has occurred. Please retry your request later."
    code = 4 if status == 429 else 2
    error = {"message": text, "type": "OAuthException", "is_transient": True, "code": code}
    return json_reply({"error": {**error, "fbtrace_id": tokens.random_text(11)}}, status, error=str(status))


def _limited(fault: Fault) -> Reply:
    """Refuse as a limit does: 4 with 403, the others with 400, and 429 where it is ordered (§6.1)."""
    code = fault.code or 4
    status = fault.status or (403 if code == 4 else 400)
    text = _LIMITS.get(code, "There have been too many calls to this account. Wait a bit and try again")
    error = {"message": f"(#{code}) {text}", "type": "OAuthException", "code": code}
    usage = {"call_count": 100, "total_time": 100, "total_cputime": 100}
    minutes = -(-(fault.retry_after or 3600) // 60)
    business = {"type": "ads_management", **usage, "estimated_time_to_regain_access": minutes}
    headers = {4: ("x-app-usage", usage), 17: ("x-app-usage", usage), 32: ("x-app-usage", usage)}
    headers[613] = ("x-ad-account-usage", {"acc_id_util_pct": 100})
    name, told = headers.get(code, ("x-business-use-case-usage", {"1": [business]}))
    body = {"error": {**error, "is_transient": True, "fbtrace_id": tokens.random_text(11)}}
    return json_reply(body, status, headers=((name, json.dumps(told)),), error=str(code))


_LIMITS: Mapping[int, str] = {
    4: "Application request limit reached",
    17: "User request limit reached",
    32: "Page request limit reached",
    613: "Calls to this api have exceeded the rate limit.",
}


def _doomed(seconds: float, *, told: bool) -> Callable[[World, Any], Any]:
    """Return what ends the token of an answer after *seconds*; the answer says so only when it is *told*."""

    def doom(world: World, data: Any) -> Any:
        token = tokens.find(world, str(data.get("access_token"))) if isinstance(data, dict) else None
        if token is not None:
            end = world.clock.now() + int(seconds * SECOND)
            world.tokens[token.id] = evolve(token, expires_at=end)
            if told:
                return {**data, **_ends(data, seconds, end)}
        return data

    return doom


def _ends(data: Mapping[str, Any], seconds: float, end: int) -> dict[str, int]:
    ends = {"expires_in": int(seconds)}
    return ends | ({"expires_at": end // SECOND} if "expires_at" in data else {})


def _saying(fields: Any) -> Callable[[World, Any], Any]:
    """Return what puts *fields* into an answer, over its own."""
    return lambda world, data: {**data, **fields} if isinstance(data, dict) else data


def _negative(world: World, data: Any) -> Any:
    return {**data, "expires_in": -1} if isinstance(data, dict) and "expires_in" in data else data


def _without(world: World, data: Any) -> Any:
    return {key: data[key] for key in data if key != "expires_in"} if isinstance(data, dict) else data


def _stranger(world: World, data: Any) -> Any:
    """Put somebody else in the answer: their id wherever an id stands, and their token for a token."""
    if isinstance(data, list):
        return [_stranger(world, each) for each in data]
    if not isinstance(data, dict):
        return data
    changed = {key: _stranger(world, value) for key, value in data.items()}
    for key in ("user_id", "id", "sub"):
        if changed.get(key) in world.people:
            changed[key] = STRANGER.id
    token = tokens.find(world, str(changed.get("access_token")))
    if token is not None and token.kind in {"user", "access"}:
        world.people.setdefault(STRANGER.id, STRANGER)
        changed["access_token"] = _theirs(world, token.id)
    return changed


def _theirs(world: World, token_id: str) -> str:
    token = world.tokens[token_id]
    consent = world.consents.get((str(token.user_id), token.app_id))
    if consent is not None:
        world.consents[STRANGER.id, token.app_id] = consent
    value = tokens.graph_value()
    other = evolve(token, id=tokens.token_id(world), value=value, user_id=STRANGER.id)
    return tokens.record(world, other).value


_SPOILS: Mapping[str, Callable[[World, Any], Any]] = {
    "negative_expires_in": _negative,
    "no_expires_in": _without,
    "wrong_user": _stranger,
}
