"""Who holds a store's key: each is asked in its own way, trusted for what it is worth, and never quoted."""

import logging
import os
from pathlib import Path

import pytest

from tests.engine.rings_ground import DurableStore, key_at
from tokenflow import Secret, SecretNotFound, WrongKey
from tokenflow.engine import holders
from tokenflow.engine.holders import Sources, keys_in, mode_of, warnings
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.secrets import SecretReader

KEY = "A" * 43


def credential(folder: Path, name: str, mode: int, content: str = KEY) -> Path:
    """Lay down what systemd would."""
    folder.mkdir(exist_ok=True)
    (file := folder / name).write_text(content)
    file.chmod(mode)
    return file


@pytest.mark.proves("A8")
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_a_credential_of_systemd_holds_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """It is read from the folder systemd names; a right of the group is how an access list shows."""
    credential(tmp_path / "creds", "tokens", mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "creds"))
    store = DurableStore()
    assert open_keyed(store, "systemd:tokens").holder.scheme == "systemd"
    assert open_keyed(store, "systemd:tokens").newest == 1


@pytest.mark.proves("A7", "A8")
@pytest.mark.parametrize("mode", [0o404, 0o420, 0o402, 0o410, 0o444, 0o644])
def test_a_credential_that_others_may_use_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Any right of others, and any of the group but to read."""
    credential(tmp_path / "creds", "tokens", mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "creds"))
    with pytest.raises(SecretNotFound, match="no credential of systemd's"):
        SecretReader()("systemd:tokens")


@pytest.mark.proves("A7")
def test_a_credential_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is this user's, or root's."""
    credential(tmp_path / "creds", "tokens", 0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "creds"))
    found = os.stat_result((0o100400, 1, 1, 1, 4242, 4242, 43, 0, 0, 0))
    monkeypatch.setattr("tokenflow.engine.secrets.os.fstat", lambda _: found)
    with pytest.raises(SecretNotFound, match="owner 4242"):
        SecretReader()("systemd:tokens")


@pytest.mark.parametrize("name", ["", "../tokens", ".", "..", "/etc/shadow", "a/b"])
def test_a_credential_is_a_name_and_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Nothing outside of the folder is read."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SecretNotFound, match="names no credential"):
        SecretReader()(f"systemd:{name}")


def test_a_process_that_systemd_gave_nothing_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line its unit lacks."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretNotFound, match="LoadCredentialEncrypted=tokens"):
        SecretReader()("systemd:tokens")


@pytest.mark.proves("A8", "A10")
def test_the_environment_is_warned_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By name, in the log of the process, whoever opens how many stores with it."""
    monkeypatch.setattr(holders, "_WARNED", set())
    monkeypatch.setenv("TOKENS_KEY", KEY)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            open_keyed(DurableStore(), "env:TOKENS_KEY")
    (line,) = [one.getMessage() for one in caplog.records]
    assert "the sealing key comes from the environment (TOKENS_KEY)" in line
    assert KEY not in line


@pytest.mark.proves("A8")
def test_a_key_beside_the_data_is_warned_of(tmp_path: Path) -> None:
    """In the data's folder or one below it, whatever way it is named; elsewhere nothing is said."""

    class Kept:
        path = tmp_path / "data" / "tokens.db"

    def told(path: Path) -> list[str]:
        return [says for says, _ in warnings(Sources().holder(key_at(path)), Kept())]

    assert "in the folder of the data" in told(tmp_path / "data" / "key")[0]
    assert told(tmp_path / "data" / "keys" / "key")
    assert told(tmp_path / "keys" / ".." / "data" / "key")
    assert told(tmp_path / "keys" / "key") == []
    assert mode_of(Sources().holder(f"file:{tmp_path / 'keys' / 'key'}")) == "0600"
    assert mode_of(Sources().holder("env:X")) is None


@pytest.mark.parametrize("text", ["", "short", f"{KEY}\n" * 3, f"{KEY}\nshort", "pass phrase"])
def test_what_holds_no_keys_is_not_quoted(text: str) -> None:
    """One key a line, two at most; the error says where it looked and not what it saw."""
    with pytest.raises(WrongKey, match="vault:x holds no sealing key") as raised:
        keys_in(Secret(text), "vault:x")
    assert not text.strip() or text.strip() not in str(raised.value)
