"""Runs at a sandbox in another process: what is refused, what is out of reach, and how a store is held."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.ground import SPECS, Elsewhere, printed, sandbox, tokenflow
from tests.runner.endings import ledger

NATIVE: Final = SPECS / "scenarios" / "native-app.yaml"
ROTATING: Final = SPECS / "scenarios" / "rotating-refresh.yaml"
NOWHERE: Final = "http://127.0.0.1:9"
"""The discard port: nobody listens there."""


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A sandbox of the test's own."""
    with sandbox() as running:
        yield running


def test_a_store_that_holds_a_run_is_refused_with_the_mend(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Without --resume it exits 4 and says how to go on; with it, a run at its end is told again."""
    run = ("run", NATIVE, "--issuer", elsewhere.url, "--store", f"sqlite:{tmp_path / 's' / 'tokens.db'}")
    first = tokenflow(*run, "--format", "json", known=elsewhere.known)
    again = tokenflow(*run, known=elsewhere.known)
    resumed = tokenflow(*run, "--resume", "--format", "json", known=elsewhere.known)

    assert first.returncode == resumed.returncode == 0
    assert again.returncode == 4
    assert "this store already holds a run of native-app, which came to its end" in again.stderr
    assert "help: use another store" in again.stderr
    assert printed(resumed)["scenarios"] == printed(first)["scenarios"]


def test_a_store_holds_one_run(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Another scenario is refused there, resumed or not, for keys and clock are the first one's."""
    store = f"sqlite:{tmp_path / 's' / 'tokens.db'}"
    here = ("--issuer", elsewhere.url, "--store", store)
    assert tokenflow("run", NATIVE, *here, known=elsewhere.known).returncode == 0

    for more in ([], ["--resume"]):
        other = tokenflow("run", ROTATING, *here, *more, known=elsewhere.known)
        assert (other.returncode, "holds a run of native-app" in other.stderr) == (4, True)


def test_a_run_with_a_sandbox_of_its_own_cannot_be_gone_on_with(tmp_path: Path, elsewhere: Elsewhere) -> None:
    """Its issuer ended with it: that is said, instead of a step that fails for no visible reason."""
    store = f"sqlite:{tmp_path / 's' / 'tokens.db'}"
    assert tokenflow("run", NATIVE, "--store", store).returncode == 0

    resumed = tokenflow(
        *("run", NATIVE, "--store", store, "--issuer", elsewhere.url, "--resume"), known=elsewhere.known
    )
    assert resumed.returncode == 4
    assert "the sandbox of this run of native-app ended with it" in resumed.stderr


def test_two_runs_at_one_sandbox_are_not_taken_for_each_other(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """What the sandbox did for the first run under a step's id is done anew for the second."""
    for name in ("one", "other"):
        done = tokenflow(
            *("run", ROTATING, "--issuer", elsewhere.url, "--store", f"sqlite:{tmp_path / name / 't.db'}"),
            known=elsewhere.known,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert any(
        line[0] == "rotating-refresh:1" and count == 2 for line, count in ledger(elsewhere.admin).items()
    )


def test_an_issuer_that_is_not_there_is_out_of_reach() -> None:
    """A scenario's --issuer where nobody listens: exit 4, in a sentence."""
    known = {"TOKENFLOW_SANDBOX_ADMIN_TOKEN": "any", "FB_APP_ID": "1"}
    done = tokenflow("run", NATIVE, "--issuer", NOWHERE, known=known)

    assert done.returncode == 4
    assert f"error: no sandbox answers at {NOWHERE}" in done.stderr


def test_a_wrong_admin_token_is_said_so(elsewhere: Elsewhere) -> None:
    """It is the sandbox's no, so exit 4, with the mend; the token is not shown."""
    known = {**elsewhere.known, "TOKENFLOW_SANDBOX_ADMIN_TOKEN": "canary-of-a-token"}
    done = tokenflow("run", NATIVE, "--issuer", elsewhere.url, known=known)

    assert done.returncode == 4
    assert "is it the token that the sandbox printed?" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_without_an_admin_token_the_variable_is_named() -> None:
    """A scenario acts at its sandbox; without the means to, exit 1 says which variable is not set."""
    done = tokenflow("run", NATIVE, "--issuer", NOWHERE)

    assert done.returncode == 1
    assert "$TOKENFLOW_SANDBOX_ADMIN_TOKEN is not set" in done.stderr


def test_two_sandboxes_cannot_have_one_port(elsewhere: Elsewhere) -> None:
    """The second says that the port is taken; it is no fault of tokenflow's."""
    port = elsewhere.url.rpartition(":")[2]
    done = tokenflow("sandbox", "--port", port, "--app-id", "1", "--app-secret", "s")

    assert done.returncode == 1
    assert done.stderr == f"error: no sandbox can listen on port {port}: Address already in use\n"
