"""What a store's URL may ask for: `?journal=wal`, `?synchronous=full`; and which SQLite may have WAL."""

from collections.abc import Mapping
from typing import Final

import attrs

from tokenflow import StoreError

_OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "journal": ("truncate", "wal"),
    "synchronous": ("extra", "full"),
}


@attrs.frozen(kw_only=True)
class Settings:
    """How the file is written. The default loses no acknowledged commit when the power fails."""

    journal: str = "truncate"
    synchronous: str = "extra"
    """NORMAL is not offered: in WAL it loses acknowledged commits, and with them rotated tokens."""


def settings_of(options: Mapping[str, str], linked: tuple[int, ...]) -> Settings:
    """Read a URL's options for the *linked* SQLite; raises StoreError."""
    for name, value in options.items():
        if value not in _OFFERED.get(name, ()):
            offered = " ".join(f"{known}={'|'.join(values)}" for known, values in _OFFERED.items())
            raise StoreError(f"sqlite: no option {name}={value}", mend=f"options are {offered}")
    settings = Settings(**options)
    if settings.journal == "wal" and not wal_is_safe(linked):
        raise StoreError(
            f"sqlite: journal=wal needs another SQLite: {'.'.join(map(str, linked))} may damage it",
            mend='pip install "tokenflow-engine[wal]", or leave journal=wal out',
        )
    return settings


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite lacks the race of 3.7.0 to 3.51.2 (sqlite.org/wal.html#walresetbug).

    Mended in 3.51.3, and carried back to 3.50.7 and 3.44.6; 3.52.0 was withdrawn.
    """
    if version[:2] == (3, 44):
        return version >= (3, 44, 6)
    if version[:2] == (3, 50):
        return version >= (3, 50, 7)
    return version >= (3, 51, 3) and version[:3] != (3, 52, 0)
