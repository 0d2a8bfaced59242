"""One token call for any number of callers, none of whom can take it back; and one end for all."""

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.engine.ground import CALLBACK, CLIENT, CLIENT_SECRET, HOUR, NOW, Ground, opened, quick
from tokenflow import AsyncEngine, Closed, Engine, IssuerError, TokenflowError
from tokenflow.engine.loop import LoopThread

STALE, OVER = 0.95 * HOUR, 1.5 * HOUR
THREADS, TASKS = 32, 200


def together(number: int, act: Callable[[], Any]) -> list[Any]:
    """What *number* threads, let go at once, got: a result or an error each."""
    gate = threading.Barrier(number, timeout=30)

    def one() -> Any:
        gate.wait()
        try:
            return act()
        except TokenflowError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return [future.result(60) for future in [pool.submit(one) for _ in range(number)]]


@pytest.mark.proves("R2")
@pytest.mark.parametrize("durable", [False, True])
def test_threads_share_one_token_call_and_its_answer(ground: Ground, durable: bool) -> None:
    """32 threads that ask for one token that is over cause one token call and hold the same token."""
    with ground.durable() if durable else ground.open() as engine:
        ground.rotating(engine)
        ground.pass_time(OVER)
        got = together(THREADS, lambda: engine.token("k").secret.reveal())
        assert len(set(got)) == 1
        assert ground.calls(grant="refresh_token") == 1


@pytest.mark.proves("R2")
@pytest.mark.parametrize("durable", [False, True])
def test_nobody_waits_while_the_old_token_is_good(ground: Ground, durable: bool) -> None:
    """32 threads that ask for a stale token hold it; one token call behind them brings the next."""
    with ground.durable() if durable else ground.open() as engine:
        first = ground.rotating(engine).access_token
        assert first is not None
        ground.pass_time(STALE)
        ground.admin.fault("oauth2/token", "slow", seconds=0.5, times=1)
        got = together(THREADS, lambda: engine.token("k").secret.reveal())
        assert set(got) == {first.reveal()}
        assert ground.renewed(engine, "k").secret != first
        assert ground.calls(grant="refresh_token") == 1


def test_threads_share_one_failure(ground: Ground) -> None:
    """32 threads that ask for a token whose issuer says no cause one token call and hear the same no."""
    with opened(ground) as engine:
        ground.rotating(engine)
        ground.pass_time(OVER)
        ground.admin.fault("oauth2/token", "status", status=500)
        got = together(THREADS, lambda: engine.token("k"))
        assert {type(one) for one in got} <= {IssuerError, *IssuerError.__subclasses__()}
        assert ground.calls(grant="refresh_token") == 1


@pytest.mark.proves("R2")
@pytest.mark.parametrize("fault", [None, "status"])
def test_tasks_share_one_token_call(ground: Ground, fault: str | None) -> None:
    """200 tasks cause one token call, and all get its answer or all its error."""

    async def run() -> list[Any]:
        async with await ground.aopen() as engine:
            await engine.acquire(
                "k", lifecycle="oauth2-rotating", platform="server", payload=await off_loop(ground.code)
            )
            await off_loop(lambda: ground.pass_time(OVER))
            if fault is not None:
                await off_loop(lambda: ground.admin.fault("oauth2/token", fault, status=503))
            return await asyncio.gather(*(engine.token("k") for _ in range(TASKS)), return_exceptions=True)

    got = asyncio.run(run())
    assert ground.calls(grant="refresh_token") == 1
    if fault is None:
        assert len({one.secret.reveal() for one in got}) == 1
    else:
        assert all(isinstance(one, IssuerError) for one in got)


async def off_loop(act: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, act)


def test_other_keys_do_not_wait(ground: Ground) -> None:
    """While one key's refresh hangs at the issuer, another key is served."""
    with opened(ground) as engine:
        ground.rotating(engine)
        engine.acquire("other", lifecycle="oauth2-app", platform="server")
        ground.admin.fault("oauth2/token", "slow", seconds=1, times=1)
        slow: Future[Any] = engine.desk.extend("k")
        assert engine.token("other").state == "issued"
        assert not slow.done()
        assert slow.result(30).state == "extended"


