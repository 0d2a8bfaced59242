"""Tokens that change hands, on a real engine: who may be given what, races for one ticket, and no leak."""

import asyncio
import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.core.lifecycles import START, token_of
from tests.core.performing import World
from tests.engine.ground import ADA, APP, BOB, Ground, opened
from tests.engine.test_quiet import shown, told_by
from tokenflow import Engine, Refused, Secret, TokenflowError
from tokenflow.core import flows
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.events import HandedOver, HandOverReplayed, Redeemed
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.spec import load
from tokenflow.spec.shipped import shipped

PHONE: Final = "https://phone.example"

# Kind and platform, each cell.

_NO: Final = "transport_not_allowed"
MATRIX: Final = {
    # lifecycle: (a client is given, a server is given); None: the token.
    "facebook-app": ("custody", _NO),
    "facebook-client": (None, None),
    "facebook-device": (None, "custody"),
    "facebook-limited": ("custody", _NO),
    "facebook-mobile": (None, "custody"),
    "facebook-page": ("custody", None),
    "facebook-system-user": ("custody", None),
    "facebook-test-user": ("custody", _NO),
    "facebook-user": (None, None),
    "google-user": ("custody", None),
    "oauth2-app": ("custody", _NO),
    "oauth2-rotating": ("custody", None),
    "slack-user": ("custody", None),
    "spotify-user": ("custody", None),
}
WAYS: Final = {
    "https": "https://b.example",
    "https on loopback": "https://127.0.0.1:8443",
    "http": "http://b.example",
    "http on loopback": "http://127.0.0.1:8080",
    "http on localhost": "http://localhost",
}


@cache
def compiled(name: str) -> Lifecycle:
    """A shipped lifecycle, as an engine has it."""
    document = load(name)
    return compile_lifecycle(
        document.data, digest=document.digest, guards={"facebook_lacks_perm": lambda view, argument: False}
    )


def holding(lifecycle: Lifecycle) -> World:
    """A world that holds one usable token of *lifecycle*."""
    world = World()
    state = next(name for name, state in lifecycle.states.items() if state.usable)
    world.pins[lifecycle.digest] = lifecycle
    world.setting = attrs.evolve(world.setting, lifecycles={lifecycle.name: lifecycle})
    world.rows["k"] = token_of(lifecycle, state, key="k")
    world.now = START
    return world


def outcome(world: World, to: str, audience: str) -> str | None:
    """Hand the token over and redeem it; return the code of the refusal, or None."""
    before = dict(world.shelves), list(world.requests)
    try:
        ticket = world.run(flows.hand_over(world.setting, "k", to=to, audience=audience))
    except Refused as no:
        assert before == (dict(world.shelves), list(world.requests))
        assert not [one for one in world.of("k") if isinstance(one, HandedOver)]
        return no.code
    handed = world.run(flows.redeem(world.setting, ticket.value, audience))
    assert handed.access_token == world.rows["k"].access_token
    return None


@pytest.mark.proves("D4")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [name for name in shipped("Lifecycle") if name != "bearer"])
def test_who_may_be_given_what_and_how(name: str, way: str) -> None:
    """Every kind that is shipped, to a client and to a server, over every transport: each cell is asserted.

    What is refused is refused before anything is made. A kind without a line in the table fails.
    """
    lifecycle, audience = compiled(name), WAYS[way]
    for to, refusal in zip(("client", "server"), MATRIX[name], strict=True):
        found = outcome(holding(lifecycle), to, audience)
        expected = refusal if way.startswith("https") or refusal is not None else _NO
        assert found == expected, f"{to} over {way}"


