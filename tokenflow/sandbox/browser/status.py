"""`x/oauth/status` and `x/oauth/logout`: what the SDK asks about the person at the browser."""

import json

from attrs import evolve

from tokenflow.sandbox import events, tokens
from tokenflow.sandbox.clock import SECOND, epoch_seconds
from tokenflow.sandbox.graph import carriage, dialog, refusals
from tokenflow.sandbox.wire import Call, Pairs, Reply, json_reply
from tokenflow.sandbox.world import App, Consent, Token, World

from . import origins, sessions


def status(world: World, call: Call) -> Reply:
    """Answer `connected` with the login, `not_authorized`, `unknown` or `authorization_expired`.

    The answer is in the headers `fb-s` and `fb-ar` (JSON), for a page on one of the app's own domains.
    """
    app = world.apps.get(call.get("client_id") or "")
    if app is None:
        raise refusals.bad_client_id()
    origin = call.headers.get("origin", "")
    if not origins.allowed(app, origin):
        return json_reply({}, headers=(("fb-s", "unknown"),), error="origin")
    person_id = sessions.person_of(world, call, app.app_id)
    if person_id is None or world.people[person_id].checkpoint:
        return _told(origin, "unknown")
    consent = world.consents.get((person_id, app.app_id))
    if consent is None:
        return _told(origin, "not_authorized")
    until = _data_access(world, person_id, app.app_id)
    if until <= world.clock.now():
        return _told(origin, "authorization_expired")
    token = _renewed(world, app, person_id, consent, until)
    return _told(origin, "connected", _login(world, app, token, consent))


def logout(world: World, call: Call) -> Reply:
    """End the browser's session and the web tokens of the person (467)."""
    bearer, token = carriage.required_user(world, call)
    events.log_out(world, str(token.user_id), everywhere=False)
    origin = call.headers.get("origin", "")
    headers = _cross_origin(origin) if origins.allowed(bearer.app, origin) else ()
    return json_reply({"success": True}, headers=headers)


def _data_access(world: World, person_id: str, app_id: str) -> int:
    held = tokens.of_person(world, person_id, app_id)
    return max((each.data_access_expires_at or 0 for each in held if each.kind == "user"), default=0)


def _renewed(world: World, app: App, person_id: str, consent: Consent, until: int) -> Token:
    """Return the browser's token while half its life is left, and else a new one with the same window."""
    now = world.clock.now()
    for token in reversed(tokens.of_person(world, person_id, app.app_id)):
        if token.platform != "javascript" or token.kind != "user" or tokens.death_of(world, token):
            continue
        if token.expires_at is None or token.expires_at - now > app.short_lifetime * SECOND // 2:
            return token
    made = tokens.issue_user_token(world, app, person_id, scope=consent.of("granted"), platform="javascript")
    return tokens.record(world, evolve(made, data_access_expires_at=until))


def _login(world: World, app: App, token: Token, consent: Consent) -> dict[str, object]:
    ask = dialog.browser_ask(app, consent)
    person = world.people[str(token.user_id)]
    left = 0 if token.expires_at is None else (token.expires_at - world.clock.now()) // SECOND
    return {
        "access_token": token.value,
        "user_id": person.id,
        "expires_in": left,
        "signed_request": dialog.login_signed_request(world, ask, person, consent),
        "graph_domain": "facebook",
        "data_access_expiration_time": epoch_seconds(token.data_access_expires_at),
        "long_lived_token": sessions.begin(world, person.id, app.app_id),
    }


def _told(origin: str, status: str, login: dict[str, object] | None = None) -> Reply:
    headers = (*_cross_origin(origin), ("fb-s", status))
    if login is not None:
        headers = (*headers, ("fb-ar", json.dumps(login, separators=(",", ":"))))
    return json_reply({}, headers=headers)


def _cross_origin(origin: str) -> Pairs:
    return (
        ("access-control-allow-origin", origin),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "fb-s, fb-ar"),
        ("vary", "Origin"),
    )
