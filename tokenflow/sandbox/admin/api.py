"""The admin API's table of paths, its door, and its memory of what it already answered."""

from collections.abc import Callable
from typing import Any

from tokenflow.sandbox.errors import AdminError, GraphError, OAuthError
from tokenflow.sandbox.settings import State
from tokenflow.sandbox.signing import same
from tokenflow.sandbox.wire import Call, Reply, json_reply

from . import conditions, deeds, subjects

Handler = Callable[..., dict[str, Any]]

#: Method and path below `/admin/`; `{}` is one segment, given to the handler.
ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "clock"): conditions.read_clock,
    ("POST", "clock"): conditions.move_clock,
    ("POST", "signing_key"): conditions.rotate_key,
    ("GET", "faults"): conditions.read_faults,
    ("POST", "faults"): conditions.order_fault,
    ("DELETE", "faults"): conditions.clear_faults,
    ("POST", "outage"): conditions.outage,
    ("GET", "ledger"): conditions.ledger,
    ("POST", "apps"): subjects.put_app,
    ("PATCH", "apps/{}"): subjects.patch_app,
    ("POST", "people"): subjects.put_person,
    ("POST", "people/{}/password"): deeds.password,
    ("POST", "people/{}/checkpoint"): deeds.checkpoint,
    ("POST", "people/{}/logout"): deeds.logout,
    ("POST", "people/{}/remove_app"): deeds.remove_app,
    ("POST", "people/{}/delete_data"): deeds.delete_data,
    ("POST", "people/{}/permissions"): deeds.permissions,
    ("POST", "people/{}/approve"): deeds.approve,
    ("POST", "people/{}/issue"): deeds.issue,
    ("POST", "pages"): subjects.put_page,
    ("POST", "pages/{}/roles"): subjects.put_role,
    ("POST", "system_users"): subjects.put_system_user,
    ("POST", "system_users/{}/remove"): subjects.remove_system_user,
    ("POST", "oauth2/clients"): subjects.put_client,
    ("PATCH", "oauth2/clients/{}"): subjects.patch_client,
}


def answer(state: State, call: Call) -> Reply:
    """Answer one admin call; the body is the parameter named "" (see `application`)."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same(token.strip(), state.admin_token):
        return AdminError("the admin token is missing or wrong", status=401).reply()
    key = call.headers.get("idempotency-key")
    if call.method != "POST" or key is None:
        return _performed(state, call)
    known = state.answered.get((call.path, key))
    if known is not None:
        return known
    reply = _performed(state, call)
    # A refusal did nothing, so it may be tried again under the same key.
    if reply.status < 400:
        state.answered[call.path, key] = reply
    return reply


def _performed(state: State, call: Call) -> Reply:
    try:
        handler, names = _found(call)
        return json_reply(handler(state, call, *names))
    except (AdminError, GraphError, OAuthError) as refused:
        return refused.reply()


def _found(call: Call) -> tuple[Handler, list[str]]:
    segments = call.path.split("/")[1:]
    for (method, pattern), handler in ROUTES.items():
        parts = pattern.split("/")
        if method == call.method and len(parts) == len(segments):
            pairs = list(zip(parts, segments, strict=True))
            if all(part in {"{}", segment} for part, segment in pairs):
                return handler, [segment for part, segment in pairs if part == "{}"]
    raise AdminError(f"the admin API has no {call.method} /{call.path}", status=404)
