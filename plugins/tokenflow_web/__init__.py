"""Web: a person logs in at the issuer's own page, and a code comes back (RFC 6749 §4.1)."""

from collections.abc import Iterator

from tokenflow import SERVER, Acquirer, hookimpl
from tokenflow_web.redirect import OPTIONS, redirect


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer `web.redirect`."""
    yield Acquirer(
        name="web.redirect",
        flow=redirect,
        runs_on=SERVER,
        options=OPTIONS,
        endpoints=frozenset({"authorization_endpoint"}),
    )
