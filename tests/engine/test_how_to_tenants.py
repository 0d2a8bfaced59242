"""docs/how-to/tenants.md, run as it stands."""

from typing import Any, Final

import pytest

from tests.engine.tenancy import Issuing, options
from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow import Engine

PAGE: Final = ROOT / "docs" / "how-to" / "tenants.md"


@pytest.mark.proves("E1", "E2")
def test_its_program_runs_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tenants of one engine, a sender, an operator and a keeper."""
    real: Any = Engine.open
    monkeypatch.setattr(Engine, "open", lambda specs, _: real(specs, "memory", **options(Issuing())))
    told: dict[str, Any] = {}
    written = [code for info, code in blocks(PAGE) if info == "python"]
    exec(compile("\n".join(written), str(PAGE), "exec"), told)  # the page's own
    told["engine"].close()
    assert told["sender"].may == {"use"}
