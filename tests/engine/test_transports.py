"""One HTTP exchange, bounded on every side, against servers that misbehave on real sockets."""

import asyncio
import gzip
import json
import logging
import socket
import traceback

import pytest

from tests.engine.hostile import answering, head, hostile
from tokenflow import (
    AnswerNotUnderstood,
    IssuerUnreachable,
    Refused,
    Request,
    Response,
    Secret,
    TokenflowError,
)
from tokenflow.engine.transports import CAP, HttpTransport, check_url

CANARY = "CANARY-7f3a9c7f3a9c"


def exchange(request: Request, deadline: float = 5.0) -> Response:
    async def run() -> Response:
        transport = HttpTransport(deadline=deadline)
        try:
            return await transport.send(request)
        finally:
            await transport.close()

    return asyncio.run(run())


def post(url: str) -> Request:
    return Request(method="POST", url=f"{url}/token", form={"refresh_token": Secret(CANARY), "grant": "x"})


@pytest.mark.proves("B4")
def test_secrets_travel_in_the_body_and_the_header_and_never_in_the_url() -> None:
    """A request's secrets reach the server in form and header; its first line holds none."""
    with hostile(answering(head("200 OK", "content-length: 2"), b"{}")) as server:
        request = Request(
            method="POST",
            url=f"{server.url}/t",
            query={"a": "b"},
            form={"x": Secret(CANARY)},
            bearer=Secret("b-1"),
        )
        assert exchange(request).status == 200
    line, _, rest = server.seen[0].partition(b"\r\n")
    assert line == b"POST /t?a=b HTTP/1.1"
    assert f"x={CANARY}".encode() in rest
    assert b"authorization: Bearer b-1" in rest.replace(b"Authorization", b"authorization")


@pytest.mark.proves("H4")
def test_a_slow_drip_stops_at_the_deadline() -> None:
    """A server that sends a byte now and then is left when the whole deadline is over."""

    def drip(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head("200 OK", "content-length: 100000"))
        stop = connection.gettimeout()
        connection.settimeout(0.05)
        for _ in range(int((stop or 10) / 0.05)):
            connection.sendall(b" ")
            try:
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue

    with hostile(drip) as server, pytest.raises(IssuerUnreachable) as caught:
        exchange(post(server.url), deadline=0.4)
    assert caught.value.sent


@pytest.mark.proves("C7")
def test_a_redirect_is_not_followed() -> None:
    """A 307 to another host comes back as it is, and the other host receives not one byte."""
    with (
        hostile(answering(head("200 OK", "content-length: 0"))) as thief,
        hostile(
            answering(head("307 Temporary Redirect", f"location: {thief.url}/", "content-length: 0"))
        ) as server,
    ):
        assert exchange(post(server.url)).status == 307
        assert thief.seen == []


@pytest.mark.proves("H4")
def test_a_compressed_answer_is_not_read() -> None:
    """A gzip bomb is refused by its header, before it is unpacked."""
    bomb = gzip.compress(b"0" * 10_000_000)
    reply = answering(head("200 OK", "content-encoding: gzip", f"content-length: {len(bomb)}"), bomb)
    with hostile(reply) as server, pytest.raises(AnswerNotUnderstood, match="compressed"):
        exchange(post(server.url))
    assert b"accept-encoding: identity" in server.seen[0].lower()


@pytest.mark.proves("H4")
def test_a_long_answer_is_not_read_to_its_end() -> None:
    """More than the cap is refused, however it is framed."""
    with (
        hostile(answering(head("200 OK"), b"x" * (CAP + 1))) as server,
        pytest.raises(AnswerNotUnderstood, match="longer"),
    ):
        exchange(post(server.url))


def test_nobody_listening_is_certainly_before_sending() -> None:
    """A refused connection says that nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        url = f"http://127.0.0.1:{placeholder.getsockname()[1]}"
    with pytest.raises(IssuerUnreachable) as caught:
        exchange(post(url))
    assert not caught.value.sent


def test_a_connection_cut_after_the_request_may_have_been_sent() -> None:
    """A server that hangs up without an answer leaves it open whether it acted."""
    with hostile(answering()) as server, pytest.raises(IssuerUnreachable) as caught:
        exchange(post(server.url))
    assert caught.value.sent


@pytest.mark.proves("B4", "B5")
@pytest.mark.parametrize(
    "behave",
    [
        answering(),
        answering(b"not http at all\r\n\r\n"),
        answering(head("200 OK", "content-length: 9"), b"x"),
    ],
)
def test_no_failure_shows_a_secret_or_a_client_library(
    behave: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, neither the error, its chain, its frames' locals nor any log holds the token."""
    caplog.set_level(logging.DEBUG)
    with hostile(behave) as server, pytest.raises(TokenflowError) as caught:  # type: ignore[arg-type]
        exchange(post(server.url))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert CANARY not in shown
    assert CANARY not in caplog.text
    assert caught.value.__cause__ is None


