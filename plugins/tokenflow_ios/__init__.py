"""iOS: what the SDK keeps in the keychain, as a grant (facebook.md §5)."""

from collections.abc import Iterator

from tokenflow import CLIENT, Acquirer, Format, hookimpl
from tokenflow_ios.formats import formats
from tokenflow_ios.issued import encode_login
from tokenflow_ios.sdk import sdk

__all__ = ["encode_login", "tokenflow_acquirers", "tokenflow_formats"]

NO_OPTIONS = {"type": "object", "additionalProperties": False}


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer `ios.sdk`."""
    yield Acquirer(name="ios.sdk", flow=sdk, runs_on=CLIENT, options=NO_OPTIONS, encode_login=encode_login)


@hookimpl
def tokenflow_formats() -> Iterator[Format]:
    """Offer the SDK's archives, its keychain item and what it leaves in an app's defaults."""
    yield from formats()
