"""Where a connection may lead, and how much is read of it."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import httpcore2
import pytest

from tests.engine.hostile import answering, head, hostile
from tokenflow import HttpTransport, IssuerUnreachable, Refused, Request, TokenflowError
from tokenflow.engine.transports import INNER_NETWORKS
from tokenflow.engine.wires import PIECE, RAW, Wires, networks, permitted

INNER = [
    "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.0.0.192",
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
    "100.64.0.1", "100.127.255.255", "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1",
    "224.0.0.1", "239.255.255.250", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:a9fe:a9fe::1", "2002:0a00:0001::",
    "64:ff9b::169.254.169.254", "64:ff9b::10.0.0.1", "127.0.0.1", "127.255.255.254", "::1", "64:ff9b:1::1",
]  # fmt: skip
PUBLIC = [
    "93.184.215.14",
    "1.1.1.1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:101:101::",
]


def asked(url: str, transport: HttpTransport | None = None) -> Any:
    async def run() -> Any:
        own = transport or HttpTransport(deadline=5)
        try:
            return await own.send(Request(method="GET", url=url))
        finally:
            await own.close()

    return asyncio.run(run())


@pytest.mark.proves("C11")
def test_no_name_leads_inside() -> None:
    """Forty addresses: private, of this link, of metadata, of nobody, and each wrapped in another family."""
    assert len(INNER) == 40
    assert [one for one in INNER if permitted("issuer.example", ip_address(one), ())] == []
    assert [one for one in PUBLIC if not permitted("issuer.example", ip_address(one), ())] == []


@pytest.mark.proves("C11")
@pytest.mark.parametrize(
    ("host", "may"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("a.localhost", True)]
    + [
        (name, False) for name in ("issuer.example", "localhost.example", "localhost.", "127.1", "2130706433")
    ],
)
def test_this_machine_is_meant_by_its_own_names_only(host: str, may: bool) -> None:
    """A sandbox is asked for as such; another name that leads to this machine is somebody's trick."""
    assert permitted(host, ip_address("127.0.0.1"), ()) is may


def test_an_allowed_network_is_connected_to() -> None:
    """An issuer of one's own house is one of the networks that are allowed, and the next one is not."""
    mine = networks(["10.1.0.0/16", " fd00::/8 ", ""])
    assert permitted("sso.corp.example", ip_address("10.1.2.3"), mine)
    assert permitted("sso.corp.example", ip_address("fd00::5"), mine)
    assert permitted("sso.corp.example", ip_address("::ffff:10.1.2.3"), mine)
    assert not permitted("sso.corp.example", ip_address("10.2.0.1"), mine)
    with pytest.raises(ValueError, match=r"10\.1"):
        networks(["10.1"])


@pytest.mark.proves("C11")
def test_a_name_is_resolved_once_and_connected_to_as_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that says something else the second time is not asked a second time."""
    answers = [["93.184.215.14"], ["169.254.169.254"]]
    connected: list[str] = []

    async def resolve(loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        assert host == "issuer.example", "a second look-up: it is connected to the name, not to the address"
        return [(socket.AF_INET, 0, 0, "", (one, port)) for one in answers.pop(0)]

    async def connect(backend: Any, host: str, port: int, **_: Any) -> Any:
        connected.append(host)
        raise httpcore2.ConnectError("unplugged")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(IssuerUnreachable) as caught:
        asked("https://issuer.example/token")
    assert (connected, caught.value.sent) == (["93.184.215.14"], False)
    with pytest.raises(Refused) as inside:
        asked("https://issuer.example/token")
    assert (inside.value.code, connected) == ("inner_address", ["93.184.215.14"])
    assert INNER_NETWORKS in str(inside.value)


@pytest.mark.proves("C11")
def test_one_inner_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives both hopes that the second one is tried."""

    async def resolve(loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, 0, 0, "", (one, port)) for one in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    with pytest.raises(Refused, match=r"leads to 10\.0\.0\.1"):
        asyncio.run(Wires().connect_tcp("issuer.example", 443))


@pytest.mark.proves("C11")
@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "[fd00:ec2::254]", "[::ffff:10.0.0.1]", "0"])
def test_a_literal_inner_address_is_refused_before_anything_is_sent(host: str) -> None:
    """Also where a spec says it itself."""
    with pytest.raises(Refused) as caught:
        asked(f"https://{host}/latest/meta-data/")
    assert caught.value.code == "inner_address"


def test_the_environment_names_allowed_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """TOKENFLOW_INNER_NETWORKS is read where nobody says otherwise."""
    monkeypatch.setenv(INNER_NETWORKS, "192.0.2.0/24")

    async def connect(backend: Any, host: str, port: int, **_: Any) -> Any:
        raise httpcore2.ConnectError("unplugged")

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(IssuerUnreachable):
        asked("https://192.0.2.1/")
    with pytest.raises(Refused):
        asked("https://192.0.2.1/", HttpTransport(inner_networks=()))


@pytest.mark.proves("H4")
def test_answers_before_the_answer_have_an_end() -> None:
    """What comes is counted below HTTP, so that nothing that frames an answer is free."""
    hint = b"HTTP/1.1 103 Early Hints\r\nlink: <" + b"x" * 400 + b">\r\n\r\n"
    with hostile(answering(hint * (2 * RAW // len(hint)))) as server, pytest.raises(TokenflowError) as caught:
        asked(f"{server.url}/")
    assert caught.value.code == "answer_not_understood"


@pytest.mark.proves("H4")
def test_crumbs_leave_others_their_turn() -> None:
    """A body of chunks of one byte does not hold the loop: a clock beside it goes on ticking."""
    late = [0.0]

    async def run(url: str) -> None:
        transport = HttpTransport(deadline=5)
        await transport.send(Request(method="GET", url=url))

        async def tick() -> None:
            clock = asyncio.get_running_loop().time
            while True:
                before = clock()
                await asyncio.sleep(0)
                late[0] = max(late[0], clock() - before)

        ticking = asyncio.create_task(tick())
        body = (await transport.send(Request(method="GET", url=url))).body
        ticking.cancel()
        await transport.close()
        assert len(body) == 4_000

    crumbs = b"1\r\nx\r\n" * 4_000 + b"0\r\n\r\n"
    with hostile(answering(head("200 OK", "transfer-encoding: chunked"), crumbs)) as server:
        asyncio.run(run(f"{server.url}/"))
    assert late[0] < 0.15
    assert PIECE < 10_000


@pytest.mark.proves("E1")
def test_no_cookie_is_kept() -> None:
    """What an issuer sets with one person's answer does not go along with another's request."""
    reply = head("200 OK", "set-cookie: who=ada; Path=/", "content-length: 2")

    async def run(url: str) -> None:
        transport = HttpTransport(deadline=5)
        for _ in range(2):
            await transport.send(Request(method="GET", url=url))
        await transport.close()

    with hostile(answering(reply, b"{}")) as server:
        asyncio.run(run(f"{server.url}/"))
    assert len(server.seen) == 2
    assert not [one for one in server.seen if b"cookie" in one.lower()]
