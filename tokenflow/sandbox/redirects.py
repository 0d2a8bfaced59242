"""Where an answer may be sent: registered, or one of the addresses test clients use (sandbox.md)."""

from urllib.parse import urlsplit

from tokenflow.sandbox.world import App, World

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_LANDING = "https://www.facebook.com/connect/login_success.html"
_FIXED = ("https://staticxx.facebook.com/x/connect/xd_arbiter/", _LANDING)


def allowed_for_app(world: World, app: App, uri: str) -> bool:
    """Say whether *app* may be answered at *uri*, by its settings (facebook.md §9) and those of the run."""
    if app.enforce_https and uri.startswith("http:") and not (app.mode == "development" and is_loopback(uri)):
        return False
    if app.embedded_browser and _at(uri, _LANDING):
        return True
    return _registered(app, uri) or (world.any_loopback_redirect and (is_loopback(uri) or _of_sdk(app, uri)))


def _registered(app: App, uri: str) -> bool:
    return uri in app.redirect_uris or (
        not app.strict_redirect and bool(uri) and uri.startswith(tuple(filter(None, app.redirect_uris)))
    )


def allowed_for_client(world: World, redirect_uris: tuple[str, ...], uri: str) -> bool:
    """Say the same for a client of the OAuth face; exact comparison (RFC 9700 §2.1)."""
    return uri in redirect_uris or (world.any_loopback_redirect and is_loopback(uri))


def is_mobile(uri: str) -> bool:
    """Say whether *uri* is the private-use scheme of a mobile SDK (facebook.md §1.2)."""
    scheme = urlsplit(uri).scheme
    return scheme == "fbconnect" or (scheme.startswith("fb") and scheme[2:].isdigit())


def is_loopback(uri: str) -> bool:
    """Say whether *uri* is on this machine."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and host in _LOOPBACK and "@" not in parts.netloc


def _of_sdk(app: App, uri: str) -> bool:
    own = f"fb{app.app_id}://authorize"
    # The iOS and Android SDKs write it with and without the last slash, and add a query.
    return (
        uri == own
        or uri.startswith((f"{own}/", f"{own}?", "fbconnect://"))
        or any(_at(uri, fixed) for fixed in _FIXED)
    )


def _at(uri: str, fixed: str) -> bool:
    return uri == fixed or uri.startswith((f"{fixed}?", f"{fixed}#"))
