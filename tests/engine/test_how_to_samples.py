"""The seed's three code samples as pages, their server side run as it stands."""

from typing import Any, Final

import pytest

from tests.engine.ground import Ground
from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow import Engine

BRINGS: Final = {"android": "body", "ios": "body", "javascript": "response"}


@pytest.mark.parametrize("platform", BRINGS)
def test_what_the_sdk_sends_is_kept_as_the_page_says(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """The page's program takes what the platform's own SDK writes, and its assertions hold."""
    page = ROOT / f"docs/how-to/{platform}.md"
    real: Any = Engine.open
    monkeypatch.setattr(Engine, "open", lambda specs, _: real(specs, "memory", **ground.options()))
    told: dict[str, Any] = {BRINGS[platform]: ground.payload(platform)}
    code = "\n".join(text for info, text in blocks(page) if info == "python")
    exec(compile(code, str(page), "exec"), told)  # the page's own
    with told["engine"] as engine:
        assert list(engine.keys()) == ["ana"]
