"""`me` and `/{id}`: a person, a page, a system user or an app, as the caller may see it."""

from tokenflow.sandbox import events, tokens
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import World

from . import apps, carriage, refusals
from .accounts import administered, wants_token
from .people import Node, page_node, person_node, shown

_PERSON = ("id", "name")
_PAGE = ("name", "id")


def me(world: World, call: Call) -> Node:
    """Answer whoever the token stands for; with a page token `me` is the page."""
    _, token = carriage.required_user(world, call)
    return read(world, call, token.page_id or str(token.user_id))


def own_app(world: World, call: Call) -> Node:
    """Answer the app that the token belongs to."""
    return apps.read(world, call, carriage.required(world, call).app.app_id)


def read(world: World, call: Call, name: str) -> Node:
    """Answer the object *name*."""
    if name in world.apps:
        return apps.read(world, call, name)
    bearer = carriage.required(world, call)
    if name in world.people:
        return _person(world, call, bearer, name)
    if name in world.pages:
        return _page(world, call, bearer, name)
    if name in world.system_users:
        return shown({"id": name, "name": world.system_users[name].name}, call, _PERSON)
    raise refusals.unknown_object(name)


def delete(world: World, call: Call, name: str) -> dict[str, object]:
    """Delete a test user; nothing else can be deleted."""
    bearer = carriage.required(world, call)
    person = world.people.get(name)
    if person is None or bearer.kind != "app" or person.test_user_of != bearer.app.app_id:
        raise refusals.unknown_object(name)
    events.delete_person(world, name)
    return {"success": True}


def _person(world: World, call: Call, bearer: carriage.Bearer, name: str) -> Node:
    # An app token sees less of a person than the person's own token does, without an error (SEED); so
    # does a token whose 90 days of data access are over (facebook.md §7.1).
    token = bearer.token
    own = token is not None and token.kind == "user" and token.user_id == name
    scope: tuple[str, ...] = ()
    if own and token is not None and (token.data_access_expires_at or 0) > world.clock.now():
        scope = tokens.live_scope(world, token)
    node = person_node(world.people[name], scope, base=call.base)
    if "public_profile" not in scope:
        node = {key: node[key] for key in ("id", "name")} if not own else {"id": name}
    return shown(node, call, _PERSON)


def _page(world: World, call: Call, bearer: carriage.Bearer, name: str) -> Node:
    token = bearer.token
    if token is not None and (name, token.user_id) in world.roles:
        if token.kind in {"user", "system_user"} and wants_token(call):
            return shown(administered(world, bearer, token, world.pages[name]), call, _PAGE)
        node = page_node(world.pages[name], world.roles[name, str(token.user_id)])
        if token.page_id == name:
            node["access_token"] = token.value
        return shown(node, call, _PAGE)
    return shown(page_node(world.pages[name], ()), call, _PAGE)
