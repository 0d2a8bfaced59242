"""A run without the sandbox extra says what to install."""

import pytest

from tokenflow import MissingExtra
from tokenflow.runner.backstage import own_sandbox
from tokenflow.sandbox import server


def test_without_the_sandbox_extra_a_run_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one of ours, with the command that mends it."""

    def missing(*_: object) -> object:
        raise server.SandboxExtraMissing(server._EXTRA)

    monkeypatch.setattr(server, "_application", missing)
    with (
        pytest.raises(MissingExtra, match=r'pip install "tokenflow-engine\[sandbox\]"'),
        own_sandbox(1_800_000_000_000_000),
    ):
        raise AssertionError("there is no sandbox")
