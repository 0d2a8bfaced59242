"""`tokenflow keys`, `token whose`: what seals a store is seen and changed; a wrong key writes nothing."""

import asyncio
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import click
import pytest

from tests.cli.conftest import Call
from tests.engine.rings_ground import fill, readable
from tests.house.commands import leaves
from tokenflow import AsyncEngine, Engine, WrongKey
from tokenflow.engine.keyfiles import write_key_file
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.places import open_store
from tokenflow.engine.rekeying import GRACE
from tokenflow.engine.stores import Store, Write
from tokenflow.hooks.registry import Registry

ROWS, BLOBS = 5, 4


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else has these stores open, and shipped specs are looked at elsewhere: nothing is waited for."""
    monkeypatch.setattr("tokenflow.engine.rekeying.SETTLE", 0.0)
    monkeypatch.setattr("tokenflow.runner.doctoring.shipped", lambda kind: ())


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a store with a few rows and blobs; its key is in its own file."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    url = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    with opened(url) as store:
        fill(open_keyed(store, None), ROWS, BLOBS)
    return url


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """Yield the store of a URL, made when it is not there."""
    store = open_store(url, Registry.installed())
    try:
        yield store
    finally:
        store.close()


def is_readable(url: str, key: str | None = None) -> bool:
    """Return whether everything that was kept opens."""
    with opened(url) as store:
        return readable(store, open_keyed(store, key), ROWS, BLOBS)


@pytest.mark.proves("A8")
def test_status_tells_who_holds_the_key_and_what_is_sealed_under_each_term(tokenflow: Call, url: str) -> None:
    """Holder, place and mode; each term's rows and blobs; as text and as JSON; nothing is changed."""
    path = Path(url.partition(":")[2])
    before = path.read_bytes()
    text, data = (tokenflow("keys", "status", "--store", url, "--format", it) for it in ("text", "json"))
    assert (text.code, data.code, path.read_bytes() == before) == (0, 0, True)
    told = data.object["keys"]
    assert (told["holder"]["scheme"], told["holder"]["mode"], told["newest"]) == ("file", "0600", 1)
    (term,) = told["terms"]
    assert (term["term"], term["rows"], term["blobs"], term["kept_until"]) == (1, ROWS, BLOBS, None)
    assert told["warnings"] == []
    assert f"{told['holder']['place']} (file, mode 0600)" in text.out
    assert f"{ROWS} rows and {BLOBS} blobs are sealed under it" in text.out


def test_status_of_a_new_store_makes_no_key(tokenflow: Call, tmp_path: Path) -> None:
    """There is nothing to tell yet."""
    url = f"sqlite:{tmp_path / 'new.db'}"
    with opened(url):
        pass
    said = tokenflow("keys", "status", "--store", url)
    assert (said.code, said.out) == (0, "the store is new: a key is made when it is first used\n")
    assert tokenflow("keys", "status", "--store", url, "--format", "json").object["keys"] == {}


@pytest.mark.proves("A5")
def test_rotate_seals_anew_and_drops_what_is_past(tokenflow: Call, url: str) -> None:
    """The old term is kept for an hour and told of; an hour later it is dropped, by itself or by `drop`."""
    said = tokenflow("keys", "rotate", "--store", url, "--format", "json")
    assert said.code == 0
    assert said.object["sealed"] == {"rows": ROWS, "blobs": BLOBS + 1}, "one is the key of the audit trail"
    assert (said.object["term"], said.object["dropped"], list(said.object["kept"])) == (2, [], ["1"])
    assert "term 1: kept until" in tokenflow("keys", "drop", "--store", url).out
    with opened(url) as store:
        ring = open_keyed(store, None)
        past = {number: attrs.evolve(it, since=it.since - GRACE) for number, it in ring.keys.terms.items()}
        ring.change(lambda keys: attrs.evolve(keys, terms=past))
    assert tokenflow("keys", "drop", "--store", url).out == "term 1: dropped, nothing used it\n"
    assert tokenflow("keys", "drop", "--store", url).out == "there is one term, and all is sealed under it\n"
    assert tokenflow("keys", "drop", "--store", url, "--format", "json").object["dropped"] == []
    text = tokenflow("keys", "rotate", "--store", url).out
    assert text.startswith(
        f"term 3: {ROWS} rows and {BLOBS + 1} blobs were sealed anew\nterm 2: kept until 20"
    )
    assert is_readable(url)


def test_what_no_key_opens_is_a_finding(tokenflow: Call, url: str) -> None:
    """It is named on stderr, and the exit code says so."""
    with opened(url) as store:
        held = store.rows(None, 2)
        moved = attrs.evolve(held[0], revision=2, access_token=held[1].access_token)
        store.save([Write(row=moved, expected=1)], mark=1)
    said = tokenflow("keys", "rotate", "--store", url)
    assert (said.code, "no key of this store opens it: row acme/k00000" in said.err) == (1, True)
    assert (
        tokenflow("keys", "status", "--store", url, "--format", "json").object["keys"]["terms"][0]["rows"]
        == 1
    )


def test_rewrap_gives_the_store_s_file_a_new_key_or_the_ring_another_holder(
    tokenflow: Call, url: str, tmp_path: Path
) -> None:
    """Old keys open nothing afterwards; a file that `--to` names is made; values are untouched."""
    (file,) = (tmp_path / "data").rglob("*.key")
    first = file.read_text()
    assert "(file) now" in tokenflow("keys", "rewrap", "--store", url).out
    assert file.read_text() != first
    assert is_readable(url)
    to = f"file:{tmp_path / 'elsewhere' / 'tokens.key'}"
    said = tokenflow("keys", "rewrap", "--store", url, "--to", to, "--format", "json")
    assert said.object["holder"] == {"scheme": "file", "place": to}
    assert is_readable(url, to)
    assert tokenflow("keys", "status", "--store", url).code == 4
    assert tokenflow("keys", "status", "--store", url, "--key", to).code == 0


