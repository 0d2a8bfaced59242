"""A store is opened with its own key: made once, kept elsewhere, proven on its ring, never replaced."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenflow import Secret, SecretNotFound, Store, StoreUnreadable, WrongKey
from tokenflow.engine.ciphers import AesGcm, binding
from tokenflow.engine.holders import Sources
from tokenflow.engine.keyfiles import default_key_file, write_key_file
from tokenflow.engine.keys import look_keyed, open_keyed
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.secrets import SecretReader
from tokenflow.testing.store_rows import add, row

PLACE = binding("acme", "id-1", "access_token", 1)
KEY = "A" * 43
OTHER = "B" * 42 + "A"


class DurableStore(MemoryStore):
    """A memory store that says it stays, to be given a key that stays."""

    capabilities = frozenset({"leases", "durable"})  # type: ignore[misc]


@pytest.fixture
def store() -> Iterator[DurableStore]:
    store = DurableStore()
    yield store
    store.close()


def key_file(store: Store) -> Path:
    return default_key_file((store.get("store", "id") or b"").decode())


def test_a_key_file_is_made_on_first_use_and_read_ever_after(
    store: DurableStore, nobodys_settings: Path
) -> None:
    """The key rests under the user's data, named by the store's id, and opens the store again."""
    sealed = open_keyed(store, None).seal(Secret("value"), PLACE)
    assert open_keyed(store, None).open(sealed, PLACE) == Secret("value")
    assert list(key_file(store).parent.iterdir()) == [key_file(store)]
    assert key_file(store).is_relative_to(nobodys_settings / "xdg_data_home" / "tokenflow" / "keys")


@pytest.mark.proves("A7")
def test_the_key_file_is_private_under_any_umask(store: DurableStore) -> None:
    """It is 0600 in a folder 0700, even when the process makes everything world-writable."""
    before = os.umask(0)
    try:
        open_keyed(store, None)
    finally:
        os.umask(before)
    file = key_file(store)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [folder.stat().st_mode & 0o777 for folder in list(file.parents)[:2]] == [0o700, 0o700]


def test_two_stores_have_two_keys(store: DurableStore) -> None:
    """Each store has its own id, and its own key."""
    sealed = open_keyed(store, None).seal(Secret("value"), PLACE)
    with pytest.raises(WrongKey):
        open_keyed(DurableStore(), None).open(sealed, PLACE)


@pytest.mark.proves("R14")
def test_a_lost_key_file_is_an_error_and_not_a_new_key(store: DurableStore) -> None:
    """Over a store that was sealed, no second key is ever made."""
    open_keyed(store, None)
    key_file(store).unlink()
    with pytest.raises(WrongKey, match="the key of this store is gone"):
        open_keyed(store, None)
    assert not key_file(store).exists()


@pytest.mark.proves("R14")
def test_another_key_is_wrong_and_changes_nothing(
    store: DurableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names where the wrong key came from, and where the right one is; the ring stands."""
    monkeypatch.setenv("KEY", KEY)
    monkeypatch.setenv("OTHER", OTHER)
    open_keyed(store, "env:KEY")
    ring = store.get("store", "ring")
    with pytest.raises(WrongKey, match="the key from env:OTHER does not open this store") as raised:
        open_keyed(store, "env:OTHER")
    assert raised.value.mend == "name the key it was made with (env:); nothing was changed"
    assert store.get("store", "ring") == ring
    open_keyed(store, "env:KEY")


def test_a_key_is_read_from_a_file_or_whatever_the_reader_knows(store: DurableStore, tmp_path: Path) -> None:
    """A reference is read as any secret's; `write_key_file` makes such a file."""
    cipher = open_keyed(store, f"file:{write_key_file(tmp_path / 'new' / 'tokens.key')}")
    text = Secret((tmp_path / "new" / "tokens.key").read_text().strip())
    again = open_keyed(store, "vault:key", Sources(SecretReader({"vault": lambda path: text})))
    assert again.open(cipher.seal(Secret("value"), PLACE), PLACE) == Secret("value")


def test_a_key_file_is_not_written_over(tmp_path: Path) -> None:
    """A key that stands is left as it is."""
    first = write_key_file(tmp_path / "key").read_bytes()
    assert write_key_file(tmp_path / "key").read_bytes() == first


