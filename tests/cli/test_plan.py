"""`tokenflow plan` and `run --plan`: it changes nothing, and what it lists is done, once, at an issuer."""

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.conftest import Call
from tokenflow import Engine
from tokenflow.sandbox import AdminClient, Sandbox
from tokenflow.sandbox.application import application
from tokenflow.sandbox.server import hosted

REPORTS: Final = "sandbox-reports"
SECRET: Final = "canary-of-a-secret"


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[AdminClient]:
    """A sandbox where the client of the reports is known."""
    monkeypatch.setenv("OAUTH2_CLIENT_ID", "reports")
    monkeypatch.setenv("OAUTH2_CLIENT_SECRET", SECRET)
    settings = Sandbox(app_id="1", app_secret="play", real_time=True)
    with hosted(application(settings.state())) as url:
        admin = AdminClient(url, settings.admin_token)
        admin.client("reports", client_secret=SECRET, redirect_uris=["http://127.0.0.1/callback"])
        yield admin


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty store with a key of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    url = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    Engine.open([], url).close()
    return url


def everything(store: str) -> dict[str, str]:
    """Return the digest of every file beside the store."""
    folder = Path(store.partition(":")[2]).parent
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def issued(issuer: AdminClient) -> int:
    return len(issuer.ledger()["tokens"])


@pytest.mark.parametrize("shape", ["text", "json"])
def test_to_plan_changes_no_byte(tokenflow: Call, issuer: AdminClient, store: str, shape: str) -> None:
    """The store's file is the same, nothing stands beside it, and the issuer was not asked."""
    before = everything(store)
    said = tokenflow("plan", REPORTS, "--store", store, "--format", shape)

    assert said.code == 0
    assert everything(store) == before
    assert issuer.ledger()["requests"] == []


def test_a_plan_says_what_would_happen(tokenflow: Call, store: str) -> None:
    """The sum first, then each act with its time, its calls and how often it comes again."""
    said = tokenflow("plan", REPORTS, "--store", store, "--until", "3h")
    lines = said.out.splitlines()

    assert lines[0].startswith("plan for the next 3h: ")
    assert "0 live tokens; 3 to fire; 4 to acquire; 0 to migrate; 0 refused; 4 calls" in lines[1]
    assert lines[2].startswith("+ now ")
    assert lines[2].endswith("reports: acquire oauth2-app@1.0.0 by server -> issued")
    assert "calls sandbox-oauth2: server.client_credentials" in lines[3]
    assert "expiring_soon by timer renew: stays issued" in lines[4]
    assert "2 more like it, about every" in lines[5]


def test_exit_code_tells_whether_there_are_changes(tokenflow: Call, store: str) -> None:
    """3 with changes, 0 without; 0 as well when nobody asked."""
    plan = ("plan", REPORTS, "--store", store)
    assert tokenflow(*plan).code == 0
    assert tokenflow(*plan, "--exit-code").code == 3
    assert tokenflow("plan", "--store", store, "--exit-code").code == 0


