"""Where a command is told to write: looked at before the work, so that none is done in vain."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from tokenflow.core.errors import TokenflowError

_OF_THE_MACHINE: Final = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO", "ENOTDIR", "EISDIR", "ENAMETOOLONG",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""What the machine's owner can mend. A file that is not there is not among them: that may be our fault."""


class Unwritable(TokenflowError):
    """What was to be written cannot be."""

    code = "unwritable"


def unwritable(error: BaseException) -> Unwritable | None:
    """Return the plain error that an OSError of a file, a folder or stdout comes to; None for any other."""
    if not isinstance(error, OSError) or error.errno not in _OF_THE_MACHINE:
        return None
    mend = "make room there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "name another place"
    where = "stdout" if error.filename is None else os.fsdecode(error.filename)
    return Unwritable(f"{where} cannot be written: {error.strerror}", mend=mend)


def let_go_of_stdout() -> None:
    """Drop what stdout did not take, or the interpreter would try once more, and fail, on its way out."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Output(click.Path):
    """A file to write to; its folder has to be there and take it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; raises Unwritable."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            raise Unwritable(
                f"{path} cannot be written: there is no folder {path.parent}",
                mend=f"make it first: mkdir -p {path.parent}",
            )
        _demand(path, path if path.exists() else path.parent)
        return path


class OutputFolder(click.Path):
    """A folder to write to; where it is missing it is made, in one that is there and takes it."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; raises Unwritable."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        demand_folder(path)
        return path


def demand_folder(path: Path) -> None:
    """Raise Unwritable when nothing can be written to the folder *path*, or it cannot be made."""
    _demand(path, next(one for one in (path, *path.absolute().parents) if one.exists()))


def _demand(path: Path, standing: Path) -> None:
    if not os.access(standing, os.W_OK):
        raise Unwritable(
            f"{path} cannot be written: {standing} is read-only for you", mend="name another place"
        )
