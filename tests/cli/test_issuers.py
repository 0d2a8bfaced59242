"""Every command finds a lifecycle's issuer in one way: given together, or around it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.spec.test_neighbours import issuer, lifecycle
from tokenflow.engine.places import open_store
from tokenflow.hooks.registry import Registry

COMMANDS = ("validate", "test", "explain", "simulate --days 1", "graph", "plan", "migrate")
STORY = """
apiVersion: tokenflow/v1
kind: Scenario
metadata: {name: story, title: A program's token}
lifecycles: [./mine.yaml]
world: {clients: {program: {expires_in: 1h}}}
steps:
  - acquire: {key: reports, lifecycle: mine, platform: server}
    expect: {reports: {state: issued, usable: true}}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty store."""
    url = f"sqlite:{tmp_path_factory.mktemp('store') / 'tokens.db'}"
    open_store(url, Registry.installed()).close()
    return url


def words(command: str, store: str) -> list[str]:
    """Return how *command* begins."""
    return [*command.split(), *(["--store", store] if command in ("plan", "migrate") else [])]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_issuer_is_given_or_lies_around(tokenflow: Call, tmp_path: Path, store: str, command: str) -> None:
    """Given in either order, beside it under another file name, or in issuers/: each time it is found."""
    far = issuer(tmp_path / "elsewhere/theirs.yaml")
    mine = lifecycle(tmp_path / "mine")
    begin = words(command, store)
    given = [tokenflow(*begin, *files) for files in ((far, mine), (mine, far))]
    issuer(tmp_path / "mine/whatever.yaml")
    beside = tokenflow(*begin, mine)
    (tmp_path / "mine/whatever.yaml").unlink()
    issuer(tmp_path / "issuers/acme.yaml")
    around = tokenflow(*begin, mine)

    assert [one.code for one in (*given, beside, around)] == [0, 0, 0, 0], given[0].err + beside.err
    assert beside.out == around.out


@pytest.mark.parametrize("command", [one for one in COMMANDS if one != "graph"])
def test_one_that_is_nowhere_is_told_alike(
    tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, command: str
) -> None:
    """Exit 1 and TF220 at its place, even in a folder with a folder of that name."""
    monkeypatch.chdir(tmp_path)
    mine = lifecycle(Path("acme"))
    said = tokenflow(*words(command, store), mine)

    assert said.code == 1
    assert "acme/mine.yaml:5:9: error [TF220] no Issuer document is called `acme`" in said.out + said.err
    assert "save it as acme.yaml beside this one" in said.out + said.err


def test_an_answer_that_is_remembered_is_forgotten_when_a_file_comes(tokenflow: Call, tmp_path: Path) -> None:
    """A new Issuer beside the lifecycle takes the shipped one's place although nothing else has changed."""
    mine = lifecycle(tmp_path, "sandbox-oauth2")
    before = tokenflow("validate", mine)
    own = issuer(tmp_path / "own.yaml", "sandbox-oauth2")
    own.write_text(own.read_text() + "remove: [endpoints.revocation_endpoint]\n")
    after = tokenflow("validate", mine)

    assert (before.code, after.code) == (0, 1)
    assert "TF221" in after.out


def test_doctor_and_run_take_it_too(tokenflow: Call, tmp_path: Path) -> None:
    """doctor holds no lifecycle for lost whose issuer was given; a scenario is played with it."""
    far, mine = issuer(tmp_path / "elsewhere/theirs.yaml"), lifecycle(tmp_path / "mine")
    story = tmp_path / "mine/story.yaml"
    story.write_text(STORY)
    found = tokenflow("doctor", mine, far, "--format", "json").object["findings"]
    played = tokenflow("run", story, far)

    assert [one for one in found if one["about"].startswith("spec ")] == []
    assert (played.code, tokenflow("run", story).code) == (0, 1), played.out + played.err
