"""The Graph face's table of paths, and how a call finds its handler."""

from collections.abc import Callable

from attrs import evolve

from tokenflow.sandbox.browser import scripts, status
from tokenflow.sandbox.errors import GraphError
from tokenflow.sandbox.wire import Call, Reply, json_reply, truth, with_method_override
from tokenflow.sandbox.world import World

from . import (
    accounts,
    actions,
    apps,
    device,
    device_page,
    dialog,
    endings,
    grants,
    identity,
    inspection,
    nodes,
    pages,
    permissions,
    refusals,
    system_users,
    test_users,
    usage,
)
from .batch import batch

#: What a caller who names no version gets (facebook.md §1.0).
DEFAULT_VERSION = "v25.0"

Handler = Callable[..., object]

#: Methods, path, handler. `{}` is one segment, given to the handler in order; the first match wins.
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET POST", "dialog/oauth", dialog.dialog),
    ("GET POST", "device", device_page.page),
    ("GET", "{}/sdk.js", scripts.sdk),
    ("GET", "x/connect/xd_arbiter", scripts.arbiter),
    ("GET", "x/connect/arbiter.js", scripts.arbiter_script),
    ("GET", "x/oauth/status", status.status),
    ("GET", "x/oauth/logout", status.logout),
    ("GET", ".well-known/oauth/openid/jwks", identity.jwks),
    ("GET", ".well-known/oauth/openid/keys", identity.keys),
    ("GET", ".well-known/oauth/openid/certs", identity.certificates),
    ("GET POST", "oauth/access_token", grants.access_token),
    ("GET", "oauth/access_token_info", inspection.access_token_info),
    ("GET POST", "oauth/client_code", endings.client_code),
    ("GET", "logout.php", endings.logout_page),
    ("GET POST", "oauth/revoke", endings.revoke),
    ("GET POST", "debug_token", inspection.debug_token),
    ("POST", "device/login", device.login),
    ("POST", "device/login_status", device.login_status),
    ("GET", "me", nodes.me),
    ("GET", "app", nodes.own_app),
    ("GET", "{}/permissions", permissions.read),
    ("DELETE", "{}/permissions", permissions.delete),
    ("DELETE", "{}/permissions/{}", permissions.delete),
    ("GET", "{}/accounts/test-users", test_users.read),
    ("POST", "{}/accounts/test-users", test_users.create),
    ("POST", "{}/friends/{}", test_users.befriend),
    ("POST", "{}/system_users", system_users.create),
    ("POST", "{}/applications", system_users.install),
    ("POST", "{}/access_tokens", system_users.generate),
    ("DELETE", "{}/access_tokens", system_users.end),
    ("POST", "{}/system_user_access_tokens", system_users.generate_for_business),
    ("GET", "{}/feed", pages.feed),
    ("POST", "{}/feed", pages.publish),
    ("GET", "{}/app_insights", apps.insights),
)


def answer(world: World, call: Call) -> Reply:
    """Answer one call of the Graph face; every refusal is in Graph's shape."""
    call = with_method_override(call)
    try:
        told = usage.spent(world, call)
        result = _handled(world, call)
    except GraphError as refused:
        reply, told = refused.reply(), usage.full(world, call) if refused.code == 4 else ()
    else:
        reply = result if isinstance(result, Reply) else json_reply(result)
    return _finished(call, evolve(reply, headers=(*reply.headers, *told)))


def _handled(world: World, call: Call) -> object:
    if call.path == "":
        if call.method != "POST":
            raise refusals.bad_parameter("Unsupported get request")
        return batch(world, call, answer)
    segments = call.path.split("/")
    for methods, pattern, handler in ROUTES:
        names = _matched(pattern, segments)
        if names is not None and call.method in methods.split():
            return handler(world, call, *names)
    return _by_kind(world, call, segments)


def _by_kind(world: World, call: Call, segments: list[str]) -> object:
    """Serve the paths whose meaning depends on what the first segment names."""
    name, edge = segments[0], segments[1:]
    is_app = name in world.apps
    if edge == ["accounts"] and is_app:
        by_type = {"GET": test_users.read_by_type, "POST": test_users.create_by_type}
        if call.method in by_type:
            return by_type[call.method](world, call, name)
    if edge == ["accounts"] and call.method == "GET":
        return accounts.accounts(world, call, name)
    if edge == ["insights"] and call.method == "GET":
        return (apps.insights if is_app else pages.insights)(world, call, name)
    if len(edge) == 1 and ":" in edge[0] and call.method == "POST":
        return actions.publish(world, call, name, edge[0])
    if not edge and call.method == "GET":
        return nodes.read(world, call, name)
    if not edge and call.method == "DELETE":
        return nodes.delete(world, call, name)
    if not edge and call.method == "POST" and is_app:
        return apps.modify(world, call, name)
    raise refusals.unknown_path(call.path)


def _matched(pattern: str, segments: list[str]) -> tuple[str, ...] | None:
    parts = pattern.split("/")
    if len(parts) != len(segments):
        return None
    names = []
    for part, segment in zip(parts, segments, strict=True):
        if part == "{}":
            names.append(segment)
        elif part != segment:
            return None
    return tuple(names)


def _finished(call: Call, reply: Reply) -> Reply:
    headers = (*reply.headers, ("facebook-api-version", call.version or DEFAULT_VERSION))
    # An answer that goes with the browser's cookies names the one origin that may read it.
    if not any(name == "access-control-allow-origin" for name, _ in headers):
        headers = (*headers, ("access-control-allow-origin", "*"))
    status = 200 if reply.status >= 400 and truth(call.get("suppress_http_code")) else reply.status
    return Reply(status, reply.body, headers, reply.error)
