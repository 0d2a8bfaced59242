"""docs/how-to/keep-tokens-alive.md, run as it stands."""

import asyncio
import threading
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.engine.ground import Ground
from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow import AsyncEngine, Engine
from tokenflow.core.breakers import BreakerRule, Budget
from tokenflow.core.compiling import compile_issuer

PAGE: Final = ROOT / "docs" / "how-to" / "keep-tokens-alive.md"


def written(language: str) -> list[str]:
    """The page's blocks in one language, in order."""
    return [code for info, code in blocks(PAGE) if info == language]


@pytest.fixture
def at_home(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the page's Tokens file, and engines that speak to the test's issuer."""
    (tmp_path / "mine.yaml").write_text(written("yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for engine in (Engine, AsyncEngine):
        real: Any = engine.open

        def opened(specs: Any, store: Any, real: Any = real) -> Any:
            return real(specs, store, **ground.options())

        monkeypatch.setattr(engine, "open", opened)


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize("number", [0, 2])
def test_a_program_keeps_what_it_wants(ground: Ground, number: int) -> None:
    """With threads and with tasks: the token is there once the keeper looked after it, and is served."""
    code = written("python")[number].replace("header =", "wait(engine); header =")
    if number == 2:
        code = code.replace("wait(engine)", "await until_there(engine)")
    told: dict[str, Any] = {"wait": wait, "until_there": until_there}
    exec(compile(code, str(PAGE), "exec"), told)  # the page's own

    assert ground.calls(grant="client_credentials") == 1


def wait(engine: Engine) -> None:
    """The page's reader starts a server meanwhile; the test is faster than the keeper's first look."""
    for _ in range(400):
        if engine.keys():
            return
        threading.Event().wait(0.01)


async def until_there(engine: AsyncEngine) -> None:
    """The same, awaited."""
    for _ in range(400):
        if await engine.keys():
            return
        await asyncio.sleep(0.01)


def test_what_hears_of_tokens_is_given_what_it_reads() -> None:
    """The page's `tell` asks for attributes that a look has."""
    asked: list[str] = []
    told: dict[str, Any] = {"ask_somebody_to_open": asked.append}
    exec(compile(written("python")[1], str(PAGE), "exec"), told)  # the page's own
    told["tell"](type("Kept", (), {"url": "https://login.example", "key": "k"}))
    assert asked == ["https://login.example"]


def test_an_issuer_s_budget_and_breaker_are_read_as_the_page_says() -> None:
    """The keys of the page are the language's own."""
    snippet = yaml.safe_load(written("yaml")[2])
    issuer = compile_issuer({"metadata": {"name": "acme"}, **snippet}, client_id="c")
    second = 1_000_000
    assert issuer.budget == Budget(calls=600, per=600 * second)
    assert issuer.breaker == BreakerRule(failures=5, rest=30 * second, longest=120 * second)
