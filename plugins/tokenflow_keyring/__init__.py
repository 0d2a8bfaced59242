"""Secrets from the operating system's keyring: `keyring:service/user`. For a store's key, above all.

`keyring` quietly falls back to back ends that keep texts in the clear, or nothing at all (CWE-522); only
those of operating systems and desktops are read. Needs the extra: pip install "tokenflow-engine[keyring]".
"""

from collections.abc import Iterator

from tokenflow import SecretSource, hookimpl
from tokenflow_keyring.reading import read_keyring

__all__ = ["read_keyring", "tokenflow_secrets"]


@hookimpl
def tokenflow_secrets() -> Iterator[SecretSource]:
    """Offer keyring."""
    yield SecretSource(name="keyring", read=read_keyring)
