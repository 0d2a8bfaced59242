"""Faults: what a network and a tired server do, on order."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest

from tests.sandbox.ground import ADA, APP, SECRET, Ground, fault_of
from tokenflow.sandbox import AdminRefused


def test_a_status_is_answered_as_often_as_ordered(ground: Ground) -> None:
    token = ground.user_token()
    ground.admin.fault("me", "status", status=429, retry_after=7, times=2)
    answers = [ground.get("v25.0/me", access_token=token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json()["error"]["code"] == 4


def test_a_fault_hits_its_path_and_method_alone(ground: Ground) -> None:
    token = ground.user_token()
    ground.admin.fault("/me", "status", method="delete")

    assert ground.get("me", access_token=token).status_code == 200
    assert ground.delete("me/permissions", access_token=token).status_code == 500
    assert ground.get("debug_token", input_token=token, access_token=token).status_code == 200


def test_a_star_hits_everything_until_cleared(ground: Ground) -> None:
    ground.admin.fault("*", "status", status=500, body={"error": "odd"})
    assert ground.get("me").json() == ground.get("oauth2/token").json() == {"error": "odd"}

    ground.admin.clear_faults()
    assert ground.get("me").status_code == 400


@pytest.mark.parametrize(
    ("order", "status", "text"),
    [
        ({"kind": "empty"}, 200, ""),
        ({"kind": "empty", "status": 403}, 403, ""),
        ({"kind": "status", "status": 400, "body": "plain"}, 400, "plain"),
    ],
)
def test_an_answer_may_be_empty_or_plain(
    ground: Ground, order: dict[str, Any], status: int, text: str
) -> None:
    ground.admin.fault("me", **order)
    answer = ground.get("me")

    assert (answer.status_code, answer.text) == (status, text)


def test_an_answer_may_be_a_web_page(ground: Ground) -> None:
    ground.admin.fault("me", "html")
    answer = ground.get("me", access_token=ground.user_token())

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_half_an_answer_is_no_json(ground: Ground) -> None:
    ground.admin.fault("me", "half_json")
    with pytest.raises(json.JSONDecodeError):
        ground.get("me", access_token=ground.user_token()).json()


@pytest.mark.parametrize(("kind", "value"), [("negative_expires_in", -1), ("no_expires_in", None)])
def test_expires_in_may_be_spoiled(ground: Ground, kind: str, value: int | None) -> None:
    short = ground.user_token()
    ground.admin.fault("oauth/access_token", kind)

    assert ground.extended(short).json().get("expires_in") == value


def test_a_token_may_die_before_the_end_it_was_promised(ground: Ground) -> None:
    short = ground.user_token()
    ground.admin.fault("oauth/access_token", "early_death", seconds=60, times=1)
    answer = ground.extended(short).json()
    assert answer["expires_in"] > 5_000_000
    assert ground.get("me", access_token=answer["access_token"]).status_code == 200
    ground.admin.advance(61)
    refused = ground.get("me", access_token=answer["access_token"]).json()["error"]
    assert (refused["code"], refused["error_subcode"]) == (190, 463)


def test_an_answer_may_bear_a_wrong_date(ground: Ground) -> None:
    right = ground.get("me", access_token=ground.user_token()).headers["date"]
    ground.admin.fault("me", "wrong_date", seconds=3600, times=1)
    wrong = ground.get("me", access_token=ground.user_token()).headers["date"]
    assert (parsedate_to_datetime(wrong) - parsedate_to_datetime(right)).total_seconds() in (3600, 3601)


def test_an_answer_may_be_about_somebody_else(ground: Ground) -> None:
    short = ground.user_token()
    ground.admin.fault("*", "wrong_user", times=3)
    other = ground.extended(short).json()["access_token"]

    assert ground.get("me", access_token=short).json()["id"] == "999999"
    assert ground.debug(short)["user_id"] == "999999"
    assert ground.get("me", access_token=other).json()["id"] == "999999"
    assert ground.get("me", access_token=short).json()["id"] == ADA


def test_a_dropped_request_was_never_seen_by_the_server(ground: Ground) -> None:
    code = ground.code()
    ground.admin.fault("oauth/access_token", "drop", times=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        ground.exchange(code)

    assert ground.exchange(code).status_code == 200


def test_a_dropped_answer_was_acted_on(ground: Ground) -> None:
    code = ground.code()
    ground.admin.fault("oauth/access_token", "drop_after", times=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        ground.exchange(code)

    assert fault_of(ground.exchange(code)) == (100, 36009)
    rows = ground.admin.ledger()["requests"]
    assert [(row["status"], row["error"]) for row in rows] == [(None, "drop_after"), (400, "100/36009")]


def test_a_slow_answer_comes_after_the_time_ordered(ground: Ground) -> None:
    ground.admin.fault("me", "slow", seconds=0.2)
    url = f"{ground.running.url}/me"
    with pytest.raises(httpx2.ReadTimeout):
        ground.http.get(url, timeout=0.05)

    assert ground.http.get(url).elapsed.total_seconds() >= 0.2


def test_during_an_outage_only_the_admin_is_served(ground: Ground) -> None:
    ground.admin.outage(on=True)
    answers = [ground.get(path) for path in ("me", "oauth2/jwks", "dialog/oauth", "nothing")]
    assert [answer.status_code for answer in answers] == [503] * 4
    assert answers[0].json()["error"]["is_transient"] is True
    assert answers[1].json() == {"error": "temporarily_unavailable"}

    ground.admin.outage(on=False)
    assert ground.get(APP, access_token=f"{APP}|{SECRET}").status_code == 200


def test_the_orders_that_stand_can_be_read_and_given_again(ground: Ground) -> None:
    ground.admin.fault("me", "status", status=503, times=2, method="get")
    ground.admin.fault("oauth/access_token", "slow", seconds=0.5)
    ground.get("me")

    standing = ground.admin.faults()
    assert standing == [
        {"path": "me", "kind": "status", "status": 503, "times": 1, "method": "GET"},
        {"path": "oauth/access_token", "kind": "slow", "seconds": 0.5},
    ]
    ground.admin.clear_faults()
    for order in standing:
        ground.admin.fault(**order)
    assert ground.admin.faults() == standing


@pytest.mark.parametrize(
    ("code", "status", "header"),
    [
        (4, 403, "x-app-usage"),
        (17, 400, "x-app-usage"),
        (32, 400, "x-app-usage"),
        (613, 400, "x-ad-account-usage"),
        (80004, 400, "x-business-use-case-usage"),
    ],
)
def test_a_limit_is_told_by_code_and_usage_header(
    ground: Ground, code: int, status: int, header: str
) -> None:
    """Each limit has its code, its status and the header that says how much is used."""
    ground.admin.fault("me", "rate_limit", code=code, retry_after=60)
    answer = ground.get("me")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "100" in answer.headers[header]
    assert answer.headers["retry-after"] == "60"


def test_a_changed_lifetime_is_told_and_true(ground: Ground) -> None:
    """The answer says the other lifetime, and the token dies by it."""
    ground.admin.fault("oauth/access_token", "lifetime", seconds=60)
    body = ground.exchange(ground.code()).json()
    assert body["expires_in"] == 60

    ground.admin.advance(60)
    assert ground.refused(body["access_token"]) == (190, 463)


def test_a_cut_body_is_shorter_than_it_promised(ground: Ground) -> None:
    """The connection ends in the middle of the body, and the work is done all the same."""
    ground.admin.fault("oauth/access_token", "cut", times=1)
    code = ground.code()
    with pytest.raises(httpx2.RemoteProtocolError):
        ground.exchange(code)

    assert fault_of(ground.exchange(code)) == (100, 36009)


def test_a_silent_server_never_answers_and_does_nothing(ground: Ground) -> None:
    """The caller's own patience ends it; the code is still good."""
    ground.admin.fault("oauth/access_token", "silent", times=1)
    code = ground.code()
    asked = {"client_id": APP, "client_secret": SECRET, "redirect_uri": "http://localhost/cb", "code": code}
    with pytest.raises(httpx2.ReadTimeout):
        ground.http.get(f"{ground.running.url}/oauth/access_token", params=asked, timeout=0.1)

    assert ground.exchange(code).status_code == 200


def test_an_answer_says_what_is_ordered(ground: Ground) -> None:
    """The fields of the order stand in the answer, a null among them; the rest is as it was."""
    ground.admin.fault("oauth/access_token", "says", body={"expires_in": None, "odd": [1]}, times=1)
    answer = ground.exchange(ground.code()).json()

    assert (answer["expires_in"], answer["odd"], answer["token_type"]) == (None, [1], "bearer")
    with pytest.raises(AdminRefused):
        ground.admin.fault("oauth/access_token", "says", body="text")
