"""A lifecycle whose flows read public documents: played, resumed after a death, and planned, like any."""

import random
from pathlib import Path
from typing import Final

import pytest

from tests.runner.test_dying import lives, stage
from tokenflow import Registry, SystemClock
from tokenflow.runner.looking import looking
from tokenflow.runner.planning import plan
from tokenflow.runner.story import Story, read_story
from tokenflow.spec import load

STORY: Final = """
apiVersion: tokenflow/v1
kind: Scenario
metadata: {name: limited, title: A Limited Login}
lifecycles: [facebook-limited]
clock: {start: 2026-03-01T00:00:00Z}
world:
  people: {ana: {id: "100", name: Ana}, ben: {id: "200", name: Ben}}
steps:
  - name: Ana logs in
    acquire: {key: ana, lifecycle: facebook-limited, platform: ios, person: ana, attributes: {nonce: ours}}
    expect: {ana: {state: issued}}
  - name: Ben logs in
    acquire: {key: ben, lifecycle: facebook-limited, platform: android, person: ben, attributes: {nonce: n}}
    expect: {ben: {state: issued}}
  - name: It opens nothing
    use: {key: ana, request: {path: /me}}
    expect_error: id-token-is-no-graph-token
"""


@pytest.fixture
def told(tmp_path: Path) -> Story:
    (path := tmp_path / "limited.yaml").write_text(STORY)
    return read_story(load(str(path)))


def test_a_limited_login_is_resumed_and_planned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Story
) -> None:
    """A run that dies again and again ends as it should, with the keys read once a life; both will end."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    chance = random.Random(7)
    with stage(monkeypatch, tmp_path) as (how, admin):
        played, deaths = lives(monkeypatch, told, how, lambda: (chance.randint(5, 9), chance.random() < 0.5))
        asked = [row["path"] for row in admin.ledger()["requests"]]
    assert deaths
    assert played.passed
    assert set(asked) == {"/.well-known/oauth/openid/jwks"}
    assert len(asked) <= len(deaths) + 1
    look = looking(str(how.store), registry=Registry.installed(), tenant="default", clock=SystemClock())
    with look as glass:
        made = plan(glass, until=86_400_000_000)
    assert {(act.key, act.does, act.calls) for act in made.acts} == {
        (key, "fire", ()) for key in ("ana", "ben")
    }
