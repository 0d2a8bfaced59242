"""`tokenflow audit`: what was done is shown, what was edited is named, and what is old goes."""

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.engine.audit_ground import edited
from tests.engine.test_auditing import LIFE, engine_of
from tokenflow.engine import rekeying
from tokenflow_sqlite import SqliteStore

pytestmark = pytest.mark.proves("J", "B8")


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store in which a token was acquired, replaced, revoked and forgotten, and another lives."""
    url = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    with engine_of(url) as engine:
        engine.acquire("app", **LIFE)
        engine.acquire("app", **LIFE)
        engine.revoke("app")
        engine.forget("app")
        engine.acquire("next\nkey", **LIFE)
    return url


def path_of(store: str) -> Path:
    return Path(store.removeprefix("sqlite:"))


def test_a_trail_that_nobody_touched_holds(tokenflow: Call, store: str) -> None:
    """Exit 0; every line was looked at, and both anchors were held against it."""
    said = tokenflow("audit", "verify", "--store", store, "--format", "json")
    assert (said.code, said.object["flaws"]) == (0, [])
    lines = said.object["lines"]
    assert [anchor["lines"] for anchor in said.object["anchors"]] == [lines, lines]
    plain = tokenflow("audit", "verify", "--store", store)
    assert plain.out == f"{lines} lines hold, and 0 were pruned before: each is as it was written\n"
    assert f"counts {lines} lines at 20" in plain.err


def test_the_first_line_that_was_edited_is_named(tokenflow: Call, store: str) -> None:
    """Exit 1; the chain, the number and what is wrong are said, to people and to programs."""
    edited(path_of(store), "UPDATE lines SET body = CAST('{}' AS BLOB) WHERE number = 3")
    said = tokenflow("audit", "verify", "--store", store, "--format", "json")
    (flaw,) = said.object["flaws"]
    assert (said.code, flaw["number"], flaw["says"]) == (1, 3, "was changed, moved or put there")
    plain = tokenflow("audit", "verify", "--store", store)
    assert plain.out.startswith(f"flaw: chain {flaw['chain']}, line 3 was changed, moved or put there\n")
    assert plain.code == 1


def test_what_was_done_to_a_token_is_shown_also_when_it_is_forgotten(tokenflow: Call, store: str) -> None:
    """The lines of one key, the oldest first, with what caused them and who did it."""
    said = tokenflow("audit", "show", "app", "--store", store, "--format", "json")
    lines = said.object["lines"]
    assert [line["act"] for line in lines][-1] == "forget"
    assert [line["revision"] for line in lines[:-1]] == list(range(1, len(lines)))
    assert {line["key"] for line in lines} == {"app"}
    assert lines[0]["did"][0]["happened"] == "Acquired"
    assert any(one.get("cause") == "caller" for line in lines for one in line["did"])
    assert tokenflow("audit", "show", "nobody", "--store", store).out == ""
    assert len(tokenflow("audit", "show", "app", "--store", store, "--last", "2").out.splitlines()) == 2


def test_the_whole_trail_is_shown_a_line_each(tokenflow: Call, store: str) -> None:
    """All keys' lines are there in the order of time, and a key with a line break in it breaks no line."""
    said = tokenflow("audit", "show", "--store", store)
    times = [line.split()[0] for line in said.out.splitlines()]
    assert times == sorted(times)
    assert "begun" in said.out
    assert "  next\\nkey  " in said.out
    assert len(tokenflow("audit", "show", "--store", store, "--last", "3").out.splitlines()) == 3


def test_a_rotation_of_keys_is_on_the_trail_and_leaves_it_whole(
    tokenflow: Call, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after it stand lines; under new terms old lines verify and are read."""
    monkeypatch.setattr(rekeying, "SETTLE", 0)
    for _ in range(2):
        assert tokenflow("keys", "rotate", "--store", store).code == 0
    assert tokenflow("keys", "rewrap", "--store", store).code == 0
    assert tokenflow("audit", "verify", "--store", store).code == 0
    told = tokenflow("audit", "show", "--store", store).out
    assert told.count("  rotate keys  ") == told.count("  keys rotated  ") == 2
    assert "from_term=1" in told
    assert "  rewrap keys  " in told
    assert "  forget  app  " in told


def test_what_is_old_goes_and_the_rest_holds(tokenflow: Call, store: str) -> None:
    """Nothing is older than a day; all is older than tomorrow; then the trail says that it was pruned."""
    counted = tokenflow("audit", "verify", "--store", store, "--format", "json").object["lines"]
    assert tokenflow("audit", "prune", "--store", store, "--before", "1d").out.endswith("0 lines removed\n")
    how = ("audit", "prune", "--store", store, "--before", "2999-01-01T00:00:00Z", "--format", "json")
    assert tokenflow(*how).object["removed"] == counted
    after = tokenflow("audit", "verify", "--store", store, "--format", "json")
    assert (after.code, after.object["lines"], after.object["pruned"]) == (0, 1, counted)
    assert "before=2999-01-01T00:00:00Z" in tokenflow("audit", "show", "--store", store).out


def test_evidence_is_not_pruned(tokenflow: Call, store: str) -> None:
    """Exit 1 where the trail has a flaw, and every line stays."""
    edited(path_of(store), "DELETE FROM lines WHERE number = 2")
    said = tokenflow("audit", "prune", "--store", store, "--before", "2999-01-01T00:00:00Z")
    assert said.code == 1
    assert "line 2 is missing" in said.out
    assert said.out.endswith("0 lines removed\n")


def test_a_backup_in_the_place_of_the_store_is_accepted_with_a_line(tokenflow: Call, store: str) -> None:
    """What the anchor counts and the backup lacks is a flaw until somebody says why; then that is a line."""
    path = path_of(store)
    backup = path.read_bytes()
    with engine_of(store) as engine:
        engine.acquire("next\nkey", **LIFE)
    path.write_bytes(backup)
    said = tokenflow("audit", "verify", "--store", store)
    assert said.code == 1
    assert "is missing, and what came behind it: the anchor in " in said.out
    assert tokenflow("audit", "accept", "--store", store, "--why", "disk died").code == 0
    assert tokenflow("audit", "verify", "--store", store).code == 0
    assert "accept  the store  " in tokenflow("audit", "show", "--store", store).out
    edited(path, "DELETE FROM lines WHERE number = 2")
    assert tokenflow("audit", "accept", "--store", store, "--why", "hide it").code == 1


@pytest.mark.parametrize("before", ["yesterday", "2999-13-01T00:00:00Z", "12"])
def test_a_time_that_is_none_is_a_wrong_usage(tokenflow: Call, store: str, before: str) -> None:
    """Exit 2, and nothing was done."""
    assert tokenflow("audit", "prune", "--store", store, "--before", before).code == 2


def test_a_store_without_a_trail_says_so(tokenflow: Call, tmp_path: Path) -> None:
    """Exit 4 with what to do; nothing is made."""
    SqliteStore(tmp_path / "tokens.db").close()
    said = tokenflow("audit", "verify", "--store", f"sqlite:{tmp_path / 'tokens.db'}")
    assert said.code == 4
    assert "keeps no audit trail yet" in said.err
    assert tokenflow("audit", "verify", "--store", f"sqlite:{tmp_path / 'none.db'}").code == 4
