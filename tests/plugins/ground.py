"""Common ground of the guests' tests: vectors, an issuer, an order, and answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenflow import Issuer, Order, PayloadError, Response, Secret, Token, TokenKind

VECTORS = Path(__file__).parent / "vectors"
NOW = 1_750_000_000_000_000
SECRETS = {"env:S": "s3cret", "env:C": "cl1ent"}

ISSUER = Issuer(
    name="facebook",
    client_id="1234",
    client={"redirect_uri": "https://app.example/back"},
    endpoints={
        "issuer": "https://issuer.example",
        "authorization_endpoint": "https://issuer.example/dialog/oauth?version=1",
        "token_endpoint": "https://issuer.example/oauth/access_token",
        "revocation_endpoint": "https://issuer.example/revoke",
        "introspection_endpoint": "https://issuer.example/introspect",
        "graph": "https://graph.example/v25.0/",
    },
)


def vectors(name: str) -> Any:
    """The published vectors of that name."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def order(**changes: Any) -> Order:
    """An order to that issuer."""
    return Order(**{"key": "user/1", "issuer": ISSUER, **changes})


def token(kind: str = "user", access_token: str | None = "T0KEN", refresh_token: str | None = None) -> Token:
    """A held token."""
    return Token(
        key="user/1",
        id="i",
        kind=TokenKind(kind),
        lifecycle="l@1",
        digest="d",
        issuer="facebook",
        state="issued",
        entered_at=NOW,
        access_token=Secret(access_token) if access_token else None,
        refresh_token=Secret(refresh_token) if refresh_token else None,
    )


def answer(body: object, status: int = 200, **headers: str) -> Response:
    """An issuer's answer in JSON; bytes go as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, body=raw, headers={"content-type": "application/json", **headers})


def form_of(request: Any) -> dict[str, str]:
    """What a request's form says, secrets shown."""
    shown = request.form or {}
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in shown.items()}


def code_of(call: Callable[[], object], *hidden: str) -> str:
    """The code of the PayloadError that *call* raises, or `taken`; and nothing hidden hangs on it."""
    try:
        call()
    except PayloadError as error:
        caught = error
    else:
        return "taken"
    told = f"{caught} {caught!r} {caught.args} {caught.__dict__}"
    assert not [secret for secret in hidden if secret in told]
    assert caught.__context__ is None
    return caught.code
