"""docs/how-to/hand-tokens-over.md, run as it stands."""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.engine.ground import BOB, Ground
from tests.house import ROOT
from tests.house.documents import blocks
from tests.spec.names import OFFERED
from tokenflow import Engine
from tokenflow.core.events import HandOverReplayed
from tokenflow.spec import check

PAGE: Final = ROOT / "docs" / "how-to" / "hand-tokens-over.md"


def written(language: str) -> list[str]:
    """The page's blocks in one language, in order."""
    return [code for info, code in blocks(PAGE) if info == language]


def test_its_program_hands_over_and_takes_in(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down with a ticket, once; up with an invitation; and the second use is on record."""
    store, key = ground.sqlite()
    with ground.open(store, key=key) as before:
        ground.facebook(before, "ana")
    real: Any = Engine.open
    monkeypatch.setattr(Engine, "open", lambda specs, _: real(specs, store, **ground.options(key=key)))
    told: dict[str, Any] = {"response": ground.payload("javascript", BOB)}
    exec(compile("\n".join(written("python")), str(PAGE), "exec"), told)  # the page's own
    with told["engine"] as engine:
        assert isinstance(engine.explain("ana").history[-1], HandOverReplayed)
        assert engine.explain("ben").token.handed_by == "https://app.example"


def test_its_lifecycle_is_clean(tmp_path: Path) -> None:
    """The linter has nothing to say of it, and without `verify` it has."""
    (mine := tmp_path / "moved.yaml").write_text(written("yaml")[0], encoding="utf-8")
    assert not check(mine, names=OFFERED)
    mine.write_text(written("yaml")[0].replace("verify: facebook.debug_token", ""), encoding="utf-8")
    assert [one.code for one in check(mine, names=OFFERED)] == ["TF621"]
