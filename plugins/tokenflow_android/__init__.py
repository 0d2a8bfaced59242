"""Android: what the SDK keeps on the phone, as a grant (facebook.md §4)."""

from collections.abc import Iterator

from tokenflow import CLIENT, Acquirer, hookimpl
from tokenflow_android.issued import encode_login
from tokenflow_android.sdk import sdk

__all__ = ["encode_login", "tokenflow_acquirers"]

NO_OPTIONS = {"type": "object", "additionalProperties": False}


@hookimpl
def tokenflow_acquirers() -> Iterator[Acquirer]:
    """Offer `android.sdk`."""
    yield Acquirer(
        name="android.sdk", flow=sdk, runs_on=CLIENT, options=NO_OPTIONS, encode_login=encode_login
    )