@pytest.mark.proves("A8", "A10")
def test_status_and_doctor_warn_of_a_key_that_is_not_well_kept(
    tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment, and in a file beside the data; each with its mend."""
    monkeypatch.setenv("TOKENS_KEY", "A" * 43)
    beside = f"file:{write_key_file(tmp_path / 'store' / 'tokens.key')}"
    for number, (key, says) in enumerate(
        {"env:TOKENS_KEY": "in the environment", beside: "in the folder of the data"}.items()
    ):
        url = f"sqlite:{tmp_path / 'store' / f'{number}.db'}"
        with opened(url) as store:
            fill(open_keyed(store, key), 1, 1)
        said = tokenflow("keys", "status", "--store", url, "--key", key)
        assert says in said.err
        assert "help: " in said.err
        found = tokenflow("doctor", "--store", url, "--key", key, "--format", "json").object["findings"]
        (warned,) = [it for it in found if it["about"] == "key" and it["verdict"] == "warn"]
        assert says in warned["says"]
        assert warned["mend"]


def test_doctor_tells_of_a_rotation_that_is_not_done(tokenflow: Call, url: str) -> None:
    """And status does, with the command that goes on."""
    with opened(url) as store:
        open_keyed(store, None).change(lambda keys: keys.rotated(1))
    assert "tokenflow keys rotate" in tokenflow("keys", "status", "--store", url).err
    found = tokenflow("doctor", "--store", url, "--format", "json").object["findings"]
    assert [it["mend"] for it in found if "rotation" in it["says"]] == ["tokenflow keys rotate --store ..."]
    assert tokenflow("keys", "rotate", "--store", url, "--format", "json").object["term"] == 2


@pytest.mark.proves("A11")
def test_whose_reads_the_token_from_stdin_only(
    tokenflow: Call, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the key, or leaves with 1; a token among the arguments is a usage error that repeats none."""
    monkeypatch.setattr("sys.stdin", io.StringIO("k00003's access\n"))
    said = tokenflow("token", "whose", "--stdin", "--store", url, "--tenant", "acme")
    assert (said.code, said.out, said.err) == (0, "k00003\n", "")
    monkeypatch.setattr("sys.stdin", io.StringIO("another"))
    said = tokenflow("token", "whose", "--store", url, "--tenant", "acme", "--format", "json")
    assert (said.code, said.object["key"]) == (1, None)
    said = tokenflow("token", "whose", "canary", "--store", url)
    assert said.code == 2
    assert "canary" not in said.out + said.err


def gone(file: Path, to: Path) -> str | None:
    file.rename(to)
    return None


def swapped(file: Path, to: Path) -> str | None:
    write_key_file(to).replace(file)
    return None


def another(file: Path, to: Path) -> str | None:
    return f"file:{write_key_file(to)}"


def rotated_away(file: Path, to: Path) -> str | None:
    """The ring was put under another key since, and this is the one of before."""
    to.write_text(file.read_text())
    to.chmod(0o600)
    (store,) = file.parents[3].rglob("*.db")
    with opened(f"sqlite:{store}") as it:
        from tokenflow.engine.rewrapping import rewrap

        rewrap(open_keyed(it, None))
    return f"file:{to}"


VERBS = (
    ("token", "answer", "k00001", "native-app"),
    ("token", "hand-over", "k00001", "native-app", "--to", "client", "--audience", "https://app.example"),
    ("token", "whose", "--stdin"),
    ("migrate", "native-app", "--apply"),
    ("keys", "status"),
    ("keys", "rotate"),
    ("keys", "drop"),
    ("keys", "rewrap", "--to", "file:/nowhere"),
)


@pytest.mark.proves("R14")
@pytest.mark.parametrize("wrong", [gone, swapped, another, rotated_away])
def test_no_verb_writes_with_a_wrong_key(
    wrong: Callable[[Path, Path], str | None],
    tokenflow: Call,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Missing, swapped, another store's, or of before: every command and engine says so before any write."""
    (file,) = (tmp_path / "data").rglob("*.key")
    key = wrong(file, tmp_path / "other.key")
    database = Path(url.partition(":")[2])
    before = database.read_bytes()
    monkeypatch.setattr("sys.stdin", io.StringIO("state=1&code=2"))
    monkeypatch.setattr("tokenflow.cli.answer.demand_waiting", lambda *_: None)
    given = [] if key is None else ["--key", key]
    for verb in VERBS:
        said = tokenflow(*verb, "--store", url, *given)
        assert said.code == 4, (verb, said)
        assert "does not open this store" in said.err or "is gone" in said.err
        assert database.read_bytes() == before, verb
    with pytest.raises(WrongKey):
        Engine.open(["native-app"], url, key=key)
    with pytest.raises(WrongKey):
        asyncio.run(AsyncEngine.open(["native-app"], url, key=key))
    assert database.read_bytes() == before
    beside = {it.name: it.stat().st_size for it in database.parent.iterdir() if it != database}
    assert beside == {f"{database.name}-journal": 0}


@pytest.mark.proves("A11")
def test_no_option_takes_a_secret() -> None:
    """No command has an option or an argument called after one, but the sandbox, whose secrets are play."""
    secret = re.compile("secret|password|passphrase|access_token|refresh_token|client_token|credential|value")
    named = {
        (words, one.name)
        for words, command, _ in leaves()
        if words != "sandbox"
        for one in command.params
        if secret.search(one.name or "") and not (isinstance(one, click.Option) and one.is_flag)
    }
    assert named == set()
