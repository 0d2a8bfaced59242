"""The mistakes that some client notices (facts of 24 real clients): the sandbox makes none of them."""

import json

import pytest

from tests.sandbox.ground import ADA, APP, BOB, CALLBACK, SECRET, Ground, answer_of, fault_of, proof_of


def test_a_code_works_once(ground: Ground) -> None:
    code = ground.code()

    assert ground.exchange(code).status_code == 200
    assert fault_of(ground.exchange(code)) == (100, 36009)


def test_a_wrong_proof_is_refused_wherever_it_comes(ground: Ground) -> None:
    token = ground.user_token()

    assert ground.get("me", access_token=token, appsecret_proof=proof_of(token)).status_code == 200
    wrong = ground.get("me", access_token=token, appsecret_proof=proof_of(token, "other"))
    assert fault_of(wrong) == (100, None)
    assert wrong.json()["error"]["type"] == "GraphMethodException"


def test_a_revoked_token_is_over(ground: Ground) -> None:
    token = ground.user_token()
    asked = {"client_id": APP, "client_secret": SECRET, "revoke_token": token}

    assert ground.get("oauth/revoke", **asked).json() == {"success": True}
    assert ground.refused(token) == (190, 466)


def test_the_code_of_a_cookie_wants_the_empty_redirect_uri(ground: Ground) -> None:
    location = ground.admin.approve(ADA, ground.dialog(response_type="token,signed_request"))
    code = _payload(answer_of(location)["signed_request"])["code"]

    assert fault_of(ground.exchange(code)) == (100, 36008)
    assert ground.exchange(code, redirect_uri="").status_code == 200


@pytest.mark.parametrize(
    ("path", "version"), [("v2.3/me", "v2.3"), ("v26.0/me/", "v26.0"), ("me", "v25.0"), ("me/", "v25.0")]
)
def test_every_answer_names_the_version(ground: Ground, path: str, version: str) -> None:
    answer = ground.get(path, access_token=ground.user_token())

    assert answer.status_code == 200
    assert answer.headers["facebook-api-version"] == version


def test_a_user_token_comes_with_expires_in_and_token_type(ground: Ground) -> None:
    body = ground.exchange(ground.code()).json()

    assert (body["expires_in"], body["token_type"]) == (5400, "bearer")


def test_ids_are_texts(ground: Ground) -> None:
    data = ground.debug(ground.user_token())

    assert (data["app_id"], data["user_id"]) == (APP, ADA)


def test_json_says_it_is_json(ground: Ground) -> None:
    fine, refused = ground.exchange(ground.code()), ground.get("me", access_token="nonsense")

    assert {answer.headers["content-type"] for answer in (fine, refused)} == {
        "application/json; charset=UTF-8"
    }


@pytest.mark.parametrize("state", ["plain", "a b/%25&=+ü", '{"challenge":"x"}', "%FF\x7f"])
def test_state_comes_back_as_it_went(ground: Ground, state: str) -> None:
    assert answer_of(ground.admin.approve(ADA, ground.dialog(state=state)))["state"] == state
    assert answer_of(ground.admin.approve(ADA, ground.dialog(state=state), deny=True))["state"] == state


def test_state_outside_utf_8_comes_back_byte_for_byte(ground: Ground) -> None:
    url = f"{ground.dialog()}&state=%FF%00%C3"
    answer = ground.http.post(url, data={"person": ADA, "decision": "approve"})

    assert answer.headers["location"].endswith("&state=%FF%00%C3")


def test_the_exchange_gives_a_long_token_and_spares_the_short_one(ground: Ground) -> None:
    short = ground.user_token()
    body = ground.extended(short).json()

    assert body["expires_in"] == 5_184_000
    assert body["access_token"] != short
    assert ground.get("me", access_token=short).status_code == 200


@pytest.mark.parametrize("version", ["", "v19.0/"])
def test_the_client_may_prove_itself_by_basic(ground: Ground, version: str) -> None:
    form = {"grant_type": "authorization_code", "code": ground.code(), "redirect_uri": CALLBACK}
    url = f"{ground.running.url}/{version}oauth/access_token"

    assert ground.http.post(url, data=form, auth=(APP, SECRET)).status_code == 200


