"""Reading secrets where their references lead: `env:NAME`, `file:/path`, `systemd:name`.

Plugins read further schemes (`keyring:service/user`).

A text that has no known scheme may be the secret itself, written in the wrong place; no error
here repeats one, nor any value.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from tokenflow.core.errors import DuplicateCapability, SecretNotFound
from tokenflow.core.secret import Secret

Source: TypeAlias = Callable[[str], Secret]
"""Given what follows the colon; raises SecretNotFound."""

LARGEST: Final = 64 * 1024
"""Bytes a secret's file may have."""

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
_CREDENTIAL: Final = re.compile(r"[^/\x00-\x1f]{1,255}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_env(name: str) -> Secret:
    """Read the environment variable *name*; raises SecretNotFound."""
    if not _NAME.fullmatch(name):
        raise SecretNotFound(
            "an env: reference does not name a variable", mend="write env:NAME, never the value"
        )
    value = os.environ.get(name)
    if not value:
        raise SecretNotFound(
            f"the environment variable {name} is {'not set' if value is None else 'empty'}",
            mend=f"set it, e.g. {name}=... before the command, or name a file: file:/path",
        )
    return Secret(value)


def read_file(path: str) -> Secret:
    """Read the private file at *path*, without the newline at its end; raises SecretNotFound.

    Refused: symbolic links, files of other users, any right for group or others.
    """
    return _read_private(Path(path).expanduser(), _refuse_shared)


def _read_private(where: Path, refuse: Callable[[Path, os.stat_result], None]) -> Secret:
    try:
        descriptor = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "it is a symbolic link" if where.is_symlink() else (error.strerror or "it cannot be opened")
        raise SecretNotFound(
            f"the secret's file {where} was not read: {reason}",
            mend="name the file itself, readable by its owner",
        ) from None
    try:
        refuse(where, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise SecretNotFound(f"{where} has more than {LARGEST} bytes", mend="is it the right file?")
    return _text(where, content)


def _refuse_shared(where: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretNotFound(f"{where} is not a file", mend="name a file")
    if found.st_uid != os.geteuid():
        raise SecretNotFound(
            f"{where} belongs to user {found.st_uid}, not to {os.geteuid()}", mend="change its owner"
        )
    if found.st_mode & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise SecretNotFound(f"{where} is open to others (mode {mode})", mend=f"chmod 600 {where}")


def _refuse_unsafe_credential(where: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()) or mode & 0o037:
        raise SecretNotFound(
            f"{where} is no credential of systemd's: owner {found.st_uid}, mode {mode:04o}",
            mend=f"it has to be this user's or root's, and nobody else's to read; is {CREDENTIALS} right?",
        )


def _text(where: Path, content: bytes) -> Secret:
    try:
        value = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretNotFound(f"{where} is not a text in UTF-8", mend="is it the right file?") from None
    if not value:
        raise SecretNotFound(f"{where} is empty", mend="write the secret into it")
    return Secret(value)


def read_credential(name: str) -> Secret:
    """Read the credential *name* that systemd gave this service; raises SecretNotFound.

    It is this user's, or root's with an access list that shows as a right of the group (systemd.exec(5)).
    """
    if not _CREDENTIAL.fullmatch(name) or name in (".", ".."):
        raise SecretNotFound("a systemd: reference names no credential", mend="write systemd:name")
    folder = os.environ.get(CREDENTIALS)
    if not folder:
        raise SecretNotFound(
            f"this process was given no credentials by systemd ({CREDENTIALS} is not set)",
            mend=f"write LoadCredentialEncrypted={name} into its unit, or name a file: file:/path",
        )
    return _read_private(Path(folder) / name, _refuse_unsafe_credential)


BUILT_IN: Final[Mapping[str, Source]] = {"env": read_env, "file": read_file, "systemd": read_credential}


class SecretReader:
    """Reads a secret by its reference: `reader("env:APP_SECRET")`.

    *sources* are schemes beyond the built-in env, file and systemd; raises DuplicateCapability when
    one of them bears such a name.
    """

    def __init__(self, sources: Mapping[str, Source] | None = None) -> None:
        doubled = sorted(BUILT_IN.keys() & (sources or {}).keys())
        if doubled:
            raise DuplicateCapability(
                f"the secret source {doubled[0]!r} is built in", mend="rename the plugin's"
            )
        self._sources: dict[str, Source] = {**BUILT_IN, **(sources or {})}
        self._given: dict[str, Secret] = {}

    def given(self, secrets: Mapping[str, Secret]) -> "SecretReader":
        """Return a reader that takes these whole references as given and reads the others as before."""
        reader = SecretReader()
        reader._sources = self._sources
        reader._given = {**self._given, **secrets}
        return reader

    def __call__(self, reference: str) -> Secret:
        """Return the secret; raises SecretNotFound, MissingExtra."""
        if reference in self._given:
            return self._given[reference]
        scheme, colon, rest = reference.partition(":")
        source = self._sources.get(scheme) if colon else None
        if source is None:
            known = ", ".join(f"{name}:" for name in sorted(self._sources))
            raise SecretNotFound(
                "a secret's reference begins with no known scheme",
                mend=f"known are {known}; a value written there in clear has to be replaced at the issuer",
            )
        return source(rest)
