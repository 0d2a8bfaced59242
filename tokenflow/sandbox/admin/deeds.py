"""`/admin/people/{id}/...`: what a person does."""

from typing import Any
from urllib.parse import urlsplit

from attrs import evolve

from tokenflow.sandbox import events, tokens
from tokenflow.sandbox.clock import SECOND, epoch_seconds
from tokenflow.sandbox.errors import AdminError
from tokenflow.sandbox.graph import device, dialog
from tokenflow.sandbox.graph.identity import identity_token
from tokenflow.sandbox.oauth2 import authorize
from tokenflow.sandbox.settings import State
from tokenflow.sandbox.wire import Call, call_of_url
from tokenflow.sandbox.world import App, World

from .reading import body_of, only, text, texts

Answer = dict[str, Any]


def password(state: State, call: Call, person_id: str) -> Answer:
    """Change the password (460)."""
    return {"ended": events.change_password(state.world, person_id)}


def checkpoint(state: State, call: Call, person_id: str) -> Answer:
    """Suspend the account, or let it back in: the tokens come back with it (459)."""
    person = events.person_of(state.world, person_id)
    body = body_of(call)
    only(body, frozenset({"on"}))
    on = bool(body.get("on", True))
    state.world.people[person_id] = evolve(person, checkpoint=on)
    return {"on": on}


def logout(state: State, call: Call, person_id: str) -> Answer:
    """Log out (467): web sessions end, long-lived tokens stay unless `everywhere` (facebook.md §7.2)."""
    body = body_of(call)
    only(body, frozenset({"everywhere"}))
    return {"ended": events.log_out(state.world, person_id, everywhere=bool(body.get("everywhere")))}


def remove_app(state: State, call: Call, person_id: str) -> Answer:
    """Remove the app (458)."""
    events.person_of(state.world, person_id)
    return {"ended": events.remove_app(state.world, person_id, text(body_of(call), "app_id"))}


def delete_data(state: State, call: Call, person_id: str) -> Answer:
    """Ask an app to delete the person's data; what it answered is in the ledger."""
    body = body_of(call)
    only(body, frozenset({"app_id"}))
    events.ask_deletion(state.world, person_id, text(body, "app_id"))
    return {"asked": True}


def permissions(state: State, call: Call, person_id: str) -> Answer:
    """Take permissions back, or let them lapse (`expire`)."""
    events.person_of(state.world, person_id)
    body = body_of(call)
    only(body, frozenset({"app_id", "revoke", "expire"}))
    app_id = text(body, "app_id")
    events.change_consent(state.world, person_id, app_id, texts(body, "revoke"), "declined")
    events.change_consent(state.world, person_id, app_id, texts(body, "expire"), "expired")
    return {"status": dict(state.world.consents[person_id, app_id].status)}


def approve(state: State, call: Call, person_id: str) -> Answer:
    """Decide in the dialog that *url* opens, as the person would, and return where they are sent."""
    person = events.person_of(state.world, person_id)
    body = body_of(call)
    only(body, frozenset({"url", "deny", "decline"}))
    url, denied, declined = text(body, "url"), bool(body.get("deny")), texts(body, "decline")
    try:
        asked = call_of_url(url)
    except ValueError:
        raise AdminError("url is no URL") from None
    if asked.path == "dialog/oauth":
        ask = dialog.read(state.world, asked)
        return {
            "location": dialog.deny(ask)
            if denied
            else dialog.approve(state.world, ask, person, declined=declined)
        }
    if asked.path == "oauth2/authorize":
        request = authorize.read(state.world, asked)
        return {
            "location": authorize.deny(request)
            if denied
            else authorize.approve(state.world, request, person, declined=declined)
        }
    if asked.path == "device":
        user_code = asked.get("user_code") or ""
        device.decide(state.world, user_code, person_id, deny=denied, declined=declined)
        return {"location": url}
    raise AdminError(f"no dialog is served at {urlsplit(url).path}", status=404)


def issue(state: State, call: Call, person_id: str) -> Answer:
    """Log in on a platform and return what its SDK receives (facebook.md §3, §4.7, §5.6)."""
    person = events.person_of(state.world, person_id)
    body = body_of(call)
    only(body, frozenset({"app_id", "platform", "scope", "decline", "long", "nonce"}))
    app = state.world.apps.get(text(body, "app_id"))
    platform = text(body, "platform")
    if app is None:
        raise AdminError(f"there is no app {body['app_id']}", status=404)
    if platform not in {"javascript", "android", "ios", "web"}:
        raise AdminError("platform must be javascript, android, ios or web")
    long_lived = bool(body.get("long", platform in {"android", "ios"}))
    scope, declined = texts(body, "scope"), texts(body, "decline")
    events.consent_to(state.world, person.id, app.app_id, asked=scope, declined=declined, ask_again=True)
    nonce = None if body.get("nonce") is None else text(body, "nonce")
    return _login(state.world, app, person.id, platform, long_lived=long_lived, nonce=nonce)


def _login(
    world: World, app: App, person_id: str, platform: str, *, long_lived: bool, nonce: str | None
) -> Answer:
    consent = world.consents[person_id, app.app_id]
    now = world.clock.now()
    granted = consent.of("granted")
    token = tokens.issue_user_token(
        world, app, person_id, scope=granted, platform=platform, long_lived=long_lived
    )
    ask = dialog.Ask(
        app=app,
        redirect_uri="",
        state=None,
        response_type=frozenset({"token", "signed_request"}),
        scope=granted,
        ask_again=False,
        return_scopes=True,
        nonce=None,
        code_challenge=None,
        platform=platform,
    )
    limited: Answer = {}
    if nonce is not None:
        limited = {"id_token": identity_token(world, app, token, nonce), "nonce": nonce}
    return limited | {
        "access_token": token.value,
        "expires_in": None if token.expires_at is None else (token.expires_at - now) // SECOND,
        "expires_at": epoch_seconds(token.expires_at),
        "data_access_expiration_time": epoch_seconds(token.data_access_expires_at),
        "signed_request": dialog.login_signed_request(world, ask, world.people[person_id], consent),
        "granted_scopes": list(granted),
        "declined_scopes": list(consent.of("declined")),
        "expired_scopes": list(consent.of("expired")),
        "user_id": person_id,
        "app_id": app.app_id,
        "graph_domain": "facebook",
        "issued_at": now // SECOND,
    }