def test_only_a_spec_of_one_s_own_gives_a_page_s_token_to_a_client(tmp_path: Path) -> None:
    """It says so in its custody; that is data, and nothing else has to change."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: mine, version: 1.0.0}\n"
        "extends: builtin:facebook-page\ntoken: {custody: {may_live: [client, server]}}\n"
    )
    assert outcome(holding(compiled(str(mine))), "client", PHONE) is None


# One use.

_SHOWERS: Final = 32


def embedded(store: Any, **options: Any) -> Engine:
    """An engine that holds a client token, without any issuer."""
    lent = {"env:FB_CLIENT_TOKEN": Secret("CANARY" * 5)}
    return Engine.open(
        ["facebook-client"],
        store,
        secrets=lent,
        client_ids={"facebook": "1234567890"},
        redirect_uri="https://x.example/cb",
        **options,
    )


def show(engine: Engine, ticket: Secret) -> int:
    """Show a ticket; 1 for a token, 0 for a refusal."""
    try:
        handed = engine.redeem(ticket, PHONE)
    except Refused as no:
        if no.code != "ticket_refused":
            raise
        return 0
    assert handed.access_token is not None
    return 1


@pytest.mark.proves("D3")
def test_of_64_at_once_one_is_given_it(ground: Ground) -> None:
    """64 threads over two engines on one SQLite file; exactly one gets it, and one alarm is told."""
    url, key = ground.sqlite()
    with embedded(url, key=key) as one, embedded(url, key=key) as other:
        one.acquire("c", lifecycle="facebook-client", platform="dashboard")
        with ThreadPoolExecutor(64) as pool:
            for turn in range(1, 4):
                ticket = one.hand_over("c", to="client", audience=PHONE).value
                given = pool.map(lambda n, t=ticket: show((one, other)[n % 2], t), range(64))
                assert sum(given) == 1
                history = one.explain("c").history
                assert [isinstance(event, Redeemed) for event in history].count(True) == turn
                assert [isinstance(event, HandOverReplayed) for event in history].count(True) == turn


_OTHER: Final = """
import sys
from concurrent.futures import ThreadPoolExecutor
from tests.engine.test_tickets import _SHOWERS, embedded, show
from tokenflow import Secret
url, key = sys.argv[1:]
with embedded(url, key=key) as engine, ThreadPoolExecutor(_SHOWERS) as pool:
    engine.keys()
    print("ready", flush=True)
    for line in sys.stdin:
        print(sum(pool.map(lambda n: show(engine, Secret(line.strip())), range(_SHOWERS))), flush=True)
"""


@pytest.mark.proves("D3")
def test_of_two_processes_one_is_given_it(ground: Ground) -> None:
    """64 uses over this process and another, on one SQLite file: exactly one is given the token."""
    url, key = ground.sqlite()
    with embedded(url, key=key) as engine, ThreadPoolExecutor(_SHOWERS) as pool:
        engine.acquire("c", lifecycle="facebook-client", platform="dashboard")
        command = [sys.executable, "-c", _OTHER, url, key]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
            for _ in range(5):
                ticket = engine.hand_over("c", to="client", audience=PHONE).value
                other.stdin.write(ticket.reveal() + "\n")
                other.stdin.flush()
                here = sum(pool.map(lambda n, t=ticket: show(engine, t), range(_SHOWERS)))
                assert here + int(other.stdout.readline()) == 1
            other.stdin.close()
        assert other.returncode == 0


def test_a_ticket_outlives_the_process_that_made_it(ground: Ground) -> None:
    """It is in the store; whoever opens it again redeems it, and another tenant does not."""
    url, key = ground.sqlite()
    with embedded(url, key=key) as engine:
        engine.acquire("c", lifecycle="facebook-client", platform="dashboard")
        ticket = engine.hand_over("c", to="client", audience=PHONE)
    with embedded(url, key=key, tenant="other") as engine:
        assert show(engine, ticket.value) == 0
    with embedded(url, key=key) as engine:
        assert show(engine, ticket.value) == 1


async def _awaited(ground: Ground) -> None:
    async with await ground.aopen(specs=["facebook-user"]) as engine:
        payload = await asyncio.to_thread(ground.payload, "javascript")
        invitation = await engine.invite(
            "ada", lifecycle="facebook-user", platform="javascript", audience=PHONE, session="s"
        )
        token = await engine.accept(invitation.value, PHONE, payload, session="s")
        assert (token.handed_by, token.attributes["user_id"]) == (PHONE, ADA)
        ticket = await engine.hand_over("ada", to="server", audience="https://b.example")
        handed = await engine.redeem(ticket.value.reveal(), "https://b.example")
        assert handed.access_token == token.access_token


def test_the_async_engine_has_the_same_verbs(ground: Ground) -> None:
    """Invite, accept, hand over, redeem: awaited; a ticket may be given as text."""
    asyncio.run(_awaited(ground))


# The way up, against the sandbox's word.


@pytest.mark.parametrize(
    ("attributes", "person", "code"),
    [({}, ADA, None), ({"user_id": ADA}, ADA, None), ({"user_id": ADA}, BOB, "other_user")],
)
def test_what_is_sent_up_is_of_whom_was_invited(
    ground: Ground, attributes: dict[str, str], person: str, code: str | None
) -> None:
    """A person who was invited cannot have another's login taken for theirs."""
    with opened(ground) as engine:
        ticket = engine.invite(
            "k", lifecycle="facebook-user", platform="javascript", audience=PHONE, attributes=attributes
        )
        payload = ground.payload("javascript", person)
        if code is None:
            assert engine.accept(ticket.value, PHONE, payload).attributes["user_id"] == person
            return
        with pytest.raises(TokenflowError) as caught:
            engine.accept(ticket.value, PHONE, payload)
        assert caught.value.code == code
        assert engine.keys() == []


