"""The ledger: enough to check a client by, and nothing to use."""

import hashlib
import json
from typing import Any

import pytest

from tests.sandbox.ground import ADA, APP, CALLBACK, ENGINES, LOOMS, SECRET, Ground, answer_of


def test_a_request_is_written_with_its_step_and_without_its_version(ground: Ground) -> None:
    url = f"{ground.running.url}/v25.0/me"
    ground.http.get(url, headers={"X-Request-Id": "step-1"})
    ground.extended("nonsense")
    first, second = ground.admin.ledger()["requests"]

    assert {name: first[name] for name in ("n", "method", "path", "face", "status", "step", "error")} == {
        "n": 1,
        "method": "GET",
        "path": "/me",
        "face": "graph",
        "status": 400,
        "step": "step-1",
        "error": "2500",
    }
    assert (second["grant_type"], second["error"], second["step"]) == ("fb_exchange_token", "190", None)


def test_tokens_are_listed_by_fingerprint_with_their_fate(ground: Ground) -> None:
    long = ground.long_token()
    page = ground.page_token(long)
    ground.page_token(long, LOOMS)
    ground.admin.role(ENGINES, ADA, [])
    rows = {row["fingerprint"]: row for row in ground.admin.ledger()["tokens"]}
    row = rows[hashlib.sha256(page.encode()).hexdigest()[:16]]

    assert (row["kind"], row["app_id"], row["user_id"], row["page_id"]) == ("page", APP, ADA, ENGINES)
    assert (row["live"], row["reason"], row["expires_at"]) == (False, "role_lost", None)
    assert sorted(each["kind"] for each in rows.values()) == ["page", "page", "user", "user"]
    assert sum(each["live"] for each in rows.values()) == 3


def test_no_token_code_or_secret_is_written_or_shown(
    ground: Ground, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ground.admin.client("web", client_secret="s3cret-of-web", redirect_uris=[CALLBACK])
    url = f"{ground.running.url}/oauth2/authorize?client_id=web&redirect_uri={CALLBACK}&response_type=code"
    oauth_code = answer_of(ground.admin.approve(ADA, url))["code"]
    form = {"grant_type": "authorization_code", "code": oauth_code, "redirect_uri": CALLBACK}
    oauth = ground.http.post(
        f"{ground.running.url}/oauth2/token", data=form, auth=("web", "s3cret-of-web")
    ).json()
    code, long = ground.code(), ground.long_token()
    ground.get(f"{long}/permissions", access_token=long)
    ground.get("me", grant_type=long)
    ground.exchange(code)
    values = [
        *(oauth_code, oauth["access_token"], oauth["refresh_token"], "s3cret-of-web"),
        *(
            code,
            long,
            ground.page_token(long),
            SECRET,
            ground.running.admin_token,
            ground.running.client_token,
        ),
    ]
    state = ground.running.state
    written = json.dumps(ground.admin.ledger()) + repr(state) + repr(state.world) + repr(ground.running)
    written += repr(list(state.world.tokens.values())) + repr(list(state.world.codes.values()))

    captured = capfd.readouterr()
    sdk_free = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    )
    for text in (written, captured.out, captured.err, sdk_free):
        assert [value for value in values if value in text] == []


def test_an_identity_token_is_on_record_and_opens_nothing(ground: Ground) -> None:
    """By its fingerprint, live for its hour whatever becomes of the account; the Graph does not know it."""
    value = ground.admin.issue(ADA, APP, "ios", nonce="n")["id_token"]
    fingerprint = hashlib.sha256(value.encode()).hexdigest()[:16]

    def row() -> Any:
        return next(one for one in ground.admin.ledger()["tokens"] if one["fingerprint"] == fingerprint)

    assert (row()["kind"], row()["user_id"], row()["live"]) == ("id", ADA, True)
    assert ground.get("me", access_token=value).status_code == 400
    ground.admin.checkpoint(ADA, on=True)
    ground.admin.password(ADA)
    assert row()["live"]
    ground.admin.advance(3600)
    assert not row()["live"]
