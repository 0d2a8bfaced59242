"""No public object and no error shows a secret, in any of the ways Python shows things."""

import asyncio
import copy
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.ground import APP_SECRET, CLIENT_SECRET, Ground, opened, quick
from tests.engine.hostile import answering, head, hostile
from tests.leaks.scanner import Scanner
from tokenflow import Call, Engine, PromptPending, Request, Response, Secret, TokenflowError
from tokenflow.engine.opening import Options
from tokenflow.engine.transports import CAP, HttpTransport


def shown(value: object) -> str:
    """Everything that printing, formatting, logging and pickling *value* would show."""
    ways: list[Callable[[], object]] = [
        lambda: repr(value),
        lambda: str(value),
        lambda: f"{value}",
        lambda: f"{value!r:>5}",
        lambda: "%s %r" % (value, value),  # noqa: UP031
        lambda: json.dumps(value, default=repr),
        lambda: pickle.dumps(value).decode("latin-1"),
        lambda: repr(copy.copy(value)),
        lambda: repr([value, {"key": value}]),
        lambda: repr(getattr(value, "__dict__", "")),
        lambda: " ".join(dir(value)),
    ]
    told = []
    for way in ways:
        try:
            told.append(str(way()))
        except (TypeError, ValueError, AttributeError, pickle.PicklingError):
            continue
    return "\n".join(told)


def told_by(error: BaseException) -> str:
    """Everything a reporter of errors could show: texts, arguments, causes, and the locals of every frame."""
    lines: list[str] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None:
            continue
        lines += traceback.TracebackException.from_exception(one, capture_locals=True).format()
        lines += [repr(one.args), repr({k: v for k, v in one.__dict__.items() if k != "url"})]
        waiting += (one.__cause__, one.__context__)
    return "\n".join(lines)


def secrets_of(ground: Ground) -> list[str]:
    """Everything in this world that is secret: tokens, codes, and the registered secrets."""
    world = ground.running.state.world
    return [APP_SECRET, CLIENT_SECRET, *world.codes, *(token.value for token in world.tokens.values())]


def test_the_header_is_a_header(ground: Ground) -> None:
    """`authorization` is the value of an Authorization header that the issuer takes."""
    with opened(ground) as engine:
        ground.rotating(engine)
        held = engine.token("k")
        assert held.authorization == f"Bearer {held.secret.reveal()}"
        request = Request(method="GET", url=f"{ground.running.url}/oauth2/userinfo")

        async def ask() -> Response:
            transport = HttpTransport()
            try:
                return await transport.send(
                    Request(method="GET", url=request.url, headers={"authorization": held.authorization})
                )
            finally:
                await transport.close()

        assert asyncio.run(ask()).status == 200


@pytest.mark.proves("B1")
def test_no_public_object_shows_a_secret(ground: Ground) -> None:
    """Tokens, what is held, explanations, parked logins, engines and their options show nothing."""
    with ground.durable(trust_cache=60) as engine:
        token = ground.rotating(engine)
        held = engine.token("k")
        with pytest.raises(PromptPending) as parked:
            engine.acquire("web", lifecycle="oauth2-rotating", platform="web")
        public: list[object] = [
            token,
            held,
            held.token,
            held.secret,
            engine.explain("k"),
            engine,
            engine.desk,
            engine.desk.cache,
            engine.desk._room,
            Options(**ground.options()),
            parked.value,
            engine.desk.store.load("default", "k"),
            engine.desk.store.history("default", "k"),
            engine.introspect("k"),
            Request(method="POST", url="https://a.example", form={"t": held.secret}, bearer=held.secret),
        ]
        everything = "\n".join(shown(one) for one in public)
        assert not [one for one in secrets_of(ground) if one in everything]
        state = parked.value.url.partition("state=")[2].partition("&")[0]
        assert state not in shown(parked.value).replace(parked.value.url, "")
        assert repr(held) == "<HeldToken 'k' user issued>"


