"""Where an answer may be sent: registered, or one of the addresses test clients use (sandbox.md)."""

from urllib.parse import urlsplit

from tokenflow.sandbox.world import App, World

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_FIXED = (
    "https://staticxx.facebook.com/x/connect/xd_arbiter/",
    "https://www.facebook.com/connect/login_success.html",
)


def allowed_for_app(world: World, app: App, uri: str) -> bool:
    """Say whether *app* may be answered at *uri*: exactly as registered, or loopback when the run allows."""
    return uri in app.redirect_uris or (world.any_loopback_redirect and (_loopback(uri) or _of_sdk(app, uri)))


def allowed_for_client(world: World, redirect_uris: tuple[str, ...], uri: str) -> bool:
    """Say the same for a client of the OAuth face; exact comparison (RFC 9700 §2.1)."""
    return uri in redirect_uris or (world.any_loopback_redirect and _loopback(uri))


def is_mobile(uri: str) -> bool:
    """Say whether *uri* is the private-use scheme of a mobile SDK (facebook.md §1.2)."""
    scheme = urlsplit(uri).scheme
    return scheme == "fbconnect" or (scheme.startswith("fb") and scheme[2:].isdigit())


def _loopback(uri: str) -> bool:
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
        or any(uri == fixed or uri.startswith((f"{fixed}?", f"{fixed}#")) for fixed in _FIXED)
    )
