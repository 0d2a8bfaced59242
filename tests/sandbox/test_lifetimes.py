"""How long tokens live, and what ends them early (SEED; facebook.md §7)."""

import pytest

from tests.sandbox.ground import ADA, APP, BOB, DAY, ENGINES, LOOMS, NOW, SECRET, Ground, fault_of, proof_of

SECONDS = NOW // 1_000_000


def test_a_short_token_ends_with_463_and_cannot_be_extended_then(ground: Ground) -> None:
    token = ground.user_token()
    ground.admin.advance(5399)
    assert ground.get("me", access_token=token).status_code == 200

    ground.admin.advance(1)
    answer = ground.get("me", access_token=token)
    assert fault_of(answer) == (190, 463)
    assert "Session has expired on Friday, 15-Jan-27 01:30:00 PST." in answer.json()["error"]["message"]
    assert fault_of(ground.extended(token)) == (190, 463)


def test_the_clock_stands_still_and_can_go_back(ground: Ground) -> None:
    token = ground.user_token()
    ground.admin.set_clock(NOW + 10**12)
    assert ground.refused(token) == (190, 463)

    assert ground.admin.set_clock(NOW) == NOW
    assert ground.get("me", access_token=token).status_code == 200
    assert ground.admin.now() == NOW


def test_sixty_days_are_counted_from_the_exchange(ground: Ground) -> None:
    short = ground.user_token()
    ground.admin.advance(1000)
    long = ground.extended(short).json()

    assert ground.debug(long["access_token"])["expires_at"] == SECONDS + 1000 + 5_184_000
    assert ground.debug(long["access_token"])["issued_at"] == SECONDS + 1000
    assert "issued_at" not in ground.debug(short)


def test_marketing_standard_access_takes_the_end_off_long_tokens(ground: Ground) -> None:
    ground.admin.change_app(APP, marketing_access="standard")
    body = ground.extended(ground.user_token()).json()
    ground.admin.advance(1000 * DAY)

    assert set(body) == {"access_token", "token_type"}
    assert ground.debug(body["access_token"])["expires_at"] == 0
    assert ground.debug(body["access_token"])["is_valid"] is True


def test_app_tokens_have_no_expiry_and_end_with_the_secret(ground: Ground) -> None:
    asked = {"client_id": APP, "client_secret": SECRET, "grant_type": "client_credentials"}
    body = ground.get("oauth/access_token", **asked).json()
    app_token = body["access_token"]

    assert set(body) == {"access_token", "token_type"}
    assert (app_token.partition("|")[0], len(app_token.partition("|")[2])) == (APP, 27)
    assert ground.get("oauth/access_token", **asked).json()["access_token"] == app_token
    assert ground.get(APP, access_token=app_token).json()["id"] == APP

    ground.admin.change_app(APP, app_secret="new")
    assert ground.refused(app_token, APP) == (190, None)
    assert ground.refused(f"{APP}|{SECRET}", APP) == (190, None)
    assert ground.get(APP, access_token=f"{APP}|new").status_code == 200


def test_a_secret_reset_spares_user_tokens_and_spoils_old_proofs(ground: Ground) -> None:
    token = ground.user_token()
    ground.admin.change_app(APP, app_secret="new")

    assert ground.get("me", access_token=token, appsecret_proof=proof_of(token, "new")).status_code == 200
    assert fault_of(ground.get("me", access_token=token, appsecret_proof=proof_of(token))) == (100, None)


@pytest.mark.parametrize("kind", ["native", "desktop"])
def test_the_app_token_of_a_native_app_counts_as_none(ground: Ground, kind: str) -> None:
    issued = ground.get(
        "oauth/access_token", client_id=APP, client_secret=SECRET, grant_type="client_credentials"
    ).json()["access_token"]
    ground.admin.change_app(APP, type=kind)

    for token in (issued, f"{APP}|{SECRET}"):
        assert ground.refused(token, APP) == (104, None)
        assert fault_of(ground.get("debug_token", input_token=token, access_token=token)) == (104, None)


def test_a_page_token_from_a_short_token_ends_with_it(ground: Ground) -> None:
    token = ground.page_token(ground.user_token())
    assert ground.debug(token)["expires_at"] == SECONDS + 5400

    ground.admin.advance(5400)
    assert ground.refused(token) == (190, 463)


def test_a_page_token_from_a_long_token_outlives_it(ground: Ground) -> None:
    long = ground.long_token()
    token = ground.page_token(long)
    ground.admin.advance(61 * DAY)

    assert ground.refused(long) == (190, 463)
    assert ground.debug(token)["expires_at"] == 0
    assert ground.get("me", access_token=token).json()["id"] == ENGINES


def test_page_admin_and_app_have_one_token_while_it_lives(ground: Ground) -> None:
    short = ground.user_token()
    token = ground.page_token(short)

    assert ground.page_token(short) == token
    assert ground.page_token(ground.extended(short).json()["access_token"]) == token
    assert ground.debug(token)["expires_at"] == 0
    assert ground.page_token(ground.user_token(BOB)) != token
    assert ground.page_token(short, LOOMS) != token


def test_a_new_password_ends_a_person_s_tokens_and_those_of_their_pages(ground: Ground) -> None:
    long, others = ground.long_token(), ground.user_token(BOB)
    page, issued = ground.page_token(long), ground.admin.issue(ADA, APP, "android")["access_token"]
    ground.admin.password(ADA)

    assert [ground.refused(token) for token in (long, page, issued)] == [(190, 460)] * 3
    assert ground.get("me", access_token=others).status_code == 200
    assert fault_of(ground.extended(long)) == (190, 460)