def test_what_is_planned_is_done_and_nothing_else(
    tokenflow: Call, issuer: AdminClient, store: str, tmp_path: Path
) -> None:
    """One token is issued; what is due later is left; applied again, nothing is done twice."""
    path = tmp_path / "plan.json"
    tokenflow("plan", REPORTS, "--store", store, "--out", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET not in path.read_text()
    apply = ("run", "--plan", path, "--store", store, "--issuer", issuer.url, "--format", "json")

    first = tokenflow(*apply)
    assert (first.code, issued(issuer)) == (0, 1)
    outcomes = [(one["does"], one["outcome"]) for one in first.object["applied"]]
    assert outcomes[:2] == [("acquire", "done"), ("fire", "later")]
    assert {outcome for _, outcome in outcomes[1:]} == {"later"}

    again = tokenflow(*apply)
    assert (again.code, issued(issuer)) == (0, 1)
    assert again.object["applied"][0]["outcome"] == "earlier"
    assert (
        tokenflow("token", "list", "--store", store, "--format", "json").object["tokens"][0]["key"]
        == "reports"
    )


def test_a_token_that_moved_on_is_refused(
    tokenflow: Call, issuer: AdminClient, store: str, tmp_path: Path
) -> None:
    """Somebody acquired and ended it meanwhile: the plan does not touch it, says so, and exits 1."""
    path = tmp_path / "plan.json"
    tokenflow("plan", REPORTS, "--store", store, "--out", path)
    with Engine.open(["oauth2-app"], store, issuer=issuer.url) as engine:
        engine.acquire("reports", lifecycle="oauth2-app", platform="server")
        engine.invalidate("reports")
    before, asked = everything(store), len(issuer.ledger()["requests"])
    said = tokenflow("run", "--plan", path, "--store", store, "--issuer", issuer.url)

    assert said.code == 1
    assert "'reports' is at revision 2 (`invalidated`); the plan saw nothing there" in said.out
    assert len(issuer.ledger()["requests"]) == asked
    assert everything(store) == before


def test_an_issuer_out_of_reach_is_told(
    tokenflow: Call, issuer: AdminClient, store: str, tmp_path: Path
) -> None:
    """Exit 4: it may be tried again, for the token is still what the plan saw."""
    path = tmp_path / "plan.json"
    tokenflow("plan", REPORTS, "--store", store, "--out", path)
    assert tokenflow("run", "--plan", path, "--store", store, "--issuer", "http://127.0.0.1:9").code == 4
    assert tokenflow("run", "--plan", path, "--store", store, "--issuer", issuer.url).code == 0
    assert issued(issuer) == 1


def test_a_plan_that_was_changed_is_none(tokenflow: Call, store: str, tmp_path: Path) -> None:
    """A plan is applied as it was written, or not at all; nor is anything else taken for one."""
    path = tmp_path / "plan.json"
    tokenflow("plan", REPORTS, "--store", store, "--out", path)
    whole = json.loads(path.read_text())
    whole["plan"]["acts"] = whole["plan"]["acts"][:1]
    for text in (json.dumps(whole), "[]", "{}", "no json", '{"plan": 1, "digest": "x"}'):
        path.write_text(text)
        said = tokenflow("run", "--plan", path, "--store", store)
        assert (said.code, said.out) == (1, "")
        assert "this is no plan that can be applied" in said.err


def test_a_plan_is_for_one_store(tokenflow: Call, issuer: AdminClient, store: str, tmp_path: Path) -> None:
    """Another store's tokens are not what was looked at."""
    path, other = tmp_path / "plan.json", f"sqlite:{tmp_path / 'other' / 'tokens.db'}"
    tokenflow("plan", REPORTS, "--store", store, "--out", path)
    Engine.open([], other).close()
    said = tokenflow("run", "--plan", path, "--store", other)

    assert said.code == 1
    assert "the plan was made for another store" in said.err


@pytest.mark.parametrize(
    "wrong",
    [
        ("plan", "--store", "sqlite:x.db", "--until", "soon"),
        ("plan", "whole-life", "--store", "sqlite:x.db"),
        ("run", "--plan", "x.json"),
        ("run", "--plan", "x.json", "--store", "sqlite:x.db", "facebook-user"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_usage_error(tokenflow: Call, wrong: tuple[str, ...]) -> None:
    """Exit 2, and nothing is made."""
    said = tokenflow(*wrong)
    assert (said.code, said.out) == (2, "")


def test_a_store_that_is_not_there_is_not_made(tokenflow: Call, tmp_path: Path) -> None:
    """To plan is not to make: exit 4, and no file afterwards."""
    said = tokenflow("plan", "--store", f"sqlite:{tmp_path / 'none.db'}")
    assert (said.code, said.out, list(tmp_path.iterdir())) == (4, "", [])
