"""What an extra would have brought is named on the way out, and is no fault of our own."""

import pytest

from tests.cli.conftest import Call
from tokenflow.sandbox import SandboxExtraMissing, server


def test_a_run_without_the_sandbox_extra_leaves_with_1_and_the_command_that_mends_it(
    tokenflow: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a fault of tokenflow's own, exit 70; it is a mistake with a mend."""

    def missing(*_: object) -> object:
        raise SandboxExtraMissing(server._EXTRA)

    monkeypatch.setattr(server, "_application", missing)
    said = tokenflow("run", "native-app")
    assert said.code == 1
    assert 'pip install "tokenflow-engine[sandbox]"' in said.err
    assert "please report it" not in said.err
