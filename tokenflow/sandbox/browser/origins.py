"""Which pages may receive an app's login: those of its own domains (facebook.md §9)."""

from urllib.parse import parse_qs, urlsplit

from tokenflow.sandbox.redirects import is_loopback
from tokenflow.sandbox.world import App

ARBITER = "/x/connect/xd_arbiter/"


def is_arbiter(base: str, uri: str) -> bool:
    """Say whether *uri* is the landing page of this sandbox's own SDK."""
    return uri.startswith((f"{base}{ARBITER}?", f"{base}{ARBITER}#"))


def origin_in(uri: str) -> str:
    """Return the origin that the landing page will post to, as its fragment names it."""
    return parse_qs(urlsplit(uri).fragment).get("origin", [""])[0]


def allowed(app: App, origin: str) -> bool:
    """Say whether a page at *origin* may use the app's JavaScript login: on loopback, or a listed host."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    listed = any(host == domain or host.endswith(f".{domain}") for domain in app.js_domains)
    return app.js_login and (listed or is_loopback(origin))
