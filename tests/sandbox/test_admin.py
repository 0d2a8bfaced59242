"""The admin API: its door, its memory, and its care with what it is told."""

import base64
import json
from typing import Any

import pytest

from tests.sandbox.ground import ADA, APP, CALLBACK, NOW, Ground, answer_of
from tokenflow.sandbox import AdminClient, AdminRefused


@pytest.mark.proves("E4")
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_nobody_gets_in_without_the_admin_token(ground: Ground, headers: dict[str, str]) -> None:
    for method, path in (("GET", "ledger"), ("POST", "clock"), ("GET", "nothing")):
        answer = ground.http.request(method, f"{ground.running.url}/admin/{path}", headers=headers)
        assert answer.status_code == 401


def test_a_step_sent_again_acts_once_and_answers_the_same(ground: Ground) -> None:
    first = ground.admin.issue(ADA, APP, "android", ["email"], step="login")
    moved = [ground.admin.advance(100, step="tick") for _ in range(3)]

    assert ground.admin.issue(ADA, APP, "android", ["email"], step="login") == first
    assert moved == [NOW + 100_000_000] * 3
    assert ground.admin.issue(ADA, APP, "android", ["email"], step="other") != first
    url = ground.dialog()
    assert ground.admin.approve(ADA, url, step="a") == ground.admin.approve(ADA, url, step="a")


def test_a_refused_step_may_be_tried_again(ground: Ground) -> None:
    with pytest.raises(AdminRefused):
        ground.admin.issue("300", APP, "ios", step="s")
    ground.admin.person("300", "Eve")

    assert ground.admin.issue("300", APP, "ios", step="s")["user_id"] == "300"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("clock", {"now": "x"}, 400),
        ("clock", {}, 400),
        ("clock", {"now": 1, "advance": 1}, 400),
        ("people", {"id": "1"}, 400),
        ("people", {"id": "1", "name": "A", "nmae": "B"}, 400),
        ("people/9/password", {}, 404),
        (f"people/{ADA}/permissions", {"app_id": APP}, 404),
        (f"people/{ADA}/approve", {"url": "http://x.example/elsewhere"}, 404),
        (f"people/{ADA}/approve", {"url": "http://["}, 400),
        (f"people/{ADA}/issue", {"app_id": APP, "platform": "toaster"}, 400),
        (f"people/{ADA}/issue", {"app_id": "9", "platform": "ios"}, 404),
        ("pages/9/roles", {"person": ADA, "perms": []}, 404),
        ("pages/7001/roles", {"person": ADA, "perms": ["KING"]}, 400),
        ("apps", {"app_id": "1", "app_secret": "s"}, 400),
        ("apps", {"app_id": "1", "app_secret": "s", "client_token": "c", "type": "toaster"}, 400),
        ("apps", {"app_id": "1", "app_secret": "s", "client_token": "c", "short_lifetime": "1"}, 400),
        ("oauth2/clients", {"client_id": "c", "rotation": "sometimes"}, 400),
        ("faults", {"path": "me", "kind": "gremlins"}, 400),
        ("faults", {"path": "me", "kind": "status", "stauts": 500}, 400),
        ("faults", {"kind": "status"}, 400),
        ("nothing", {}, 404),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    ground: Ground, path: str, body: dict[str, Any], status: int
) -> None:
    headers = {"Authorization": f"Bearer {ground.running.admin_token}"}
    answer = ground.http.post(f"{ground.running.url}/admin/{path}", json=body, headers=headers)

    assert (answer.status_code, isinstance(answer.json()["error"], str)) == (status, True)


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(ground: Ground, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {ground.running.admin_token}"}
    answer = ground.http.post(f"{ground.running.url}/admin/people", content=body, headers=headers)

    assert answer.status_code == 400


def test_issue_gives_what_an_sdk_receives(ground: Ground) -> None:
    issued = ground.admin.issue(ADA, APP, "javascript", ["email", "user_likes"], decline=["user_likes"])
    ground.admin._ask("POST", f"people/{ADA}/permissions", {"app_id": APP, "expire": ["email"]})
    later = ground.admin.issue(ADA, APP, "javascript", [], long=True)

    assert (issued["granted_scopes"], issued["declined_scopes"]) == (
        ["email", "public_profile"],
        ["user_likes"],
    )
    assert issued["issued_at"] == NOW // 1_000_000
    assert issued["expires_at"] == issued["issued_at"] + issued["expires_in"]
    assert (issued["user_id"], issued["app_id"], issued["graph_domain"]) == (ADA, APP, "facebook")
    assert (later["expired_scopes"], later["expires_in"]) == (["email"], 5_184_000)


def part_of(issued: dict[str, Any], number: int) -> Any:
    """Header (0) or claims (1) of the ID token in what was issued."""
    part = issued["id_token"].split(".")[number]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_login_with_a_nonce_is_a_limited_one_as_well(ground: Ground) -> None:
    """The SDK's ID token and the nonce come with what is issued; a nonce has to be a text."""
    issued = ground.admin.issue(ADA, APP, "ios", ["email"], nonce="n0nce")
    claims = part_of(issued, 1)

    assert (claims["nonce"], claims["sub"], claims["aud"], issued["nonce"]) == ("n0nce", ADA, APP, "n0nce")
    with pytest.raises(AdminRefused):
        ground.admin.issue(ADA, APP, "ios", nonce="")


def test_a_rotated_key_is_published_alone(ground: Ground) -> None:
    """The new key takes the old one's place, and what is signed afterwards names it."""
    before = ground.get(".well-known/oauth/openid/jwks/").json()["keys"]
    kid = ground.admin.rotate_key(step="once")
    after = ground.get(".well-known/oauth/openid/jwks/").json()["keys"]
    header = part_of(ground.admin.issue(ADA, APP, "ios", nonce="n"), 0)

    assert [key["kid"] for key in after] == [kid] == [header["kid"]]
    assert [key["kid"] for key in before] != [kid] == [ground.admin.rotate_key(step="once")]


def test_a_never_ending_login_says_null_and_zero(ground: Ground) -> None:
    ground.admin.change_app(APP, marketing_access="standard")
    issued = ground.admin.issue(ADA, APP, "ios")

    assert (issued["expires_in"], issued["expires_at"]) == (None, 0)


def test_an_app_is_created_and_given_other_redirect_uris(ground: Ground) -> None:
    ground.admin.app(app_id="222", app_secret="x", client_token="y", redirect_uris=[CALLBACK])
    url = ground.dialog(client_id="222")
    assert "code" in answer_of(ground.admin.approve(ADA, url))

    ground.admin.change_app("222", redirect_uris=[])
    with pytest.raises(AdminRefused):
        ground.admin.approve(ADA, url)
    with pytest.raises(AdminRefused):
        ground.admin.change_app("333", name="x")


def test_a_client_does_not_show_its_token(ground: Ground) -> None:
    assert ground.running.admin_token not in repr(ground.admin)
    assert repr(AdminClient("u", "t")) == "AdminClient(url='u')"
