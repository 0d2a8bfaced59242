"""Two cookies that bind a browser: one to the login it began, one to the page that hands off.

`__Host-` (RFC 6265bis §4.1.3.2): no neighbour domain and no plain HTTP can set one. A browser takes it over
TLS only, so on plain loopback the names are bare.
"""

import base64
import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from tokenflow.core.effects import PROMPT_LIVES
from tokenflow.core.tokens import SECOND
from tokenflow.web.returning import is_local
from tokenflow.web.sites import Site

LOGIN: Final = "tokenflow-login"
PAGE: Final = "tokenflow-page"
_PAGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def remember_login(site: Site, response: Response, state: str, return_to: str) -> None:
    """Have the browser show, when it comes back, that it began the login of *state*, and from where."""
    came = base64.urlsafe_b64encode(return_to.encode()).decode().rstrip("=")
    _set(site, response, LOGIN, f"{_digest(state)}.{came}", PROMPT_LIVES // SECOND, "lax")


def login_of(site: Site, request: Request, state: str) -> str | None:
    """Return where the browser wanted to go that began the login of *state*; None when it was another one."""
    digest, _, came = request.cookies.get(_name(site, LOGIN), "").partition(".")
    if not state or not hmac.compare_digest(digest.encode(), _digest(state).encode()):
        return None
    with suppress(ValueError):
        return_to = base64.urlsafe_b64decode(came + "=" * (-len(came) % 4)).decode()
        return return_to if is_local(return_to) else None
    return None


def forget_login(site: Site, response: Response) -> None:
    """Take the login's cookie back: it was good for one answer."""
    _set(site, response, LOGIN, "", 0, "lax")


def page_of(site: Site, request: Request) -> str | None:
    """Return what the browser's page is known by, or None."""
    found = request.cookies.get(_name(site, PAGE), "")
    return found if _PAGE.fullmatch(found) else None


def new_page(site: Site, response: Response) -> str:
    """Give the browser something to be known by, until it is closed."""
    value = secrets.token_urlsafe(32)
    _set(site, response, PAGE, value, None, "strict")
    return value


def _set(
    site: Site,
    response: Response,
    name: str,
    value: str,
    max_age: int | None,
    same_site: Literal["lax", "strict"],
) -> None:
    response.set_cookie(
        _name(site, name),
        value,
        max_age=max_age,
        path="/",
        secure=site.secure,
        httponly=True,
        samesite=same_site,
    )


def _name(site: Site, name: str) -> str:
    return f"__Host-{name}" if site.secure else name


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
