"""The other Graph endpoints: who may see and do what."""

import base64
import json

import pytest

from tests.sandbox.ground import (
    ADA,
    APP,
    BOB,
    CALLBACK,
    CLIENT_TOKEN,
    ENGINES,
    LOOMS,
    SECRET,
    Ground,
    fault_of,
    proof_of,
)
from tokenflow.sandbox import AdminRefused

APP_TOKEN = f"{APP}|{SECRET}"


def test_a_token_may_inspect_itself_and_an_app_any_of_its_own(ground: Ground) -> None:
    token, other = ground.user_token(), ground.user_token(BOB)

    assert ground.get("debug_token", input_token=token, access_token=token).json()["data"]["is_valid"] is True
    assert fault_of(ground.get("debug_token", input_token=token, access_token=other)) == (100, None)
    ground.admin.change_app(APP, developers=[BOB])
    assert ground.get("debug_token", input_token=token, access_token=other).status_code == 200


def test_an_app_publishes_for_who_allowed_it(ground: Ground) -> None:
    """By its own token or by the person's; not for whoever did not allow it, nor by another's token."""
    path, other = f"{ADA}/looms:weave", f"{BOB}/looms:weave"
    before = ground.post(path, access_token=APP_TOKEN)
    token = ground.user_token(ADA, scope="publish_actions")
    assert fault_of(before) == (200, None)
    assert ground.post(path, access_token=APP_TOKEN).json()["id"].startswith(f"{ADA}_")
    assert ground.post(path, access_token=token).json()["id"].startswith(f"{ADA}_")
    assert fault_of(ground.post(other, access_token=token)) == (200, None)
    assert fault_of(ground.post("999/looms:weave", access_token=APP_TOKEN))[0] in (100, 803)


def test_a_foreign_token_is_no_token_of_this_app(ground: Ground) -> None:
    ground.admin.app(app_id="222", app_secret="other", client_token="c")
    answer = ground.get("debug_token", input_token=ground.user_token(), access_token="222|other")

    assert answer.json()["data"]["is_valid"] is False
    assert answer.json()["data"]["error"]["code"] == 100


def test_debug_token_names_the_kind(ground: Ground) -> None:
    long = ground.long_token()
    page = ground.debug(ground.page_token(long))

    assert ground.debug(long)["type"] == "USER"
    assert (page["type"], page["profile_id"], page["user_id"]) == ("PAGE", ENGINES, ADA)
    assert ground.debug(APP_TOKEN) == {
        "app_id": APP,
        "type": "APP",
        "application": "Sandbox app",
        "is_valid": True,
        "scopes": [],
    }
    assert ground.debug("nonsense")["error"]["code"] == 190


def test_me_of_a_page_token_is_the_page(ground: Ground) -> None:
    token = ground.page_token(ground.long_token())

    assert ground.get("me", access_token=token, fields="id,name,category").json() == {
        "name": "Engines",
        "category": "Product/service",
        "id": ENGINES,
    }
    assert fault_of(ground.get("me/accounts", access_token=token)) == (100, None)


def test_an_app_token_sees_less_of_a_person_without_an_error(ground: Ground) -> None:
    token = ground.user_token()
    asked = {"fields": "id,name,email,first_name"}

    assert "email" in ground.get(ADA, access_token=token, **asked).json()
    assert ground.get(ADA, access_token=APP_TOKEN, **asked).json() == {"id": ADA, "name": "Ada Lovelace"}
    assert ground.refused(APP_TOKEN) == (2500, None)


def test_fields_hold_arguments_and_subfields_and_may_be_empty(ground: Ground) -> None:
    token = ground.user_token()
    answer = ground.get(
        "me", access_token=token, fields="picture.width(200){url,height},nonsense,email"
    ).json()

    assert set(answer) == {"id", "picture", "email"}
    assert set(ground.get("me", access_token=token, fields="").json()) == {"id", "name"}


