"""Android: what the SDK keeps on the phone, as a grant (facebook.md §4)."""

from collections.abc import Iterator

from tokenflow import CLIENT, Acquirer, Format, hookimpl
from tokenflow_android.formats import formats
from tokenflow_android.issued import encode_login
from tokenflow_android.sdk import sdk

__all__ = ["encode_login", "tokenflow_acquirers", "tokenflow_formats"]

NO_OPTIONS = {"type": "object", "additionalProperties": False}


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer `android.sdk`."""
    yield Acquirer(
        name="android.sdk", flow=sdk, runs_on=CLIENT, options=NO_OPTIONS, encode_login=encode_login
    )


@hookimpl
def tokenflow_formats() -> Iterator[Format]:
    """Offer the SDK's stores, of today and of before version 4, and the JSON in them."""
    yield from formats()
