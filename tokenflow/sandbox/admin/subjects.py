"""`/admin/apps`, `people`, `pages`, `system_users` and `oauth2/clients`: who there is."""

from typing import Any

from attrs import evolve, fields_dict

from tokenflow.sandbox import events
from tokenflow.sandbox.errors import AdminError
from tokenflow.sandbox.redirects import is_loopback
from tokenflow.sandbox.settings import State
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import PERMS, App, Client, Page, Person, SystemUser

from .reading import Body, body_of, only, text, texts

_APP = frozenset(fields_dict(App))
_CLIENT = frozenset(fields_dict(Client))
_LISTS = ("redirect_uris", "developers", "scopes", "js_domains", "server_ips")
_TYPES = frozenset({"web", "native", "desktop"})
_MARKETING = frozenset({"none", "development", "standard"})
_MODES = frozenset({"live", "development"})
_ROTATIONS = frozenset({"none", "grace", "idempotent", "strict"})

#: Whatever is not named here is a text.
_KINDS: dict[str, Any] = {
    "redirect_uris": list,
    "developers": list,
    "scopes": list | None,
    "settings": dict,
    "js_domains": list,
    "server_ips": list,
    "calls_per_hour": int | None,
    **dict.fromkeys(("deauthorize_url", "data_deletion_url", "webhook_url"), str | None),
    **dict.fromkeys(("require_appsecret_proof", "strict_redirect", "enforce_https"), bool),
    **dict.fromkeys(("client_oauth_login", "web_oauth_login", "force_reauthentication"), bool),
    **dict.fromkeys(("device_login", "embedded_browser", "js_login"), bool),
    "short_lifetime": int,
    "long_lifetime": int,
    "client_secret": str | None,
    "grace": int,
    "expires_in": int | None,
    "refresh_expires_in": int | None,
}

Answer = dict[str, Any]


def put_app(state: State, call: Call) -> Answer:
    """Create or replace an app."""
    app = app_of(body_of(call))
    events.set_app(state.world, app)
    return {"app_id": app.app_id}


def app_of(body: Body) -> App:
    """Read an app with its settings."""
    for name in ("app_id", "app_secret", "client_token"):
        text(body, name)
    return _app(App(**_plain(body, _APP)))


def patch_app(state: State, call: Call, app_id: str) -> Answer:
    """Change the fields given; a new `app_secret` is a secret reset."""
    if app_id not in state.world.apps:
        raise AdminError(f"there is no app {app_id}", status=404)
    changed = _plain(body_of(call), _APP - {"app_id"})
    events.set_app(state.world, _app(evolve(state.world.apps[app_id], **changed)))
    return {"app_id": app_id}


def put_person(state: State, call: Call) -> Answer:
    """Create a person, or change their name."""
    body = body_of(call)
    only(body, frozenset({"id", "name"}))
    person = Person(id=text(body, "id"), name=text(body, "name"))
    state.world.people[person.id] = person
    return {"id": person.id}


def put_page(state: State, call: Call) -> Answer:
    """Create a page, or change it."""
    body = body_of(call)
    only(body, frozenset({"id", "name", "category"}))
    page = Page(
        id=text(body, "id"), name=text(body, "name"), category=body.get("category") or "Product/service"
    )
    state.world.pages[page.id] = page
    return {"id": page.id}


def put_role(state: State, call: Call, page_id: str) -> Answer:
    """Give a person (or system user) a role on a page; no perms is a role lost."""
    body = body_of(call)
    only(body, frozenset({"person", "perms"}))
    person, perms = text(body, "person"), texts(body, "perms")
    wrong = sorted(set(perms) - set(PERMS))
    if wrong:
        raise AdminError(f"unknown perm {', '.join(wrong)}; known are {', '.join(PERMS)}")
    if person not in state.world.system_users:
        events.person_of(state.world, person)
    events.set_role(state.world, page_id, person, tuple(perm for perm in PERMS if perm in perms))
    return {"page": page_id, "person": person, "perms": list(perms)}


def put_system_user(state: State, call: Call) -> Answer:
    """Create a system user of a business; the app named is installed for it."""
    body = body_of(call)
    only(body, frozenset({"id", "name", "business_id", "app_id"}))
    user = SystemUser(
        id=text(body, "id"),
        name=text(body, "name"),
        business_id=text(body, "business_id"),
        installed=(text(body, "app_id"),) if body.get("app_id") is not None else (),
    )
    state.world.system_users[user.id] = user
    return {"id": user.id}


def remove_system_user(state: State, call: Call, user_id: str) -> Answer:
    """Let a business remove its system user; every token of it ends."""
    only(body_of(call), frozenset())
    return {"ended": events.remove_system_user(state.world, user_id)}


def put_client(state: State, call: Call) -> Answer:
    """Create or replace a client of the OAuth face."""
    body = body_of(call)
    text(body, "client_id")
    client = _client(Client(**_plain(body, _CLIENT)))
    state.world.clients[client.client_id] = client
    return {"client_id": client.client_id}


def patch_client(state: State, call: Call, client_id: str) -> Answer:
    """Change the fields given."""
    if client_id not in state.world.clients:
        raise AdminError(f"there is no client {client_id}", status=404)
    changed = _plain(body_of(call), _CLIENT - {"client_id"})
    state.world.clients[client_id] = _client(evolve(state.world.clients[client_id], **changed))
    return {"client_id": client_id}


def _plain(body: Body, names: frozenset[str]) -> dict[str, Any]:
    only(body, names)
    for name, value in body.items():
        kinds = _KINDS.get(name, str)
        if not isinstance(value, kinds) or (kinds is not bool and value is True):
            raise AdminError(f"{name} has the wrong type")
    return {
        name: tuple(value) if name in _LISTS and isinstance(value, list) else value
        for name, value in body.items()
    }


def _app(app: App) -> App:
    if app.type not in _TYPES:
        raise AdminError(f"type must be one of {', '.join(sorted(_TYPES))}")
    if app.mode not in _MODES:
        raise AdminError(f"mode must be one of {', '.join(sorted(_MODES))}")
    for url in (app.deauthorize_url, app.data_deletion_url, app.webhook_url):
        if url is not None and not is_loopback(url):
            raise AdminError("a callback URL must be on loopback: the sandbox calls nobody else")
    if app.marketing_access not in _MARKETING:
        raise AdminError(f"marketing_access must be one of {', '.join(sorted(_MARKETING))}")
    return app


def _client(client: Client) -> Client:
    if client.rotation not in _ROTATIONS:
        raise AdminError(f"rotation must be one of {', '.join(sorted(_ROTATIONS))}")
    return client