def test_a_proof_may_be_required_of_every_call(ground: Ground) -> None:
    token = ground.user_token()
    ground.admin.change_app(APP, require_appsecret_proof=True)

    assert ground.refused(token) == (100, None)
    assert ground.get("me", access_token=token, appsecret_proof=proof_of(token)).status_code == 200


def test_a_stray_token_or_proof_does_not_disturb_a_grant(ground: Ground) -> None:
    stray = {"access_token": "nonsense", "appsecret_proof": "wrong", "fields": "", "format": "json"}

    assert ground.exchange(ground.code(), **stray).status_code == 200


def test_accounts_speak_perms_and_tasks(ground: Ground) -> None:
    row = ground.get("me/accounts", access_token=ground.long_token()).json()["data"][0]

    assert row["perms"] == ["ADMINISTER", "CREATE_CONTENT", "BASIC_ADMIN"]
    assert row["tasks"] == ["MANAGE", "CREATE_CONTENT", "ANALYZE"]
    assert "expires_in" not in row


def test_accounts_are_paged_by_cursor(ground: Ground) -> None:
    token = ground.long_token()
    first = ground.get("v25.0/me/accounts", access_token=token, limit=1, summary="true").json()
    second = ground.http.get(first["paging"]["next"]).json()

    assert first["summary"] == {"total_count": 2}
    assert first["paging"]["cursors"]["after"] == base64.b64encode(ENGINES.encode()).decode()
    assert [row["id"] for row in first["data"] + second["data"]] == [ENGINES, LOOMS]
    assert "next" not in second["paging"]
    back = ground.get("me/accounts", access_token=token, before=second["paging"]["cursors"]["before"])
    assert [row["id"] for row in back.json()["data"]] == [ENGINES]
    assert fault_of(ground.get("me/accounts", access_token=token, after="!")) == (100, None)


def test_a_page_gives_its_token_to_who_administers_it(ground: Ground) -> None:
    long, bob = ground.long_token(), ground.long_token(BOB)
    asked = {"fields": "access_token,tasks"}

    assert ground.get(ENGINES, access_token=long, **asked).json()["access_token"] == ground.page_token(long)
    assert ground.get(LOOMS, access_token=bob, **asked).json() == {"id": LOOMS}
    unlisted = ground.long_token(BOB, "email")
    ground.admin.revoke_permissions(BOB, APP, ["manage_pages"])
    assert "access_token" not in ground.get(ENGINES, access_token=unlisted, **asked).json()


def test_only_a_page_token_posts_as_the_page(ground: Ground) -> None:
    long = ground.long_token()
    token = ground.page_token(long)

    assert (
        ground.post(f"{ENGINES}/feed", access_token=token, message="a").json()["id"].startswith(f"{ENGINES}_")
    )
    assert ground.get("me/feed", access_token=token).json()["data"] == [{"message": "a"}]
    assert fault_of(ground.post(f"{ENGINES}/feed", access_token=long, message="a")) == (200, None)
    assert fault_of(ground.post(f"{LOOMS}/feed", access_token=token, message="a")) == (200, None)
    looms = ground.page_token(long, LOOMS)
    assert fault_of(ground.post(f"{LOOMS}/feed", access_token=looms, message="a")) == (200, None)


def test_permissions_are_listed_and_taken_back_one_by_one_or_whole(ground: Ground) -> None:
    token = ground.user_token()
    assert ground.delete("me/permissions/email", access_token=token).json() == {"success": True}
    assert ground.delete("me/permissions", access_token=token, permission="manage_pages").status_code == 200
    rows = ground.get("me/permissions", access_token=token).json()["data"]

    assert {row["permission"]: row["status"] for row in rows} == {
        "email": "declined",
        "manage_pages": "declined",
        "public_profile": "granted",
    }
    assert ground.delete(f"{ADA}/permissions", access_token=token).json() == {"success": True}
    assert ground.refused(token) == (190, 458)


