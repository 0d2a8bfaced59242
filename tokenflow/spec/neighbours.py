"""Documents that name each other by where they stand: a path is looked up beside the file it stands in.

An issuer goes by name. One of that name around the lifecycle comes before a shipped one: in its folder,
in the folder `issuers` next to that (`tokenflow init` lays folders out so), or in one within it.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import attrs

from tokenflow.spec import shipped
from tokenflow.spec.places import Unread, content, locate
from tokenflow.spec.reading import read
from tokenflow.spec.words import did_you_mean

_ENDS: Final = (".yaml", ".yml")
_MOST: Final = 200
"""Files of a folder that are looked into for a document called otherwise than its file."""


@attrs.frozen
class Around:
    """What looking around a document came to."""

    path: Path | None
    """The file of the document that was looked for, or None."""
    looked: frozenset[str]
    """The files and folders on which that hangs."""


def beside(ref: str, document: str) -> str:
    """Return what *ref*, written in the file *document*, leads to; a name is that of a shipped spec.

    What is a folder here, and happens to have that name, has nothing to do with it.
    """
    if ref.endswith(_ENDS):
        return str(Path(document).parent / ref)
    return ref if ref.startswith(shipped.PREFIX) else f"{shipped.PREFIX}{ref}"


def around(kind: str, name: str, folder: Path) -> Around:
    """Find the document *name* of *kind* as seen from *folder*: in the file of its name, or in any other.

    A file of its name counts even when it cannot be read: its own problems are what is told then.
    """
    rooms = _rooms(kind, folder)
    looked = [folder_ / f"{name}.yaml" for folder_ in rooms]
    for path in looked:
        if path.is_file() and _title(path) in (None, (kind, name)):
            return Around(path, frozenset(map(str, looked)))
    for room in rooms:
        looked.append(room)
        for path in _within(room):
            looked.append(path)
            if _title(path, wanted=(kind, name)) == (kind, name):
                return Around(path, frozenset(map(str, looked)))
    return Around(None, frozenset(map(str, looked)))


def unknown_issuer(name: str, given: Sequence[str]) -> tuple[str, str]:
    """Return what to say of an issuer that is nowhere, and how to mend it; *given* are those given."""
    close = did_you_mean(name, (*given, *shipped.shipped("Issuer")))
    mend = f"give its file too, after this one, or save it as {name}.yaml beside this one"
    return (
        f"no Issuer document is called `{name}`: none that was given, none in the folder of this file, "
        "in its issuers/ or in ../issuers/, and no shipped one",
        mend if close is None else f"{close} Otherwise {mend}",
    )


def _rooms(kind: str, folder: Path) -> tuple[Path, ...]:
    own = shipped.FOLDERS[kind]
    return folder, Path(os.path.normpath(folder / ".." / own)), folder / own


def _within(room: Path) -> Iterator[Path]:
    try:
        names = sorted(entry.name for entry in os.scandir(room) if entry.name.endswith(_ENDS))
    except OSError:
        return
    yield from islice((room / name for name in names if (room / name).is_file()), _MOST)


def _title(path: Path, wanted: tuple[str, str] | None = None) -> tuple[object, object] | None:
    """Return kind and name of the document in *path*, or None: they cannot be read, or are not *wanted*."""
    place = locate(path)
    found = place if isinstance(place, Unread) else content(place)
    if isinstance(found, Unread) or not all(word.encode() in found for word in wanted or ()):
        return None
    root = read(found, str(path)).root
    if root is None or root.items is None:
        return None
    title = root.find(("kind",)).value, root.find(("metadata", "name")).value
    return title if all(isinstance(word, str) for word in title) else None
