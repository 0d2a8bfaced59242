"""`tokenflow doctor`: what is in order is said to be, each trouble found with its mend, no secret shown."""

import json
import os
import re
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.cli.conftest import Call, Said
from tests.properties.planning import DAY, REGISTRY, World, world
from tokenflow import SECOND, Engine, VirtualClock, Write
from tokenflow.core.learning import Learned, to_data
from tokenflow.core.tokens import Attempt
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.sealing import to_row, unopened
from tokenflow.engine.skews import SHELF as SKEWS
from tokenflow.hooks.registry import PluginLine, Registry
from tokenflow.runner import doctoring
from tokenflow.runner.doctoring import examine, worst
from tokenflow.spec import shipped

SECRET: Final = "canary-of-a-secret"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new store, with its key."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    url = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    Engine.open([], url).close()
    return url


@pytest.fixture(autouse=True)
def few_specs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All shipped specs are read by one test; the others look at other things."""
    if request.node.name != "test_a_sound_installation_has_no_problem":
        monkeypatch.setattr(doctoring, "shipped", lambda kind: ("bearer",) if kind == "Lifecycle" else ())


def of(said: Said, about: str) -> list[dict[str, Any]]:
    return [one for one in said.object["findings"] if one["about"] == about]


def test_a_sound_installation_has_no_problem(tokenflow: Call, store: str) -> None:
    """Exit 0; versions, clock, plugins, extras, shipped specs, the store's pages and key were looked at."""
    said = tokenflow("doctor", "--store", store, "--format", "json")
    assert said.code == 0
    about = {one["about"] for one in said.object["findings"]}
    assert about >= {
        "runtime",
        "clock",
        "plugin sqlite",
        "plugin facebook",
        "extras",
        "specs",
        "store",
        "key",
        "sqlite",
    }
    assert "every page is whole" in " ".join(one["says"] for one in of(said, "store"))
    assert re.fullmatch(
        r"the key in /.*\.key \(file, mode 0600\) opens this store, which seals under term 1",
        of(said, "key")[0]["says"],
    )
    count = sum(len(shipped(kind)) for kind in ("Lifecycle", "Issuer", "Tokens", "Scenario"))
    assert of(said, "specs")[-1]["says"] == f"{count} shipped specs can be read"


def test_looking_changes_nothing(tokenflow: Call, store: str) -> None:
    """Not a byte of the store."""
    path = Path(store.partition(":")[2])
    before = path.read_bytes()
    tokenflow("doctor", "--store", store)
    assert path.read_bytes() == before


def test_the_text_says_what_the_json_says(tokenflow: Call, store: str) -> None:
    """One line a finding, the mend of what needs one below it, the count on stderr."""
    text, shape = (
        tokenflow("doctor", "--store", store),
        tokenflow("doctor", "--store", store, "--format", "json"),
    )
    for one in shape.object["findings"]:
        if one["about"] not in ("clock", "store"):
            assert one["says"] in text.out
    assert text.err.endswith("0 problems, 0 warnings\n")


