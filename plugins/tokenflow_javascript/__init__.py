"""JavaScript: what FB.login and the `fbsr_` cookie bring (facebook.md §2, §3)."""

from collections.abc import Iterator

from tokenflow import CLIENT, SERVER, Acquirer, Format, hookimpl
from tokenflow_javascript.cookie import COOKIE_OPTIONS, cookie, once
from tokenflow_javascript.formats import formats
from tokenflow_javascript.issued import encode_cookie, encode_login
from tokenflow_javascript.sdk import sdk

__all__ = ["encode_cookie", "encode_login", "tokenflow_acquirers", "tokenflow_formats"]

NO_OPTIONS = {"type": "object", "additionalProperties": False}


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer `javascript.sdk` in the browser and `javascript.cookie` on the server."""
    yield Acquirer(
        name="javascript.sdk", flow=sdk, runs_on=CLIENT, options=NO_OPTIONS, encode_login=encode_login
    )
    yield Acquirer(
        name="javascript.cookie",
        flow=cookie,
        runs_on=SERVER,
        options=COOKIE_OPTIONS,
        encode_login=encode_cookie,
        once=once,
    )


@hookimpl
def tokenflow_formats() -> Iterator[Format]:
    """Offer the SDK's answer, its cookies, and a signed_request."""
    yield from formats()
