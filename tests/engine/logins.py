"""People at Facebook's dialog: begin a login, let somebody decide, take the answer, let time pass."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.engine.ground import ADA, Ground
from tokenflow import SECOND, Engine, PromptPending, Token


def begin(engine: Engine, platform: str, *scope: str, key: str = "ada") -> str:
    """Begin a login; return the link a person has to open."""
    with pytest.raises(PromptPending) as caught:
        engine.acquire(key, lifecycle="facebook-user", platform=platform, scope=list(scope))
    return caught.value.url


def came_back(ground: Ground, url: str, person: str = ADA, **how: Any) -> dict[str, str]:
    """Let somebody decide; return the parameters in the query or the fragment the browser ended at."""
    parts = urlsplit(ground.admin.approve(person, url, **how))
    return dict(parse_qsl(parts.query or parts.fragment, keep_blank_values=True))


def log_in(ground: Ground, engine: Engine, *scope: str, platform: str = "web", **how: Any) -> Token:
    """Log Ada in by Facebook's dialog."""
    return engine.answer("ada", came_back(ground, begin(engine, platform, *scope), **how))


def at(ground: Ground, instant: int) -> None:
    """Make it *instant*, to the microsecond, here and at the issuer."""
    ground.clock.advance(instant - ground.clock())
    ground.admin.set_clock(instant)


def days(ground: Ground, count: float) -> None:
    """Let days pass."""
    at(ground, ground.clock() + int(count * 86_400) * SECOND)
