"""Alone under a real server, over real TLS, with its access log on: what others and the log get to see."""

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx2
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.engine.ground import ADA, Ground
from tests.engine.test_moving import OURS, SPEC, VERIFY
from tests.web.ground import HOME, Web, opened, web_of
from tokenflow import HttpTransport, Secret, TokenflowError, sign_request
from tokenflow.runner.counter import counting


@attrs.frozen
class Served:
    """An application that answers at its own address."""

    web: Web
    client: httpx2.Client
    ca_file: Path


@contextmanager
def serving(app: ASGIApp, listening: socket.socket, pem: Path) -> Iterator[None]:
    """Serve with TLS, as `uvicorn --ssl-certfile` does; its settings are its own defaults but for signals."""
    config = uvicorn.Config(app, ssl_certfile=pem, log_config=None, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def served(ground: Ground, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Served]:
    """An application under uvicorn, and a client that trusts the certificate of the stories' counter."""
    caplog.set_level(logging.DEBUG)
    with counting(tmp_path) as counter:
        ca_file, pem = counter.ca_file, tmp_path / "counter.pem"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        trust = ssl.create_default_context(cafile=str(ca_file))
        with (
            opened(ground, url) as engine,
            serving((web := web_of(ground, engine, url)).app, listening, pem),
            httpx2.Client(base_url=url, verify=trust, trust_env=False, headers=HOME) as client,
        ):
            yield Served(web, client, ca_file)


@pytest.mark.proves("B9")
def test_an_access_log_sees_where_and_not_what(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A login, a hand-off, a ticket and a callback at DEBUG: the log has each path, and no secret of any."""
    web, client, ground = served.web, served.client, served.web.ground
    home = {"origin": web.url}
    sent = client.get("/login/web", headers={"x-forwarded-proto": "http", "x-forwarded-host": "evil.example"})
    params = ground.approve(sent.headers["location"])
    back = client.get("/callback", params=params)
    assert back.headers["location"] == f"{web.url}/#"
    ticket = client.post("/invitations", headers=home).json()["ticket"]
    payload = ground.payload("javascript")
    said = {**home, "content-type": "application/json", "tokenflow-ticket": ticket}
    assert client.post("/hand-off", content=payload, headers=said).json()["usable"]
    given = web.engine.hand_over("ada", to="client", audience=OURS).value.reveal()
    assert client.post("/tickets", data={"ticket": given}, headers={"origin": OURS}).status_code == 200
    told = sign_request({"user_id": ADA, "issued_at": ground.clock() // 10**6}, Secret("CANARY-guessed"))
    assert client.post("/callbacks/facebook/deauthorize", data={"signed_request": told}).status_code == 400
    assert client.get("/callbacks/facebook/webhook?hub.verify_token=CANARY-guessed").status_code == 500
    assert client.get("/callbacks/facebook/data_deletion?code=CANARY-code").status_code == 404

    told_of = [one for one in caplog.records if one.name.startswith(("uvicorn", "tokenflow"))]
    lines = [caplog.handler.format(one) for one in told_of]
    paths = ("/login/web", "/callback", "/hand-off", "/tickets", "/callbacks/facebook/deauthorize")
    assert [path for path in paths if not any(f" {path} HTTP" in line for line in lines)] == []
    world = ground.running.state.world
    secrets = [params["code"], params["state"], ticket, given, *client.cookies.values(), "CANARY"]
    secrets += [*world.tokens, *(token.value for token in world.tokens.values())]
    whole = "\n".join(lines)
    assert [one for one in secrets if one in whole] == []


def test_another_server_redeems_its_ticket_here(served: Served, tmp_path: Path) -> None:
    """`server.ticket` shows it at POST /tickets over TLS, and keeps what the issuer vouches for."""
    web, ground = served.web, served.web.ground
    ground.facebook(web.engine, "ada")
    (spec := tmp_path / "moved.yaml").write_text(SPEC.format(verify=VERIFY, giver=web.url))
    how: dict[str, Any] = {"transport": lambda: HttpTransport(ca_file=str(served.ca_file))}
    with ground.open(specs=[str(spec)], **how) as taker:
        ticket = web.engine.hand_over("ada", to="server", audience=OURS).value.reveal()
        payload = {"ticket": ticket, "redeem_uri": f"{web.url}/tickets"}
        token = taker.acquire("k", lifecycle="moved", platform="moved", payload=payload)
        assert token.access_token == web.engine.explain("ada").token.access_token
        assert token.handed_by == web.url
        with pytest.raises(TokenflowError) as caught:
            taker.acquire("k2", lifecycle="moved", platform="moved", payload=payload)
        assert caught.value.code == "ticket_refused"


def test_a_log_that_sees_the_address_is_caught(
    ground: Ground, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The harness can fail: an application that leaves the query where it was is seen in the access log."""

    async def careless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    caplog.set_level(logging.DEBUG)
    with counting(tmp_path) as counter:
        ca_file, pem = counter.ca_file, tmp_path / "counter.pem"
    with socket.create_server(("127.0.0.1", 0)) as listening, serving(careless, listening, pem):
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        trust = ssl.create_default_context(cafile=str(ca_file))
        with httpx2.Client(base_url=url, verify=trust, trust_env=False) as client:
            client.get("/callback?code=CANARY-code")
    logged = [record.getMessage() for record in caplog.records if record.name == "uvicorn.access"]
    assert "CANARY-code" in "\n".join(logged)