def errors_of(ground: Ground) -> list[BaseException]:
    """One error of every path that can be forced, each with a secret at hand."""
    found: list[BaseException] = []

    def fails(act: Callable[[], Any]) -> None:
        try:
            act()
        except TokenflowError as error:
            found.append(error)
        else:
            raise AssertionError("this was to fail")

    with ground.open(transport=quick()) as engine:
        ground.rotating(engine)
        ground.facebook(engine)
        _bad_answers(ground, engine, fails)
        _bad_logins(ground, engine, fails)
        _bad_acts(engine, fails)
    fails(lambda: engine.token("k"))
    return found


def _bad_answers(ground: Ground, engine: Engine, fails: Callable[[Callable[[], Any]], None]) -> None:
    kinds = ("html", "empty", "half_json", "drop", "drop_after", "negative_expires_in", "wrong_user")
    for kind in kinds:
        ground.admin.fault("oauth/access_token", kind, times=1)
        fails(lambda: engine.extend("ada"))
    for status in (400, 429, 500):
        ground.admin.fault("oauth/access_token", "status", status=status, times=1)
        fails(lambda: engine.extend("ada"))
    echo = {"error": "invalid_grant", "error_description": engine.token("k").secret.reveal()}
    ground.admin.fault("oauth2/token", "status", status=401, body={**echo, "error": "x y"}, times=1)
    fails(lambda: engine.extend("k"))


def _bad_logins(ground: Ground, engine: Engine, fails: Callable[[Callable[[], Any]], None]) -> None:
    for platform in ("javascript", "android", "ios"):
        payload = ground.payload(platform)
        how: dict[str, Any] = {"lifecycle": "facebook-user", "platform": platform}
        fails(lambda p=payload, h=how: engine.acquire("x", payload=p[: len(p) - 20], **h))  # type: ignore[misc]
        fails(
            lambda p=payload, h=how: engine.acquire("x", payload=p, attributes={"user_id": "7"}, **h)  # type: ignore[misc]
        )
        ground.admin.fault("debug_token", "html", times=1)
        fails(lambda p=payload, h=how: engine.acquire("x", payload=p, **h))  # type: ignore[misc]
    for kind in ("html", "drop", "status"):
        code = ground.code()
        ground.admin.fault("oauth2/token", kind, times=1)
        fails(
            lambda c=code: engine.acquire("y", lifecycle="oauth2-rotating", platform="server", payload=c)  # type: ignore[misc]
        )
        with pytest.raises(PromptPending) as parked:
            engine.acquire("z", lifecycle="oauth2-rotating", platform="web")
        params = ground.approve(parked.value.url)
        ground.admin.fault("oauth2/token", kind, times=1)
        fails(lambda p=params: engine.answer("z", p))  # type: ignore[misc]
        fails(lambda p=params: engine.answer("z", p))  # type: ignore[misc]


def _bad_acts(engine: Engine, fails: Callable[[Callable[[], Any]], None]) -> None:
    fails(lambda: engine.use("ada", Call(path="https://elsewhere.example/me")))
    fails(lambda: engine.send("ada", "no"))
    fails(lambda: engine.hand_over("ada", to="client", audience="http://127.0.0.1:1"))
    fails(lambda: engine.redeem("CANARY.1", "https://127.0.0.1:1"))
    fails(lambda: engine.derive("ada", lifecycle="facebook-user", key="user/{user_id}"))
    fails(lambda: engine.extend("nobody"))
    fails(lambda: engine.send("ada", "acquired"))


@pytest.mark.proves("B3", "B5")
def test_no_error_shows_a_secret(ground: Ground) -> None:
    """No error of any path shows a token, a code or a secret, not even in the locals of its frames."""
    errors = errors_of(ground)
    assert len(errors) > 30
    hidden = secrets_of(ground)
    for error in errors:
        told = told_by(error).replace("\\\\", "\\")
        # The caller's own frames, in this file, hold what the caller handed over.
        house = "\n".join(_house(told))
        assert not [one for one in hidden if one in house], type(error).__name__