def test_another_app_s_token_is_not_taken(ground: Ground) -> None:
    """It is good, and for somebody else: the issuer says so, whoever sent it."""
    with opened(ground, client_ids={"facebook": "999", "sandbox-oauth2": "shop"}) as engine:
        ticket = engine.invite("k", lifecycle="facebook-user", platform="javascript", audience=PHONE)
        with pytest.raises(TokenflowError) as caught:
            engine.accept(ticket.value, PHONE, ground.payload("javascript"))
        assert caught.value.code in ("other_app", "issuer_refused")
        assert engine.keys() == []
    assert APP != "999"


# No leak.


def test_neither_ticket_nor_token_is_anywhere(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a log, an event, a repr, an error or a file; only where they are meant to be shown."""
    caplog.set_level(logging.DEBUG)
    heard: list[Any] = []
    url, key = ground.sqlite()
    texts: list[str] = []
    with embedded(url, key=key, on_event=heard.extend) as engine:
        engine.acquire("c", lifecycle="facebook-client", platform="dashboard")
        ticket, spoilt = (engine.hand_over("c", to="client", audience=PHONE) for _ in range(2))
        handed = engine.redeem(ticket.value, PHONE)
        secrets = [one.value.reveal().partition(".")[0] for one in (ticket, spoilt)]
        assert handed.access_token is not None
        secrets.append(handed.access_token.reveal())
        assert secrets[-1] in json.dumps(handed.form()), "what is searched for can be found"
        for act in (
            lambda: engine.redeem(ticket.value, PHONE),
            lambda: engine.redeem(spoilt.value, "https://else.example"),
            lambda: engine.accept(ticket.value, PHONE, {"access_token": secrets[-1]}),
        ):
            with pytest.raises(TokenflowError) as caught:
                act()
            texts += [str(caught.value), told_by(caught.value).split("tests/engine")[0]]
        texts += [shown(one) for one in (ticket, handed, engine, engine.explain("c"))]
        texts += [repr(event) for event in engine.explain("c").history]
    texts += [repr(heard), caplog.text]
    assert {type(one) for one in heard} >= {HandedOver, Redeemed, HandOverReplayed}
    found = "\n".join(texts)
    assert not [one for one in secrets if one in found]
    kept = b"".join(path.read_bytes() for path in ground.folder.rglob("*") if path.is_file())
    assert not [one for one in secrets if one.encode() in kept]
