"""Apple's keyed archives: a property list of objects that point at each other by number.

Read without making any object of the class an archive names: only texts, bytes, numbers, dates,
sets and dictionaries come out, so there is nothing to be tricked into running.
"""

import plistlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.parsers.expat import ExpatError

import attrs

from tokenflow import SECOND, Instant, PayloadError

LARGEST: Final = 256 * 1024
"""An archive above this many bytes is no token."""

REFERENCE: Final[Instant] = 978_307_200 * SECOND
"""2001-01-01, from which NSDate counts seconds."""

_FAR: Final = 10**11
"""Seconds from 2001 that no date of Apple's lies beyond; neither do not-a-number and infinity lie within."""

_ARCHIVER: Final = "NSKeyedArchiver"
_VERSION: Final = 100_000
_UNREADABLE: Final = (
    # All that plistlib lets out for bytes that are no property list.
    ValueError,
    ExpatError,
    AttributeError,
    LookupError,
    TypeError,
    OverflowError,
    RecursionError,
    struct.error,
)


@attrs.frozen
class Archive:
    """A keyed archive's objects."""

    objects: tuple[Any, ...] = attrs.field(repr=False)
    root: Any = attrs.field(repr=False)

    def follow(self, reference: Any) -> Any:
        """Return what *reference* points at, None for `$null`; a value that is no reference is itself."""
        number = _number(reference)
        if number is None:
            return reference
        if not 0 <= number < len(self.objects):
            raise PayloadError("malformed", "the archive points beyond its end")
        found = self.objects[number]
        return None if isinstance(found, str) and found == "$null" else found

    def class_of(self, value: Any) -> str:
        """Return the class name of an archived object, empty for a plain value."""
        described = self.follow(value.get("$class")) if isinstance(value, Mapping) else None
        name = described.get("$classname") if isinstance(described, Mapping) else None
        return name if isinstance(name, str) else ""


def read(data: bytes) -> Archive:
    """Return the archive in *data*, a binary or an XML property list.

    Raises PayloadError: truncated, unknown_version, malformed.
    """
    plist = property_list(data)
    if not isinstance(plist, dict) or plist.get("$archiver") != _ARCHIVER:
        raise PayloadError("malformed", f"the property list was not written by {_ARCHIVER}")
    if plist.get("$version") != _VERSION:
        raise PayloadError("unknown_version", f"the archive is written in another version than {_VERSION}")
    objects, top = plist.get("$objects"), plist.get("$top")
    if not isinstance(objects, list) or not isinstance(top, dict) or "root" not in top:
        raise PayloadError("malformed", "the archive has no root")
    archive = Archive(tuple(objects), None)
    return attrs.evolve(archive, root=archive.follow(top["root"]))


def instant_of(archive: Archive, reference: Any) -> Instant | None:
    """Return an NSDate, as Apple writes it (`NS.time`) or as GNUstep does (a plain date); None for nil."""
    value = archive.follow(reference)
    if isinstance(value, Mapping):
        value = archive.follow(value.get("NS.time"))
        if isinstance(value, int | float) and not isinstance(value, bool) and -_FAR <= value <= _FAR:
            return REFERENCE + round(value * SECOND)
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if value is None:
        return None
    raise PayloadError("malformed", "the archive holds a date that is none")


def property_list(data: bytes) -> Any:
    """Return what a property list holds; raises PayloadError: truncated, malformed."""
    if len(data) > LARGEST:
        raise PayloadError("malformed", "the archive is too large")
    plist = _property_list(data)
    if plist is None:
        raise PayloadError("truncated" if _is_cut(data) else "malformed", "the archive cannot be read")
    return plist


def _property_list(data: bytes) -> Any:
    """Return what *data* holds, None when it cannot be read: no exception of the reader hangs on to ours."""
    try:
        return plistlib.loads(data)
    except _UNREADABLE:
        return None


def _number(reference: Any) -> int | None:
    """Return the number of a reference: a UID, or in XML a dictionary with `CF$UID`."""
    if isinstance(reference, plistlib.UID):
        return reference.data
    if isinstance(reference, Mapping) and set(reference) == {"CF$UID"}:
        number = reference["CF$UID"]
        return number if isinstance(number, int) and not isinstance(number, bool) else -1
    return None


def _is_cut(data: bytes) -> bool:
    """Return whether an unreadable property list stops before its end."""
    if data.startswith(b"bplist"):
        if len(data) < 40:
            return True
        offset_size, _, count, _, table = struct.unpack(">6xBBQQQ", data[-32:])
        return bool(table + count * offset_size + 32 != len(data))
    text = data.strip()
    return b"bplist00".startswith(text) or (text.startswith(b"<") and not text.endswith(b"</plist>"))
