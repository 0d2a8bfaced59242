"""A person's browser session at the authority: begun in the dialog, ended by logout or a new password."""

import secrets
from http.cookies import CookieError, SimpleCookie

from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Session, World

COOKIE = "sandbox_session"


def begin(world: World, person_id: str, app_id: str | None = None) -> str:
    """Open a session and return the name it goes by; with *app_id* it speaks to that app only."""
    value = secrets.token_urlsafe(24)
    world.sessions[value] = Session(person_id=person_id, app_id=app_id)
    return value


def cookie_header(value: str) -> tuple[str, str]:
    """Return the header that sets the browser's session; pages of other sites ask with it, too."""
    return ("set-cookie", f"{COOKIE}={value}; Path=/; HttpOnly; Secure; SameSite=None")


def present(world: World, call: Call) -> Session | None:
    """Return the session of the browser that is calling."""
    return world.sessions.get(_cookie(call))


def person_of(world: World, call: Call, app_id: str) -> str | None:
    """Return who is at the browser: by its cookie, or by what the SDK keeps where cookies are denied."""
    session = present(world, call)
    if session is None:
        handle = world.sessions.get(call.get("input_token") or "")
        session = handle if handle is not None and handle.app_id == app_id else None
    return None if session is None or session.person_id not in world.people else session.person_id


def _cookie(call: Call) -> str:
    try:
        read = SimpleCookie(call.headers.get("cookie", ""))
    except CookieError:
        return ""
    return read[COOKIE].value if COOKIE in read else ""
