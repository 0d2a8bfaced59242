"""Where a reference leads: a shipped spec or a file, read whole or refused with a reason."""

import os
from collections.abc import Callable
from pathlib import Path

import attrs

from tokenflow.spec import shipped
from tokenflow.spec.diagnostics import Diagnostic, Span
from tokenflow.spec.reading import LARGEST
from tokenflow.spec.words import did_you_mean


@attrs.frozen(kw_only=True)
class Place:
    """A spec that can be read."""

    label: str
    """What diagnostics call it: the path as given, or builtin:NAME."""
    path: str
    """Where it is on this machine."""
    folder: Path | None
    """Where relative parents are looked up; None for a shipped spec."""
    read: Callable[[], bytes] = attrs.field(repr=False, eq=False)
    """Raises OSError."""


@attrs.frozen
class Unread:
    """A reference that leads nowhere."""

    message: str
    help: str | None = None


def locate(ref: str | os.PathLike[str], base: Path | None = None) -> Place | Unread:
    """Return the place *ref* names: `builtin:NAME`, a bare shipped name, or a path (relative to *base*)."""
    text = os.fspath(ref)
    if "\0" in text:
        return Unread("a file name holds no zero character")
    if isinstance(ref, str) and text.startswith(shipped.PREFIX):
        return _builtin(text.removeprefix(shipped.PREFIX))
    bare = (
        isinstance(ref, str)
        and not text.endswith((".yaml", ".yml"))
        and "/" not in text
        and os.sep not in text
    )
    if bare and (shipped.find(text) is not None or not Path(text).exists()):
        return _builtin(text)
    path = Path(text) if base is None else base / text
    return Place(label=path.as_posix(), path=str(path), folder=path.parent, read=lambda: _bytes(path))


def content(place: Place) -> bytes | Unread:
    """Return the bytes of *place*, or why they cannot be had."""
    try:
        return place.read()
    except FileNotFoundError:
        return Unread(
            "there is no such file", "shipped specs go by name: `facebook-user`, `builtin:facebook-user`"
        )
    except IsADirectoryError:
        return Unread("this is a folder, not a spec file")
    except PermissionError:
        return Unread("this file may not be read by this user")
    except OSError as error:
        return Unread(f"this file cannot be read: {error.strerror or 'unknown reason'}")


def unreadable(file: str, found: Unread) -> Diagnostic:
    """Return the diagnostic for a file that cannot be read."""
    span = Span(file=file, line=0, col=1, end_col=2)
    return Diagnostic(code="TF005", severity="error", message=found.message, span=span, help=found.help)


def _builtin(name: str) -> Place | Unread:
    found = shipped.find(name)
    if found is None:
        names = shipped.every_name()
        return Unread(
            f"no shipped spec is called `{name[:60]}`", did_you_mean(name, names, otherwise=", ".join(names))
        )
    return Place(label=f"{shipped.PREFIX}{name}", path=str(found), folder=None, read=found.read_bytes)


def _bytes(path: Path) -> bytes:
    """Read no more than a spec may have, and one byte to tell; a device or a pipe is not a file."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(0, "not a regular file")
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