REFUSED = [
    "http://example.com/", "http://EXAMPLE.com/", "HTTP://example.com/", "http://example.com./", "http://a.b.c/",
    "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/", "http://127.0.0.1.nip.io/", "http://evil.example/127.0.0.1",
    "http://evil.example#127.0.0.1", "http://evil.example?127.0.0.1", "http://127.0.0.1./", "http://127.1/",
    "http://127.0.1/", "http://0x7f.1/", "http://0x7f.0.0.1/", "http://0x7f000001/", "http://0177.0.0.1/",
    "http://2130706433/", "http://127.0.0.01/", "http://127.0.0.1.1/", "http://128.0.0.1/", "http://126.9.9.9/",
    "http://0/", "http://0.0.0.0/", "http://[::]/", "http://[::ffff:10.0.0.1]/", "http://[fe80::1]/",
    "http://[::127.0.0.1]/", "http://10.0.0.1/", "http://192.168.0.1/", "http://169.254.169.254/",
    "http://user@127.0.0.1/", "http://user:pass@127.0.0.1/", "http://@127.0.0.1/", "http://127.0.0.1@evil.example/",
    "https://user:pass@example.com/", "https://user@example.com/", "https://127.0.0.1:443@evil.example/",
    "http://127.0.0.1\\@example.com/", "http:\\\\127.0.0.1\\", "https://example.com\\.evil.example/",
    "http://\u0661\u0662\u0667.0.0.1/", "http://\uff11\uff12\uff17.0.0.1/", "http://127\u30020\u30020\u30021/",
    "http://xn--127-0.0.1/", "http://b\u00fccher.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "ws://127.0.0.1/",
    "gopher://127.0.0.1/", "javascript:alert(1)", "data:text/plain,x", "unix:///run/x.sock", "//example.com/",
    "/token", "example.com/token", "http:///x", "https:///x", "https://", "http:", "",
]  # fmt: skip
TAKEN = [
    "https://example.com/x", "HTTPS://A.example/", "https://example.com:8443/x", "https://[2606:4700::1111]/",
    "https://b\u00fccher.example/", "http://127.0.0.1:8400/x", "http://127.255.255.254/", "http://[::1]/x",
    "http://[::1]:8400/", "https://localhost/",
]  # fmt: skip


@pytest.mark.proves("C1")
@pytest.mark.parametrize("url", REFUSED)
def test_the_clear_is_for_literal_loopback_only(url: str) -> None:
    """HTTP to anything but a literal loopback address, and any URL with a disguise, is refused."""
    with pytest.raises(Refused):
        check_url(url)


@pytest.mark.proves("C1")
@pytest.mark.parametrize("url", TAKEN)
def test_https_and_loopback_pass(url: str) -> None:
    """HTTPS anywhere, and HTTP to a literal loopback address, are fine."""
    check_url(url)


def test_a_token_endpoint_that_wants_json_gets_one_object() -> None:
    """The same parameters as one JSON object, secrets shown only there."""
    with hostile(answering(head("200 OK", "content-length: 2"), b"{}")) as server:
        form: dict[str, str | Secret] = {"refresh_token": Secret(CANARY), "grant_type": "refresh_token"}
        asked = Request(method="POST", url=f"{server.url}/t", form=form, encoding="json")
        assert exchange(asked).status == 200
    front, _, body = server.seen[0].partition(b"\r\n\r\n")
    assert b"application/json" in front
    assert json.loads(body) == {"refresh_token": CANARY, "grant_type": "refresh_token"}


@pytest.mark.proves("R5")
def test_an_answer_sent_twice_answers_one_request() -> None:
    """The second copy waits on a kept connection for whoever asks next, who may be another person."""
    asked = []

    def twice(connection: socket.socket, request: bytes) -> None:
        while request:
            asked.append(request)
            body = str(len(asked)).encode()
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + body  # it is not closed
            connection.sendall(answer + answer)
            request = connection.recv(65536)

    async def both(url: str) -> list[bytes]:
        transport = HttpTransport(deadline=5.0)
        try:
            return [(await transport.send(post(url))).body for _ in range(2)]
        finally:
            await transport.close()

    with hostile(twice) as server:
        assert asyncio.run(both(server.url)) == [b"1", b"2"]
