"""`tokenflow test`: exit codes, what it shows, and one object for programs."""

from pathlib import Path

import pytest

from tests.cli.conftest import Call

WRONG = """
apiVersion: tokenflow/v1
kind: Issuer
extends: builtin:spotify
metadata: {name: wrong, version: 1.0.0}
response: {examples: [{body: {access_token: a, expires_in: 60}, grant: {expires_in: 61}}]}
errors:
  - {match: {error: gone}, class: revoked, examples: [{body: {error: gone}}, {body: {error: here}}]}
  - {match: {http: 429}, class: rate_limited}
"""


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A spec with one good example, two bad ones and a meaning without any."""
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, "utf-8")
    return path


def test_shipped_issuers_pass(tokenflow: Call) -> None:
    """Every shipped issuer passes, each example on its line."""
    said = tokenflow("test", "facebook", "google", "sandbox-oauth2", "slack", "spotify", "oauth2-rotating")
    assert (said.code, said.err) == (0, "")
    assert "FAIL" not in said.out
    assert said.out.count("0 failed, 0 without an example") == 6


def test_a_failed_example_leaves_with_1_and_says_where_and_why(tokenflow: Call, wrong: Path) -> None:
    """The file, the line, what was expected and what came; the bare meaning is no failure."""
    said = tokenflow("test", wrong)
    assert said.code == 1
    lines = [line.strip() for line in said.out.splitlines()]
    assert f"{wrong}:8: it matches no meaning, so it is permanent" in lines
    assert f"{wrong}:6: expires_in is 60, not 61" in lines
    assert "bare  errors.1: http 429, rate_limited: it has no example" in lines
    assert "1 passed, 2 failed, 1 without an example" in lines


def test_for_programs_it_is_one_object(tokenflow: Call, wrong: Path) -> None:
    """Each example with its path, line, verdict and problems."""
    said = tokenflow("test", wrong, "--format", "json")
    assert said.code == 1
    (spec,) = said.object["specs"]
    assert (spec["name"], spec["kind"], spec["file"]) == ("wrong", "Issuer", str(wrong))
    assert [(one["path"], one["passed"]) for one in spec["examples"]] == [
        ("errors.0.examples.0", True),
        ("errors.0.examples.1", False),
        ("response.examples.0", False),
    ]
    assert [one["path"] for one in spec["without_example"]] == ["errors.1"]


def test_what_carries_no_examples_is_said_so(tokenflow: Call) -> None:
    """A scenario is played, not tested."""
    said = tokenflow("test", "whole-life")
    assert said.code == 1
    assert "tokenflow run" in said.err