def test_an_app_token_reads_and_modifies_the_app(ground: Ground) -> None:
    assert ground.post(APP, access_token=APP_TOKEN, website_url="http://x.example").json() == {
        "success": True
    }
    assert ground.get(APP, access_token=APP_TOKEN).json()["website_url"] == "http://x.example"
    assert ground.get(f"{APP}/app_insights", access_token=APP_TOKEN).status_code == 200
    token = ground.user_token()
    assert "website_url" not in ground.get(APP, access_token=token).json()
    assert fault_of(ground.post(APP, access_token=token, name="mine")) == (200, None)


@pytest.mark.parametrize("path", [f"{APP}/accounts/test-users", f"{APP}/accounts"])
def test_test_users_are_made_listed_and_deleted(ground: Ground, path: str) -> None:
    asked = {"access_token": APP_TOKEN, "type": "test-users"}
    made = ground.post(path, **asked, installed="true", permissions='["email"]').json()
    bare = ground.post(path, **asked, installed="false").json()

    assert (
        ground.get("me", access_token=made["access_token"], fields="email").json()["email"] == made["email"]
    )
    assert "access_token" not in bare
    assert [row["id"] for row in ground.get(path, **asked).json()["data"]] == [made["id"], bare["id"]]
    assert ground.post(f"{made['id']}/friends/{bare['id']}", access_token=APP_TOKEN).status_code == 200
    assert ground.delete(made["id"], access_token=APP_TOKEN).json() == {"success": True}
    assert ground.refused(made["access_token"]) == (190, 465)
    assert fault_of(ground.delete(ADA, access_token=APP_TOKEN)) == (100, 33)


def test_a_device_waits_for_the_person(ground: Ground) -> None:
    client = f"{APP}|{CLIENT_TOKEN}"
    device = ground.post("v2.6/device/login", access_token=client, scope="email").json()
    asked = {"access_token": client, "code": device["code"]}

    assert fault_of(ground.post("device/login_status", **asked)) == (31, 1349174)
    assert fault_of(ground.post("device/login_status", **asked)) == (17, 1349172)
    sent = {"person": ADA, "user_code": device["user_code"].lower(), "decision": "approve"}
    assert ground.http.post(device["verification_uri"], data=sent).status_code == 200
    body = ground.post("device/login_status", **asked).json()
    assert set(body) == {"access_token", "expires_in", "data_access_expiration_time"}
    assert ground.get("me", access_token=body["access_token"]).json()["id"] == ADA


def test_what_the_person_holds_back_the_device_does_not_get(ground: Ground) -> None:
    """The scope comes by comma; the person's own screen is where it is granted or not."""
    client = f"{APP}|{CLIENT_TOKEN}"
    device = ground.post("device/login", access_token=client, scope="email,user_likes").json()
    page = f"{device['verification_uri']}?user_code={device['user_code']}"
    ground.admin.approve(ADA, page, decline=["user_likes"])
    body = ground.post("device/login_status", access_token=client, code=device["code"]).json()
    assert "user_likes" not in ground.debug(body["access_token"])["scopes"]
    assert "email" in ground.debug(body["access_token"])["scopes"]


def test_a_device_hears_a_no_and_the_end(ground: Ground) -> None:
    client = f"{APP}|{CLIENT_TOKEN}"
    first = ground.post("device/login", access_token=client).json()
    ground.admin.approve(ADA, f"{first['verification_uri']}?user_code={first['user_code']}", deny=True)
    second = ground.post("device/login", access_token=client).json()

    assert fault_of(ground.post("device/login_status", access_token=client, code=first["code"])) == (
        31,
        1349173,
    )
    ground.admin.advance(420)
    assert (
        fault_of(ground.post("device/login_status", access_token=client, code=second["code"]))[1] == 1349152
    )


def test_a_client_token_does_not_act_for_the_app(ground: Ground) -> None:
    client = f"{APP}|{CLIENT_TOKEN}"

    assert fault_of(ground.post(APP, access_token=client, name="x")) == (200, None)
    assert ground.refused(client) == (2500, None)


