"""A copy of a store, or a backup put back, spends nothing before it is adopted; then it asks first."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.engine.ground import HOUR, Ground
from tokenflow import Engine, PersonNeeded, Refused
from tokenflow.engine import rollback

pytestmark = pytest.mark.proves("A3", "R25")

ROTATING = ("oauth2-rotating",)


@pytest.fixture(autouse=True)
def at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is believed for a second: these tests take less."""
    monkeypatch.setattr(rollback, "LOOK", 0.0)
    monkeypatch.setattr("tokenflow.engine.auditing.NOTED", 0.0)


def open_at(ground: Ground, path: Path) -> Engine:
    return ground.open(f"sqlite:{path}", ROTATING)


def copied(path: Path, to: Path) -> Path:
    """Copy a store that nobody has open, as `cp` does."""
    to.parent.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(path, to)
    to.chmod(0o600)
    return to


def replays(ground: Ground) -> int:
    """How often the issuer was shown a refresh token that was spent."""
    ledger: dict[str, Any] = ground.admin.ledger()
    return sum(
        1 for row in ledger["requests"] if row["grant_type"] == "refresh_token" and row["status"] >= 400
    )


def test_a_clone_beside_a_live_fleet_sends_nothing_and_once_adopted_asks_first(ground: Ground) -> None:
    """The original refreshes on; the clone serves and refuses, is adopted when alone, and replays nothing."""
    path = ground.folder / "tokens.db"
    with open_at(ground, path) as engine:
        for key in ("ada", "bob"):
            ground.rotating(engine, key, {"ada": "100", "bob": "200"}[key])
    clone = copied(path, ground.folder / "elsewhere" / "tokens.db")
    ground.pass_time(0.95 * HOUR)
    with open_at(ground, path) as engine:
        engine.extend("ada")
    sent = ground.requests()
    with open_at(ground, clone) as engine:
        assert engine.token("ada").token.key == "ada", "what is held serves to its end"
        for key in ("ada", "bob"):
            with pytest.raises(Refused, match="nothing is refreshed") as raised:
                engine.extend(key)
            assert raised.value.code == "rollback_suspected"
        assert engine.sweep().attended >= 0
        assert ground.requests() == sent
        planned = engine.adopt("", dry_run=True)
        assert planned.counts == {"ask": 2}
        assert ground.requests() == sent
        with pytest.raises(Refused, match="was not just moved"):
            engine.adopt("moved it", moved=True)
        done = engine.adopt("the old host is gone")
        assert {one.key: one.verdict for one in done.outcomes} == {"ada": "dead", "bob": "alive"}
        assert engine.extend("bob").generation == 2
        with pytest.raises(PersonNeeded):
            engine.extend("ada")
        assert engine.adopt("again").suspicion is None
    assert replays(ground) == 0
    with open_at(ground, path) as original, pytest.raises(Refused, match="nothing is refreshed"):
        original.extend("bob")
    assert replays(ground) == 0
