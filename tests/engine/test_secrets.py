"""A reference leads to one secret, from a private place, and errors never say what it is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tokenflow import DuplicateCapability, Secret, SecretNotFound
from tokenflow.engine.secrets import LARGEST, SecretReader

read = SecretReader()


def private(path: Path, content: bytes, mode: int = 0o600) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return f"file:{path}"


def test_env_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """env:NAME is the variable's value, as it is."""
    monkeypatch.setenv("APP_SECRET", " value ")
    assert read("env:APP_SECRET") == Secret(" value ")


def test_an_unset_or_empty_variable_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable and says how to set it."""
    monkeypatch.delenv("APP_SECRET", raising=False)
    with pytest.raises(SecretNotFound, match="APP_SECRET is not set"):
        read("env:APP_SECRET")
    monkeypatch.setenv("APP_SECRET", "")
    with pytest.raises(SecretNotFound, match="APP_SECRET is empty"):
        read("env:APP_SECRET")


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"value", "value"), (b"value\n", "value"), (b"value\r\n", "value"), (b" v \n\n", " v \n")],
)
def test_a_file_is_read_without_its_last_newline(tmp_path: Path, content: bytes, secret: str) -> None:
    """file:/path is the file's text; one newline at the end belongs to the editor."""
    assert read(private(tmp_path / "s", content)) == Secret(secret)


@pytest.mark.proves("A7")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right for group or others is refused, and the mend is a chmod."""
    with pytest.raises(SecretNotFound, match="chmod 600"):
        read(private(tmp_path / "s", b"value", mode))


def _missing(folder: Path) -> str:
    return f"file:{folder / 'missing'}"


def _link(folder: Path) -> str:
    private(folder / "s", b"value")
    (folder / "link").symlink_to(folder / "s")
    return f"file:{folder / 'link'}"


def _fifo(folder: Path) -> str:
    os.mkfifo(folder / "fifo", 0o600)
    return f"file:{folder / 'fifo'}"


def _empty(folder: Path) -> str:
    return private(folder / "s", b"\n")


def _large(folder: Path) -> str:
    return private(folder / "s", b"x" * (LARGEST + 1))


def _binary(folder: Path) -> str:
    return private(folder / "s", b"\xff\xfe")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_missing, "No such file"),
        (_link, "symbolic link"),
        (_fifo, "not a file"),
        (lambda folder: f"file:{folder}", "not a file"),
        (_empty, "is empty"),
        (_large, "more than 65536 bytes"),
        (_binary, "UTF-8"),
    ],
)
def test_what_is_no_private_text_is_refused(tmp_path: Path, make: Callable[[Path], str], said: str) -> None:
    """Missing, linked, special, empty, huge and binary files each have their own sentence."""
    with pytest.raises(SecretNotFound, match=said):
        read(make(tmp_path))


@pytest.mark.proves("A7")
def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody else owns may hold what somebody else chose."""
    reference = private(tmp_path / "s", b"value")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SecretNotFound, match="belongs to user"):
        read(reference)


@pytest.mark.parametrize(
    "reference",
    ["hunter2", "hunter2:", "env:hunter2!", "EAAC:hunter2", "systemd:/hunter2", "keyring:hunter2", ""],
)
def test_a_secret_in_the_place_of_a_reference_is_not_repeated(reference: str) -> None:
    """Whatever was written in clear stays out of the error."""
    with pytest.raises(SecretNotFound) as raised:
        read(reference)
    assert "hunter2" not in f"{raised.value}{raised.value!r}{raised.value.__cause__!r}"


def test_given_secrets_are_taken_before_any_source() -> None:
    """A whole reference that is given is not looked up; the reader it was made from is unchanged."""
    overlay = read.given({"env:APP_SECRET": Secret("given")}).given({"x:y": Secret("other")})
    assert overlay("env:APP_SECRET") == Secret("given")
    assert overlay("x:y") == Secret("other")
    with pytest.raises(SecretNotFound):
        read("env:APP_SECRET")


def test_a_plugin_adds_a_scheme() -> None:
    """A source is given what follows the colon, colons included."""
    reader = SecretReader({"vault": lambda path: Secret(f"<{path}>")})
    assert reader("vault:a:b") == Secret("<a:b>")
    with pytest.raises(SecretNotFound, match="env:, file:, systemd:, vault:"):
        reader("hunter2")


def test_a_plugin_does_not_replace_a_built_in_scheme() -> None:
    """A plugin that offers env would see every secret of it."""
    with pytest.raises(DuplicateCapability, match="'env' is built in"):
        SecretReader({"env": Secret})