def test_a_system_user_s_token_has_no_end_and_wants_a_proof(ground: Ground) -> None:
    ground.admin.system_user("610", "bot", "8", APP)
    admin = ground.long_token()
    asked = {"business_app": APP, "scope": '["ads_read"]', "access_token": admin}
    assert fault_of(ground.post("v26.0/610/access_tokens", **asked)) == (100, None)

    proven = {**asked, "appsecret_proof": proof_of(admin)}
    token = ground.post("v26.0/610/access_tokens", **proven).json()["access_token"]
    data = ground.debug(token)
    assert (data["type"], data["expires_at"], data["data_access_expires_at"]) == ("SYSTEM_USER", 0, 0)
    sixty = ground.post("610/access_tokens", **proven, set_token_expires_in_60_days="true").json()[
        "access_token"
    ]
    assert ground.debug(sixty)["expires_at"] - ground.admin.now() // 1_000_000 == 5_184_000

    ground.admin.password(ADA)
    assert ground.get("me", access_token=token).json() == {"id": "610", "name": "bot"}
    again = ground.delete("610/access_tokens", access_token=token)
    assert again.json() == {"success": True}
    assert ground.refused(token) == (190, 466)


def test_a_business_makes_its_own_system_users(ground: Ground) -> None:
    admin = ground.long_token()
    made = ground.post("8/system_users", access_token=admin, name="bot", role="EMPLOYEE").json()["id"]
    proven = {"access_token": admin, "appsecret_proof": proof_of(admin), "system_user_id": made}

    early = ground.post("8/system_user_access_tokens", **proven, scope="ads_read")
    assert fault_of(early) == (100, None), "installed first"
    assert ground.post(f"{made}/applications", access_token=admin, business_app=APP).status_code == 200
    token = ground.post("8/system_user_access_tokens", **proven, scope="ads_read").json()["access_token"]
    extended = ground.extended(token, set_token_expires_in_60_days="true").json()
    assert extended["expires_in"] == 5_184_000
    assert ground.get("me", access_token=token).status_code == 200


def test_a_business_that_removes_its_system_user_ends_its_tokens(ground: Ground) -> None:
    """190 without a subcode, and nobody is there any more to make another for."""
    ground.admin.system_user("610", "bot", "8", APP)
    admin = ground.long_token()
    proven = {"access_token": admin, "appsecret_proof": proof_of(admin), "business_app": APP}
    token = ground.post("610/access_tokens", **proven).json()["access_token"]

    assert ground.admin.remove_system_user("610")["ended"] == 1
    assert ground.refused(token) == (190, None)
    assert ground.post("610/access_tokens", **proven).status_code == 400
    with pytest.raises(AdminRefused):
        ground.admin.remove_system_user("610")


def test_a_server_s_login_is_passed_on_by_a_client_code(ground: Ground) -> None:
    long = ground.long_token()
    asked = {"client_id": APP, "client_secret": SECRET, "redirect_uri": CALLBACK}
    code = ground.get("oauth/client_code", access_token=long, **asked).json()["code"]
    redeemed = ground.get("oauth/access_token", client_id=APP, redirect_uri=CALLBACK, code=code).json()

    assert {"access_token", "expires_in", "machine_id"} <= set(redeemed)
    assert ground.get("me", access_token=redeemed["access_token"]).json()["id"] == ADA
    assert ground.get("me", access_token=long).status_code == 200
    short = ground.user_token()
    assert fault_of(ground.get("oauth/client_code", access_token=short, **asked)) == (100, None)


def test_a_phone_refreshes_in_a_batch(ground: Ground) -> None:
    token = ground.admin.issue(ADA, APP, "android", ["email"])["access_token"]
    extend = f"v16.0/oauth/access_token?grant_type=fb_extend_sso_token&client_id={APP}&fields="
    items = [
        {"method": "GET", "relative_url": "v16.0/me/permissions?fields=permission,status"},
        {"method": "GET", "relative_url": extend},
    ]
    permissions, extended = ground.post("v16.0", access_token=token, batch=json.dumps(items)).json()
    rows = ground.admin.ledger()["requests"]

    assert json.loads(permissions["body"])["data"]
    assert json.loads(extended["body"])["access_token"] != token
    assert [row["grant_type"] for row in rows[-3:]] == [None, None, "fb_extend_sso_token"]