def test_each_secret_is_looked_up_and_never_shown(tokenflow: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found ones are found; a missing one is a problem with its mend, and exit 1."""
    monkeypatch.setenv("OAUTH2_CLIENT_ID", "shop")
    monkeypatch.delenv("OAUTH2_CLIENT_SECRET", raising=False)
    missing = tokenflow("doctor", "oauth2-app", "--format", "json")
    assert missing.code == 1
    (found,) = of(missing, "secret oauth2-app.client_secret")
    assert (found["verdict"], "OAUTH2_CLIENT_SECRET is not set" in found["says"]) == ("problem", True)
    assert found["mend"].startswith("set it")

    monkeypatch.setenv("OAUTH2_CLIENT_SECRET", SECRET)
    for shape in ("text", "json"):
        said = tokenflow("doctor", "oauth2-app", "--format", shape)
        assert said.code == 0
        assert "secret oauth2-app.client_secret" in said.out
        assert SECRET not in said.out + said.err


def test_a_spec_that_cannot_be_read_is_a_problem(tokenflow: Call) -> None:
    """It names the command that shows every mistake."""
    said = tokenflow("doctor", "no-such-spec", "--format", "json")
    (found,) = of(said, "spec no-such-spec")
    assert (said.code, found["mend"]) == (1, "tokenflow validate no-such-spec")


def test_a_store_that_is_not_there_is_a_problem_among_others(tokenflow: Call, tmp_path: Path) -> None:
    """Everything else is looked at all the same, and nothing is made."""
    said = tokenflow("doctor", "--store", f"sqlite:{tmp_path / 'none.db'}", "--format", "json")
    assert (said.code, list(tmp_path.iterdir())) == (1, [])
    assert of(said, "store")[0]["verdict"] == "problem"
    assert of(said, "runtime")[0]["verdict"] == "ok"


def test_a_store_open_to_others_is_a_problem(tokenflow: Call, store: str) -> None:
    """With the very command that mends it."""
    path = Path(store.partition(":")[2])
    path.chmod(0o644)
    said = tokenflow("doctor", "--store", store, "--format", "json")
    assert (said.code, of(said, "store")[0]["mend"]) == (1, f"chmod 600 {path}")


def test_a_damaged_page_is_found(tokenflow: Call, store: str) -> None:
    """Opening does not read it; doctor reads every page."""
    path = Path(store.partition(":")[2])
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(4096 * 2)
        file.write(b"\xff" * 2000)
        assert size > 4096 * 3
    said = tokenflow("doctor", "--store", store, "--format", "json")
    assert said.code == 1
    assert any(one["verdict"] == "problem" and "damaged" in one["says"] for one in of(said, "store"))


def test_a_key_that_is_gone_is_a_problem(tokenflow: Call, store: str, tmp_path: Path) -> None:
    """The store opens, its values do not: that is said, and how to name the key."""
    for path in (tmp_path / "data").rglob("*.key"):
        path.unlink()
    said = tokenflow("doctor", "--store", store, "--format", "json")
    assert said.code == 1
    assert "the key of this store is gone" in of(said, "key")[0]["says"]


def examined(found: World, clock: VirtualClock | None = None) -> dict[str, tuple[str, str]]:
    """Return (verdict, says) of what is looked at in a world's store, by what it is about."""
    looked = examine(registry=REGISTRY, clock=clock or found.clock, store=found.store)
    return {one.about: (one.verdict, one.says) for one in looked}


def test_tokens_in_trouble_are_named() -> None:
    """One that waits for a person, one nobody attends to, one whose last command is uncertain."""
    with world([("log_in", "fb/ada"), ("log_in", "rot/bob"), ("log_in", "rot/ada")]) as found:
        row = found.store.load("default", "rot/bob")
        assert row is not None
        token = unopened(row)
        doubt = Attempt(
            event="extend",
            number=1,
            started_at=found.clock(),
            command="extend",
            uncertain=True,
            error="transient",
        )
        lifecycle = found.engine.desk.setting.lifecycle("oauth2-rotating")
        uncertain = attrs.evolve(
            token, attempt=doubt, revision=token.revision + 1, access_token=None, refresh_token=None
        )
        kept = attrs.evolve(
            to_row(uncertain, lifecycle, open_keyed(MemoryStore(), None)), access_token=row.access_token
        )
        found.store.save([Write(row=kept, expected=row.revision)], mark=found.clock())
        found.clock.advance(DAY)
        looked = examined(found)
    assert looked["token rot/bob"] == ("warn", "extend may or may not have been carried out")
    assert looked["token rot/ada"][0] == "warn"
    assert "nobody attends to it" in looked["token rot/ada"][1]
    assert looked["tokens"] == ("ok", "3 live tokens, 3 in trouble")


def test_a_clock_behind_the_store_is_a_problem() -> None:
    """Timers are held, and it says since when the store knows better."""
    with world([("log_in", "fb/ada")]) as found:
        looked = list(examine(registry=REGISTRY, clock=VirtualClock(found.clock() - DAY), store=found.store))
    assert worst(looked) == "problem"
    (clock,) = [one for one in looked if one.about == "clock" and one.verdict == "problem"]
    assert "timers are held" in clock.says


def test_what_was_learnt_is_told() -> None:
    """An issuer whose clock is apart, and values that die before their promise."""
    with world([("log_in", "fb/ada")]) as found:
        apart = {"offset": 90 * SECOND, "error": 0, "tolerance": SECOND, "apart": True, "at": 0}
        found.store.put(SKEWS, "issuer.example", json.dumps(apart).encode())
        found.store.put(SKEWS, "other.example", json.dumps({**apart, "apart": False}).encode())
        early = Learned(promised=60 * DAY, lives=(DAY, DAY, DAY))
        found.store.put("learned", "default/facebook-user/long", json.dumps(to_data(early)).encode())
        looked = examined(found)
    assert looked["issuer issuer.example"] == ("warn", "its clock is 1m30s ahead of ours")
    assert "issuer other.example" not in looked
    assert looked["lifetime facebook-user/long"][1].startswith("values lately lived 1d, and are promised 60d")


def test_an_issuer_is_asked_only_on_request(tokenflow: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request without a secret; one that does not answer is a problem."""
    for name in ("OAUTH2_CLIENT_ID", "OAUTH2_CLIENT_SECRET"):
        monkeypatch.setenv(name, SECRET)
    plain = tokenflow("doctor", "oauth2-app", "--format", "json")
    asked = tokenflow(
        "doctor", "oauth2-app", "--issuer-check", "--issuer", "http://127.0.0.1:9", "--format", "json"
    )
    assert (plain.code, of(plain, "issuer sandbox-oauth2")) == (0, [])
    assert asked.code == 1
    assert of(asked, "issuer sandbox-oauth2")[0]["verdict"] == "problem"


def test_a_wall_clock_that_is_years_behind_is_a_problem() -> None:
    """As of a board without a battery: no token's end can be told by it."""
    looked = {one.about: one for one in examine(registry=REGISTRY, clock=VirtualClock(DAY))}
    assert (looked["clock"].verdict, looked["clock"].mend) == ("problem", "set it, e.g. by NTP")


def test_a_broken_plugin_is_a_problem_and_a_disabled_one_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its reason; a plugin that is well says how much it offers."""
    lines = [
        PluginLine(name="acme", origin="acme 1.0", status="broken", why="it cannot be imported"),
        PluginLine(name="web", origin="web 1.0", status="disabled", why="by you"),
    ]
    monkeypatch.setattr(Registry, "listing", lambda _: lines)
    looked = {one.about: one for one in examine(registry=REGISTRY, clock=VirtualClock(50 * 366 * DAY))}
    assert (looked["plugin acme"].verdict, looked["plugin web"].verdict) == ("problem", "warn")
    assert looked["plugin acme"].says == "broken: it cannot be imported"