@pytest.mark.parametrize("scheme", ["OAuth", "Bearer", "bearer"])
def test_a_token_may_ride_in_the_header(ground: Ground, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {ground.user_token()}"}

    assert ground.http.get(f"{ground.running.url}/v25.0/me", headers=headers).json()["id"] == ADA


def test_a_token_may_ride_in_a_form_or_a_json_body(ground: Ground) -> None:
    short, url = ground.user_token(), f"{ground.running.url}/debug_token"
    body = {"access_token": f"{APP}|{SECRET}", "input_token": short}

    assert ground.http.post(url, json=body).json()["data"]["is_valid"] is True
    assert ground.http.post(url, data=body).json()["data"]["is_valid"] is True
    assert ground.http.post(url, files={name: (None, text) for name, text in body.items()}).json()["data"][
        "is_valid"
    ]


def test_method_overrides_the_verb(ground: Ground) -> None:
    token = ground.user_token()

    assert ground.post("me/permissions", access_token=token, method="delete").json() == {"success": True}
    assert ground.refused(token) == (190, 458)


def test_a_batch_answers_each_item_with_its_own_status(ground: Ground) -> None:
    token, other = ground.user_token(), ground.user_token(BOB)
    items = [
        {"method": "GET", "relative_url": "v25.0/me?fields=id"},
        {"method": "GET", "relative_url": f"me?fields=id&access_token={other}"},
        {"method": "GET", "relative_url": "me?access_token=nonsense"},
        {
            "method": "DELETE",
            "relative_url": "me/permissions/email",
            "name": "x",
            "omit_response_on_success": True,
        },
    ]
    answers = ground.post(
        "v25.0/", access_token=token, batch=json.dumps(items), include_headers="false"
    ).json()

    assert [each and each["code"] for each in answers] == [200, 200, 400, None]
    assert [json.loads(each["body"]).get("id") for each in answers[:3]] == [ADA, BOB, None]
    assert "headers" not in answers[0]
    assert [row["error"] for row in ground.admin.ledger()["requests"][-4:]] == [None, None, "190", None]


def test_a_batch_does_not_hold_a_batch(ground: Ground) -> None:
    items = [{"method": "POST", "relative_url": "/", "body": "batch=[]"}]

    assert ground.post("", access_token=ground.user_token(), batch=json.dumps(items)).json()[0]["code"] == 400


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("oauth/access_token", {"client_id": "9", "client_secret": "x", "code": "y"}, 101),
        ("oauth/access_token", {"client_id": APP, "client_secret": "wrong", "code": "y"}, 1),
        ("oauth/access_token", {"client_id": APP, "client_secret": SECRET, "code": "y"}, 100),
        ("oauth/access_token", {"client_id": APP, "client_secret": SECRET}, 1),
        ("oauth/access_token", {}, 1),
        ("debug_token", {"input_token": "x"}, 104),
        ("dialog/oauth", {"client_id": APP, "redirect_uri": "https://elsewhere.example/"}, 191),
        ("dialog/oauth", {"client_id": "9", "redirect_uri": CALLBACK}, 101),
        ("me", {}, 2500),
        (ADA, {}, 104),
        ("me", {"access_token": "nonsense"}, 190),
        ("no/such/path", {"access_token": f"{APP}|{SECRET}"}, 2500),
        ("somebody", {"access_token": f"{APP}|{SECRET}"}, 803),
    ],
)
def test_a_refusal_is_in_graph_s_shape(ground: Ground, path: str, params: dict[str, str], code: int) -> None:
    answer = ground.get(path, **params)

    assert fault_of(answer)[0] == code
    assert set(answer.json()) == {"error"}
    assert {"message", "type", "code", "fbtrace_id"} <= set(answer.json()["error"])


def _payload(signed_request: str) -> dict[str, str]:
    import base64

    text = signed_request.partition(".")[2]
    payload: dict[str, str] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return payload
