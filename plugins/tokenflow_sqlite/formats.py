"""A database file, recognised by its head (sqlite.org/fileformat.html); what is in it, other verbs tell."""

import struct
from collections.abc import Iterator
from typing import Final

from tokenflow import Description, Format, Specimen
from tokenflow_sqlite.schema import APPLICATION_ID

_HEAD: Final = b"SQLite format 3\0"
_APPLICATION: Final = 68
"""Where the head names the application, four bytes, big-endian."""


def formats() -> Iterator[Format]:
    """Yield the store's own file."""
    yield Format(name="sqlite.store", recognise=_is_database, describe=_describe)


def _is_database(found: Specimen) -> bool:
    return found.data.startswith(_HEAD)


def _describe(found: Specimen) -> Description:
    if len(found.data) < 100:
        return Description(what="the beginning of an SQLite database", odd=("it stops within its head",))
    (application,) = struct.unpack_from(">i", found.data, _APPLICATION)
    if application != APPLICATION_ID:
        return Description(what="an SQLite database, and no store of tokenflow's")
    path = found.name or "FILE"
    return Description(
        what="a store of tokenflow's, whose tokens are sealed",
        next=(
            f"list its tokens: tokenflow token list --store sqlite:{path}",
            f"check it: tokenflow doctor --store sqlite:{path}",
        ),
    )
