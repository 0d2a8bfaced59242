"""Web: a person logs in at the issuer's own page, and a code or a token comes back (RFC 6749 §4.1, §4.2)."""

from collections.abc import Iterator

from tokenflow import ANYWHERE, CLIENT, Acquirer, Format, hookimpl
from tokenflow_web.formats import formats
from tokenflow_web.implicit import IMPLICIT_OPTIONS, implicit
from tokenflow_web.redirect import REDIRECT_OPTIONS, redirect

AUTHORIZATION = frozenset({"authorization_endpoint"})


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer `web.redirect`, and `web.implicit` in an app that shows a browser."""
    # Anywhere: an installed app has no secret, and its code is bound by PKCE alone (RFC 8252 §6).
    yield Acquirer(
        name="web.redirect",
        flow=redirect,
        runs_on=ANYWHERE,
        options=REDIRECT_OPTIONS,
        endpoints=AUTHORIZATION,
    )
    yield Acquirer(
        name="web.implicit",
        flow=implicit,
        runs_on=CLIENT,
        options=IMPLICIT_OPTIONS,
        endpoints=AUTHORIZATION,
    )


@hookimpl
def tokenflow_formats() -> Iterator[Format]:
    """Offer the address a login ends at."""
    yield from formats()