@pytest.mark.parametrize(
    "text", ["short", "A" * 42, "A" * 44, "passphrase of some words, not a key", "\u00e9" * 43]
)
def test_what_is_no_key_is_refused(store: DurableStore, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Only 32 random bytes are a key; the error says how to make one and does not repeat the text."""
    monkeypatch.setenv("KEY", text)
    with pytest.raises(WrongKey, match="openssl rand -base64 32") as raised:
        open_keyed(store, "env:KEY")
    assert text not in str(raised.value)


def test_both_alphabets_of_base64_are_one_key(store: DurableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What openssl prints and what Python prints is the same key."""
    monkeypatch.setenv("OPENSSL", "+/" * 21 + "8=")
    monkeypatch.setenv("PYTHON", "-_" * 21 + "8")
    open_keyed(store, "env:OPENSSL")
    open_keyed(store, "env:PYTHON")


def single(store: Store, key: str) -> bytes:
    """Make of *store* what a tokenflow of before made: one key, and a canary sealed with it."""
    store.keep("store", "id", b"5" * 32)
    cipher = AesGcm(base64.urlsafe_b64decode(key + "="))
    store.put("store", "canary", cipher.seal(b"tokenflow", binding("", "5" * 32, "canary", 0, kind="store")))
    return cipher.seal(b"value", PLACE)


def test_a_store_with_a_single_key_goes_on(store: DurableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key becomes that of term 1, and one of its own seals the ring; what was sealed before opens."""
    monkeypatch.setenv("KEY", KEY)
    sealed = single(store, KEY)
    assert open_keyed(store, "env:KEY").open(sealed, PLACE) == Secret("value")
    assert store.get("store", "canary") is None
    assert KEY.encode() not in (store.get("store", "ring") or b"")
    again = open_keyed(store, "env:KEY")
    assert again.open(sealed, PLACE) == Secret("value")
    assert again.newest == 1


@pytest.mark.proves("R14")
def test_a_store_with_a_single_key_is_not_taken_over(
    store: DurableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key than its own makes it no ring, and changes nothing."""
    monkeypatch.setenv("OTHER", OTHER)
    single(store, KEY)
    stood = [(name, store.get("store", name)) for name in store.names("store")]
    with pytest.raises(WrongKey, match="does not open this store"):
        open_keyed(store, "env:OTHER")
    with pytest.raises(WrongKey, match="is gone"):
        open_keyed(store, None)
    assert [(name, store.get("store", name)) for name in store.names("store")] == stood


@pytest.mark.proves("R14")
def test_an_id_that_is_gone_is_not_made_anew(store: DurableStore) -> None:
    """Where there is a ring there was an id: the store is refused, and nothing is written to it."""
    open_keyed(store, None)
    store.take("store", "id")
    with pytest.raises(StoreUnreadable, match="id is gone"):
        open_keyed(store, None)
    assert store.names("store") == ["ring"]


@pytest.mark.proves("R14")
def test_a_ring_that_is_gone_is_not_made_anew(store: DurableStore) -> None:
    """Where tokens are kept there was a ring: a new one would open none of them."""
    open_keyed(store, None)
    add(store, row())
    store.take("store", "ring")
    with pytest.raises(StoreUnreadable, match="key ring is gone"):
        open_keyed(store, None)
    assert store.get("store", "ring") is None


def test_a_look_changes_nothing(store: DurableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """To look at a ring makes none, of a new store nor of one with a single key; it opens what is there."""
    monkeypatch.setenv("KEY", KEY)
    assert look_keyed(store, None) is None
    assert store.shelves() == []
    sealed = single(store, KEY)
    looked = look_keyed(store, "env:KEY")
    assert looked is not None
    assert looked.open(sealed, PLACE) == Secret("value")
    assert store.names("store") == ["canary", "id"]


@pytest.mark.proves("A7")
def test_a_loose_key_file_is_refused(store: DurableStore) -> None:
    """A key that others can read is refused with the chmod that mends it."""
    open_keyed(store, None)
    key_file(store).chmod(0o640)
    with pytest.raises(SecretNotFound, match="chmod 600"):
        open_keyed(store, None)


@pytest.mark.proves("A7")
def test_a_loose_key_folder_is_refused(store: DurableStore) -> None:
    """A folder where others could put another key is refused."""
    open_keyed(store, None)
    key_file(store).parent.chmod(0o770)
    with pytest.raises(SecretNotFound, match="chmod 700"):
        open_keyed(store, None)


@pytest.mark.proves("A7")
def test_a_linked_key_file_is_refused(store: DurableStore, tmp_path: Path) -> None:
    """A symbolic link in the place of the key file is not followed, wherever it leads."""
    open_keyed(store, None)
    key_file(store).rename(tmp_path / "moved.key")
    key_file(store).symlink_to(tmp_path / "moved.key")
    with pytest.raises(SecretNotFound, match="symbolic link"):
        open_keyed(store, None)


def test_a_store_that_ends_with_the_process_leaves_no_key_behind(nobodys_settings: Path) -> None:
    """A memory store's key is the process's own, the same for each engine over it."""
    store = MemoryStore()
    sealed = open_keyed(store, None).seal(Secret("value"), PLACE)
    assert open_keyed(store, None).open(sealed, PLACE) == Secret("value")
    assert not (nobodys_settings / "xdg_data_home").exists()


def test_an_id_that_is_no_id_names_no_file(store: DurableStore) -> None:
    """A store is not trusted: its id does not lead out of the key folder."""
    store.put("store", "id", b"../../evil")
    with pytest.raises(StoreUnreadable, match="not an id"):
        open_keyed(store, None)


def test_a_home_that_cannot_be_written_is_explained(
    store: DurableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no key file can be made, the error says where, and how to name a key instead."""
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null")
    with pytest.raises(SecretNotFound, match="no key file can be made at /dev/null"):
        open_keyed(store, None)


_RACER = """
import sys
from pathlib import Path
from tokenflow.engine.keyfiles import write_key_file
sys.stdin.readline()
print(write_key_file(Path(sys.argv[1])).read_text())
"""


def test_racing_processes_read_the_same_key(tmp_path: Path) -> None:
    """Processes that make one key file at once all end with one key, and leave nothing beside it."""
    path = tmp_path / "keys" / "one.key"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    keys = {racer.communicate(timeout=30)[0].strip() for racer in racers}
    assert len(keys) == 1
    assert len(keys.pop()) == 43
    assert [file.name for file in path.parent.iterdir()] == ["one.key"]
