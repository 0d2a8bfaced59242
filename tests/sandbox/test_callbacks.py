"""What apps are told by the authority itself, and what the ledger keeps of it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from attrs import field, frozen
from starlette.types import Receive, Scope, Send

from tests.sandbox.ground import ADA, APP, NOW, SECRET, Ground
from tokenflow.sandbox.server import hosted
from tokenflow.sandbox.signing import signed_request

CODE = {"url": "http://localhost/status", "confirmation_code": "abc"}


@frozen
class Listening:
    """An app that listens; what came is (path, headers, body)."""

    url: str
    came: list[tuple[str, dict[str, str], bytes]] = field(factory=list)


@pytest.fixture(scope="module")
def server() -> Iterator[Listening]:
    came: list[tuple[str, dict[str, str], bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        came.append((scope["path"], {n.decode(): v.decode() for n, v in scope["headers"]}, body))
        moved = scope["path"] == "/moved"
        headers = [(b"location", b"/elsewhere")] if moved else []
        await send({"type": "http.response.start", "status": 302 if moved else 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(CODE).encode()})

    with hosted(app) as url:
        yield Listening(url, came)


@pytest.fixture
def listening(server: Listening, ground: Ground) -> Listening:
    ground.admin.change_app(
        APP,
        deauthorize_url=f"{server.url}/gone",
        data_deletion_url=f"{server.url}/forget",
        webhook_url=f"{server.url}/hook",
    )
    server.came.clear()
    return server


def signed_by(body: bytes) -> dict[str, object]:
    """Return the payload of a signed request, verified."""
    sent = parse_qs(body.decode())["signed_request"][0]
    payload = sent.split(".")[1]
    read: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert signed_request(SECRET, {name: read[name] for name in read if name != "algorithm"}) == sent
    return read


def test_an_app_is_told_that_it_was_removed(ground: Ground, listening: Listening) -> None:
    """Before the removal is answered: once by signed request, once by webhook."""
    token = ground.user_token()
    listening.came.clear()
    ground.delete("me/permissions", access_token=token)

    assert [path for path, _, _ in listening.came] == ["/gone", "/hook"]
    told = signed_by(listening.came[0][2])
    assert (told["user_id"], told["issued_at"], told["algorithm"]) == (ADA, NOW // 1_000_000, "HMAC-SHA256")


def test_a_webhook_is_signed_over_its_body(ground: Ground, listening: Listening) -> None:
    """`X-Hub-Signature-256` is HMAC-SHA256 of the bytes under the app's secret."""
    ground.user_token(scope="email")
    ground.admin.revoke_permissions(ADA, APP, ["email"])
    verbs = []
    for _, headers, body in listening.came:
        made = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-hub-signature-256"] == f"sha256={made}"
        change = json.loads(body)["entry"][0]["changes"][0]
        verbs.append((change["field"], change["value"]["verb"]))

    assert verbs == [("email", "granted"), ("email", "revoked")]


def test_a_deletion_s_answer_is_kept(ground: Ground, listening: Listening) -> None:
    """The ledger holds the status page and the code that the app answered."""
    ground.admin.delete_data(ADA, APP)
    row = ground.admin.ledger()["callbacks"][-1]

    told = signed_by(listening.came[-1][2])
    assert told["expires"] == NOW // 1_000_000 + 3600
    assert (row["kind"], row["user_id"], row["status"], row["answer"]) == ("data_deletion", ADA, 200, CODE)


def test_what_was_sent_can_be_read(ground: Ground, listening: Listening) -> None:
    """The ledger holds each message as it was signed, so that an app without a server can be given it."""
    ground.user_token()
    ground.admin.remove_app(ADA, APP)
    sent = [(body.decode(), headers.items()) for _, headers, body in listening.came]
    rows = ground.admin.ledger()["callbacks"]
    assert [row["body"] for row in rows] == [body for body, _ in sent]
    assert all(row["headers"].items() <= headers for row, (_, headers) in zip(rows, sent, strict=True))


def test_nobody_listening_and_a_redirect_are_noted_and_hurt_nobody(
    ground: Ground, listening: Listening
) -> None:
    """A notice goes to the address in the settings or nowhere, and the person's deed stands."""
    ground.user_token()
    for url in ("http://127.0.0.1:1/gone", f"{listening.url}/moved"):
        ground.admin.change_app(APP, deauthorize_url=url, webhook_url=None)
        ground.code()
        ground.admin.remove_app(ADA, APP)

    rows = [row for row in ground.admin.ledger()["callbacks"] if row["kind"] == "deauthorize"]
    assert [row["status"] for row in rows] == [None, 302]
    assert "/elsewhere" not in [path for path, _, _ in listening.came]


def test_a_password_change_is_told_to_nobody(ground: Ground, listening: Listening) -> None:
    """An app learns of it by a failing call alone (facebook.md §1.12)."""
    ground.user_token()
    listening.came.clear()
    ground.admin.password(ADA)

    assert listening.came == []