@pytest.mark.proves("R19")
def test_an_impatient_task_cancels_nothing(ground: Ground) -> None:
    """A task that gives up waiting leaves the refresh running, and its answer is kept."""

    async def run() -> None:
        async with await ground.aopen() as engine:
            await engine.acquire(
                "k", lifecycle="oauth2-rotating", platform="server", payload=await off_loop(ground.code)
            )
            await off_loop(lambda: ground.pass_time(OVER))
            await off_loop(lambda: ground.admin.fault("oauth2/token", "slow", seconds=0.5, times=1))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(engine.token("k"), 0.1)
            kept = await engine.token("k")
            assert kept.state == "extended"
            assert (await engine.explain("k")).token.generation == 2
        assert await off_loop(lambda: ground.calls(grant="refresh_token")) == 1

    asyncio.run(run())


@pytest.mark.proves("R19")
def test_a_closed_event_loop_cancels_nothing(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """The answer to a caller whose event loop is gone is kept, and nobody is told of an error."""
    with opened(ground) as engine:
        ground.rotating(engine)
        ground.pass_time(OVER)
        ground.admin.fault("oauth2/token", "slow", seconds=0.5, times=1)
        vanishing = AsyncEngine(engine.desk)

        async def give_up() -> None:
            await asyncio.wait_for(vanishing.token("k"), 0.1)

        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
        assert engine.token("k").state == "extended"
        assert ground.calls(grant="refresh_token") == 1
    assert caplog.text == ""


class Interrupted(KeyboardInterrupt):
    """What Ctrl-C is to a waiting caller."""


@pytest.mark.proves("R19")
def test_an_interrupted_caller_leaves_the_flow_running(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in a waiting thread ends the wait only: the refresh is finished and kept."""

    result = Future.result

    def interrupted(self: Future[Any], timeout: float | None = None) -> Any:
        if threading.current_thread() is threading.main_thread():
            raise Interrupted
        return result(self, timeout)

    with opened(ground) as engine:
        ground.rotating(engine)
        ground.admin.fault("oauth2/token", "slow", seconds=0.3, times=1)
        with monkeypatch.context() as patched:
            patched.setattr(Future, "result", interrupted)
            with pytest.raises(Interrupted):
                engine.extend("k")
        assert engine.explain("k").token.state == "extended"


def test_close_lets_what_runs_end(ground: Ground) -> None:
    """A refresh under way when the engine closes is finished, kept, and told to its caller."""
    engine = ground.durable()
    ground.rotating(engine)
    ground.admin.fault("oauth2/token", "slow", seconds=0.5, times=1)
    running: Future[Any] = engine.desk.extend("k")
    engine.close()
    assert running.result(0).state == "extended"
    with ground.durable() as again:
        assert again.explain("k").token.generation == 2


@pytest.mark.proves("R1")
def test_close_lets_what_was_begun_meanwhile_end(ground: Ground) -> None:
    """A renewal begun behind a caller whose own work ended during the close is waited for like any other."""
    engine = ground.durable()
    ground.rotating(engine)
    ground.pass_time(STALE)
    ground.admin.fault("oauth2/token", "slow", seconds=0.5, times=1)
    served: Future[Any] = engine.desk.token("k")
    engine.close()
    assert served.result(0).token.generation == 1
    with ground.durable() as again:
        assert again.explain("k").token.generation == 2


def test_a_closed_engine_says_so(ground: Ground) -> None:
    """After close every verb raises Closed, a token that was in the cache included; closing again is fine."""
    with opened(ground, trust_cache=60) as engine:
        ground.rotating(engine)
        engine.token("k")
        engine.close()
        for verb in (engine.token, engine.extend, engine.explain, engine.revoke):
            with pytest.raises(Closed):
                verb("k")
        with pytest.raises(Closed):
            engine.keys()
        engine.close()
    assert "tokenflow-loop" not in {thread.name for thread in threading.enumerate()}


def test_what_outlasts_the_patience_is_told_closed(ground: Ground) -> None:
    """A caller whose call outlasts the patience of a close hears Closed instead of waiting for ever."""
    engine = ground.open()
    ground.rotating(engine)
    ground.admin.fault("oauth2/token", "slow", seconds=3, times=1)
    running: Future[Any] = engine.desk.extend("k")
    while not ground.calls(grant="refresh_token"):
        continue
    engine.desk.close(patience=0.05)
    with pytest.raises(Closed):
        running.result(5)


def test_work_and_a_close_at_once_never_hang() -> None:
    """Whatever is handed in while the loop closes is either done or refused, and nobody waits for ever."""

    async def work() -> int:
        await asyncio.sleep(0)
        return 1

    async def last() -> None:
        return

    for _ in range(20):
        loop = LoopThread()
        loop.submit(work()).result(5)
        gate = threading.Barrier(3, timeout=10)

        def hand_in(loop: LoopThread = loop, gate: threading.Barrier = gate) -> list[int]:
            gate.wait()
            done = []
            try:
                for _ in range(50):
                    done.append(loop.submit(work()).result(5))
            except Closed:
                pass
            return done

        with ThreadPoolExecutor(2) as pool:
            handed = [pool.submit(hand_in) for _ in range(2)]
            gate.wait()
            loop.close(last, 5)
            assert all(set(one.result(10)) <= {1} for one in handed)


def test_two_event_loops_use_one_engine(ground: Ground) -> None:
    """One AsyncEngine serves tasks of two event loops in two threads, with one token call."""
    engine = asyncio.run(ground.aopen())
    try:
        ground.rotating(Engine(engine.desk))
        ground.pass_time(OVER)

        async def ask() -> str:
            return (await engine.token("k")).secret.reveal()

        got = together(2, lambda: asyncio.run(ask()))
        assert len(set(got)) == 1
        assert ground.calls(grant="refresh_token") == 1
    finally:
        asyncio.run(engine.close())


def bare(signature: inspect.Signature) -> list[str]:
    """A signature's parameters without their types, which differ in what is awaited."""
    return [str(one.replace(annotation=one.empty)) for one in signature.parameters.values()]


def test_both_engines_have_the_same_verbs() -> None:
    """Engine and AsyncEngine have the same public names, and each verb takes the same arguments."""

    def verbs(cls: type) -> dict[str, inspect.Signature]:
        return {
            name: inspect.signature(member)
            for name, member in inspect.getmembers(cls, callable)
            if not name.startswith("_")
        }

    sync, aio = verbs(Engine), verbs(AsyncEngine)
    assert sync.keys() == aio.keys()
    for name, signature in sync.items():
        assert [
            str(one.replace(annotation=inspect.Parameter.empty)) for one in signature.parameters.values()
        ] == [
            str(one.replace(annotation=inspect.Parameter.empty)) for one in aio[name].parameters.values()
        ], name


UNCLOSED = """
import os, sys
from tokenflow import Engine, Secret, VirtualClock
url, store, key, client, callback, now = sys.argv[1:]
secret = os.environ["CANARY_SECRET"]
engine = Engine.open(["oauth2-rotating"], store, key=key, issuer=url, clock=VirtualClock(int(now)),
    client_ids={"sandbox-oauth2": client}, redirect_uri=callback,
    secrets={"env:OAUTH2_CLIENT_SECRET": Secret(secret)})
engine.desk.extend("k")
raise KeyboardInterrupt
"""


@pytest.mark.proves("R17", "R19")
def test_the_end_of_a_program_waits_for_a_refresh(ground: Ground) -> None:
    """Ctrl-C in a program that never closes its engine still lets a refresh end: a rotated token is kept."""
    store, key = ground.sqlite()
    with ground.durable() as engine:
        ground.rotating(engine)
    ground.admin.fault("oauth2/token", "slow", seconds=0.5, times=1)
    arguments = [ground.running.url, store, key, CLIENT, CALLBACK, str(NOW)]
    secret = {**os.environ, "CANARY_SECRET": CLIENT_SECRET}
    ended = subprocess.run(
        [sys.executable, "-c", UNCLOSED, *arguments], env=secret, capture_output=True, timeout=60
    )
    assert b"KeyboardInterrupt" in ended.stderr
    with ground.durable() as engine:
        assert engine.explain("k").token.state == "extended"


def test_a_short_deadline_is_the_callers_of_none(ground: Ground) -> None:
    """The exchange's own deadline ends it, whoever waits: the key is free again afterwards."""
    with opened(ground, transport=quick(1.0)) as engine:
        ground.rotating(engine)
        ground.admin.fault("oauth2/token", "slow", seconds=2, times=1)
        with pytest.raises(IssuerError):
            engine.extend("k")
        assert engine.token("k").state == "issued"
