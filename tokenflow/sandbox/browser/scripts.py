"""The two scripts a browser loads from the sandbox, and the page its login popup lands on."""

from functools import cache
from importlib.resources import files

from tokenflow.sandbox.wire import Call, Reply
from tokenflow.sandbox.world import World

_SCRIPT = (
    ("content-type", "text/javascript; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "cross-origin"),
)
_PAGE = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; script-src 'self'; base-uri 'none'"),
    ("referrer-policy", "no-referrer"),
)
_ARBITER = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Logged in</title>'
    '<script src="/x/connect/arbiter.js"></script><p>You may close this window.</p></html>'
)


def sdk(world: World, call: Call, locale: str) -> Reply:
    """Serve the stand-in SDK as `/{locale}/sdk.js`."""
    return Reply(200, _script("sdk.js"), _SCRIPT)


def arbiter(world: World, call: Call) -> Reply:
    """Serve the page that posts a login's fragment to the window that opened it."""
    return Reply(200, _ARBITER.encode(), _PAGE)


def arbiter_script(world: World, call: Call) -> Reply:
    """Serve the script of that page; its policy allows none written in the page itself."""
    return Reply(200, _script("arbiter.js"), _SCRIPT)


@cache
def _script(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