def test_removing_the_app_ends_what_it_had(ground: Ground) -> None:
    long = ground.long_token()
    page = ground.page_token(long)
    ground.admin.remove_app(ADA, APP)

    assert [ground.refused(token) for token in (long, page)] == [(190, 458)] * 2


def test_a_checkpoint_suspends_and_gives_back(ground: Ground) -> None:
    long = ground.long_token()
    page = ground.page_token(long)
    ground.admin.checkpoint(ADA, on=True)
    assert [ground.refused(token) for token in (long, page)] == [(190, 459)] * 2

    ground.admin.checkpoint(ADA, on=False)
    assert ground.get("me", access_token=long).status_code == 200


def test_logging_out_ends_web_sessions_and_spares_long_tokens(ground: Ground) -> None:
    short, long = ground.user_token(), ground.long_token()
    ground.admin.logout(ADA)
    assert ground.refused(short) == (190, 467)
    assert ground.get("me", access_token=long).status_code == 200

    ground.admin.logout(ADA, everywhere=True)
    assert ground.refused(long) == (190, 467)


def test_a_role_lost_ends_that_page_s_token_alone(ground: Ground) -> None:
    long = ground.long_token()
    engines, looms = ground.page_token(long), ground.page_token(long, LOOMS)
    bobs = ground.page_token(ground.long_token(BOB))
    ground.admin.role(ENGINES, ADA, [])

    assert ground.refused(engines) == (190, 492)
    assert [ground.get("me", access_token=each).status_code for each in (looms, long, bobs)] == [200] * 3
    assert [row["id"] for row in ground.get("me/accounts", access_token=long).json()["data"]] == [LOOMS]


def test_after_a_role_comes_back_the_page_token_is_another(ground: Ground) -> None:
    long = ground.long_token()
    before = ground.page_token(long)
    ground.admin.role(ENGINES, ADA, [])
    ground.admin.role(ENGINES, ADA, ["BASIC_ADMIN"])

    assert ground.page_token(long) != before


def test_a_lowered_role_narrows_the_living_token(ground: Ground) -> None:
    token = ground.page_token(ground.long_token())
    assert ground.post(f"{ENGINES}/feed", access_token=token, message="hi").status_code == 200

    ground.admin.role(ENGINES, ADA, ["BASIC_ADMIN"])
    assert fault_of(ground.post(f"{ENGINES}/feed", access_token=token, message="hi")) == (200, None)
    assert ground.get(f"{ENGINES}/insights", access_token=token).status_code == 200


def test_a_permission_taken_back_leaves_the_token_with_less(ground: Ground) -> None:
    long = ground.long_token()
    ground.admin.revoke_permissions(ADA, APP, ["manage_pages"])

    assert ground.debug(long)["scopes"] == ["email", "public_profile"]
    rows = ground.get("me/accounts", access_token=long).json()["data"]
    assert rows
    assert not any("access_token" in row for row in rows)


def test_data_access_ends_after_ninety_days_and_the_token_lives_on(ground: Ground) -> None:
    ground.admin.change_app(APP, marketing_access="standard")
    long = ground.long_token()
    ground.admin.advance(90 * DAY)

    assert ground.get("me", access_token=long, fields="id,name,email").json() == {"id": ADA}


def test_a_dead_token_is_explained_inside_data(ground: Ground) -> None:
    long = ground.long_token()
    ground.admin.password(ADA)
    data = ground.debug(long)

    assert (data["is_valid"], data["scopes"]) == (False, [])
    assert (data["error"]["code"], data["error"]["subcode"]) == (190, 460)


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_a_phone_gets_a_long_token_and_extends_it_without_a_secret(ground: Ground, platform: str) -> None:
    issued = ground.admin.issue(ADA, APP, platform, ["email"])
    ground.admin.advance(10 * DAY)
    asked = {"grant_type": "fb_extend_sso_token", "client_id": APP, "access_token": issued["access_token"]}
    body = ground.get("v16.0/oauth/access_token", **asked, fields="").json()

    assert (issued["expires_in"], issued["expires_at"]) == (5_184_000, SECONDS + 5_184_000)
    assert body["expires_at"] == SECONDS + 10 * DAY + 5_184_000
    assert body["data_access_expiration_time"] == SECONDS + 10 * DAY + 90 * DAY
    assert body["access_token"] != issued["access_token"]
    assert body["graph_domain"] == "facebook"


def test_a_browser_s_token_is_short_and_not_extended_without_the_secret(ground: Ground) -> None:
    issued = ground.admin.issue(ADA, APP, "javascript")
    asked = {"grant_type": "fb_extend_sso_token", "client_id": APP, "access_token": issued["access_token"]}

    assert issued["expires_in"] == 5400
    assert fault_of(ground.get("oauth/access_token", **asked)) == (100, None)


def test_a_foreign_app_cannot_extend_a_token(ground: Ground) -> None:
    ground.admin.app(app_id="222", app_secret="other", client_token="c", redirect_uris=[])
    asked = {"client_id": "222", "client_secret": "other"}

    assert fault_of(ground.extended(ground.user_token(), **asked)) == (190, None)