def _house(told: str) -> list[str]:
    """The lines of frames outside this file."""
    kept, here = [], False
    for line in told.splitlines():
        if line.startswith('  File "'):
            here = "test_quiet.py" in line
        elif not line.startswith("    "):
            here = False
        if not here:
            kept.append(line)
    return kept


def test_the_search_finds_what_is_there(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, scanner: Scanner
) -> None:
    """With the frames' locals left in place the search above does find secrets: it is not blind."""
    monkeypatch.setattr("tokenflow.engine.performer.forget_locals", lambda error: None)
    errors = errors_of(ground)
    house = "\n".join("\n".join(_house(told_by(error))) for error in errors)
    assert [one for one in secrets_of(ground) if one in house]
    scanner.said.clear()  # these leaks were meant


@pytest.mark.proves("B3")
def test_no_awaited_error_shows_a_secret(ground: Ground) -> None:
    """The same for an AsyncEngine: what was handed over is in no frame of its."""

    async def run() -> BaseException:
        async with await ground.aopen() as engine:
            payload = await asyncio.to_thread(ground.payload, "javascript")
            try:
                await engine.acquire(
                    "x",
                    lifecycle="facebook-user",
                    platform="javascript",
                    payload=payload,
                    attributes={"user_id": "7"},
                )
            except TokenflowError as error:
                return error
            raise AssertionError("this was to fail")

    house = "\n".join(_house(told_by(asyncio.run(run()))))
    assert not [one for one in secrets_of(ground) if one in house]


def test_a_key_that_is_none_is_not_shown(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sealing key in a wrong spelling may be a real one: no frame of the failed open holds it."""
    monkeypatch.setenv("SEALING", "CANARY" * 8)
    with pytest.raises(TokenflowError) as caught:
        ground.open(ground.sqlite()[0], key="env:SEALING")
    assert caught.value.code == "wrong_key"
    assert "CANARY" not in "\n".join(_house(told_by(caught.value)))


@pytest.mark.proves("B5")
@pytest.mark.parametrize(
    "answer",
    [
        (head("200 OK", "content-encoding: gzip", "content-length: 2"), b"{}"),
        (head("200 OK"), b"x" * (CAP + 1)),
        (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",),
        (head("200 OK", "content-length: 2", "content-encoding: \x00"), b"{}"),
    ],
)
@pytest.mark.parametrize("value", ["CANARY-plain", "CANARY\ud800", "CANARY\r\nX-Y: z", "CANARY\x00"])
def test_no_exchange_that_fails_shows_what_it_sent(answer: tuple[bytes, ...], value: str) -> None:
    """A failed exchange shows neither bearer, form nor Basic, however it fails and whatever they hold."""

    async def ask(url: str) -> None:
        transport = HttpTransport(deadline=2)
        secret = Secret(value)
        request = Request(
            method="POST", url=url, form={"refresh_token": secret}, bearer=secret, basic=("id", secret)
        )
        try:
            await transport.send(request)
        finally:
            await transport.close()

    with hostile(answering(*answer)) as server, pytest.raises(TokenflowError) as caught:
        asyncio.run(ask(server.url))
    assert "CANARY" not in "\n".join(_house(told_by(caught.value)))


@pytest.mark.proves("A6")
def test_a_token_that_ended_holds_nothing(ground: Ground) -> None:
    """What is over has no value left: not in the token, not in the row, not in the file (rule F4)."""
    with ground.durable() as engine:
        token = ground.rotating(engine)
        assert token.access_token is not None
        engine.revoke("k").demand()
        ended = engine.explain("k").token
        assert (ended.access_token, ended.refresh_token) == (None, None)
        with pytest.raises(TokenflowError):
            engine.token("k")
        row = engine.desk.store.load("default", "k")
        assert row is not None
        assert (row.access_token, row.refresh_token, row.due_at) == (None, None, None)
