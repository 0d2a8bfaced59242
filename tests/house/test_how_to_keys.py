"""docs/how-to/keys.md, run as it stands."""

import io
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from tests.engine.rings_ground import fill, readable
from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow import SecretNotFound, WrongKey
from tokenflow.cli.app import run
from tokenflow.engine.ciphers import AesGcm
from tokenflow.engine.holders import Sources
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.places import open_store
from tokenflow.engine.rewrapping import rewrap
from tokenflow.hooks.registry import Registry
from tokenflow_sqlite import SqliteStore

PAGE: Final = ROOT / "docs" / "how-to" / "keys.md"


def written(language: str) -> list[str]:
    """The page's blocks in one language, in order."""
    return [code for info, code in blocks(PAGE) if info == language]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a store of a few tokens; its key is in its own file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tokenflow.engine.rekeying.SETTLE", 0.0)
    store = open_store("sqlite:tokens.db", Registry.installed())
    fill(open_keyed(store, None), 3, 2)
    store.close()
    return tmp_path


def test_its_commands_do_what_the_page_says(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, on one store; everything opens in the end, with the key that was named."""
    monkeypatch.setattr("sys.stdin", io.StringIO("k00001's access"))
    key: list[str] = []
    for line in "".join(written("sh")).splitlines():
        words = shlex.split(line.replace("/etc/tokenflow", str(here / "etc")).partition(" < ")[0])
        more = ["--tenant", "acme"] if "whose" in words else []
        assert run([*words[1:], *key, *more]) == 0, line
        if "--to" in words:
            key = ["--key", words[-1]]
    said = capsys.readouterr().out
    assert "3 rows and 3 blobs were sealed anew" in said, "the third is the key of the audit trail"
    assert said.endswith("k00001\n")
    store = SqliteStore("tokens.db")
    assert readable(store, open_keyed(store, key[1]), 3, 2)
    store.close()


class Denied(Exception):
    """The vault said no."""


class Vault:
    """A key service of another house: it keeps its keys, and binds what it wraps to a context."""

    def __init__(self) -> None:
        self.keys, self.asked, self.down = {"tokens": [AesGcm(bytes(range(32)))]}, 0, False

    def encrypt(self, name: str, content: bytes, *, context: str) -> bytes:
        """Wrap with the newest version of a key."""
        return self._of(name)[-1].seal(content, context.encode())

    def decrypt(self, name: str, content: bytes, *, context: str) -> bytes:
        """Unwrap with whichever version it was."""
        for version in self._of(name):
            try:
                return version.open(content, context.encode())
            except WrongKey:
                continue
        raise Denied

    def _of(self, name: str) -> list[AesGcm]:
        self.asked += 1
        if self.down:
            raise ConnectionError("https://vault.example/?token=canary")
        return self.keys[name]


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    """Put a vault where the page's plugin looks for one."""
    vault, client = Vault(), ModuleType("vault_client")
    client.Denied, client.client = Denied, lambda: vault  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vault_client", client)
    return vault


@pytest.fixture
def sources(vault: Vault) -> Sources:
    """Return where references lead with the page's plugin."""
    plugin = ModuleType("tokenflow_vault")
    exec(compile("".join(written("python")), str(PAGE), "exec"), plugin.__dict__)  # the page's own
    return Sources.of(Registry.of(plugin))


@pytest.fixture
def store(here: Path, sources: Sources) -> Iterator[SqliteStore]:
    """Yield a store that the vault holds the key of."""
    store = SqliteStore(here / "vault.db")
    fill(open_keyed(store, "vault:tokens", sources), 3, 2)
    yield store
    store.close()


@pytest.mark.proves("A8")
def test_its_key_service_holds_a_store(store: SqliteStore, vault: Vault, sources: Sources) -> None:
    """It is asked when a store is opened, never for a value; a rewrap takes a newer version of its key."""
    ring = open_keyed(store, "vault:tokens", sources)
    asked = vault.asked
    assert readable(store, ring, 3, 2)
    assert vault.asked == asked
    vault.keys["tokens"].append(AesGcm(bytes(32)))
    rewrap(ring)
    del vault.keys["tokens"][0]
    assert readable(store, open_keyed(store, "vault:tokens", sources), 3, 2)


@pytest.mark.proves("A8")
def test_a_store_goes_to_a_key_service_and_comes_back(
    here: Path, store: SqliteStore, sources: Sources
) -> None:
    """Each time the one before opens it no more."""
    file = f"file:{here / 'own' / 'key'}"
    rewrap(open_keyed(store, "vault:tokens", sources), sources.holder(file))
    assert readable(store, open_keyed(store, file), 3, 2)
    with pytest.raises(WrongKey, match="was not wrapped by vault:tokens"):
        open_keyed(store, "vault:tokens", sources)
    rewrap(open_keyed(store, file), sources.holder("vault:tokens"))
    with pytest.raises(WrongKey, match="was wrapped by a key service"):
        open_keyed(store, file)


@pytest.mark.proves("R14")
def test_a_key_service_that_says_no_or_nothing(
    here: Path, store: SqliteStore, vault: Vault, sources: Sources
) -> None:
    """What was wrapped for one store is unwrapped for no other; a fault is told by kind, not in its words."""
    other = SqliteStore(here / "other.db")
    open_keyed(other, None)
    other.put("store", "ring", store.get("store", "ring") or b"")
    with pytest.raises(WrongKey, match="does not unwrap this store's ring with tokens"):
        open_keyed(other, "vault:tokens", sources)
    other.close()
    vault.down = True
    with pytest.raises(SecretNotFound, match="the key service vault failed with ConnectionError") as raised:
        open_keyed(store, "vault:tokens", sources)
    assert "canary" not in f"{raised.value}{raised.value.__cause__}{raised.value.__context__}"
