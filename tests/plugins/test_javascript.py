"""JavaScript: the login response and the signed cookie."""

import contextlib
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import (
    DAY,
    NEVER,
    SECOND,
    SILENT,
    At,
    Code,
    ConsentDenied,
    Flow,
    Grant,
    Order,
    PayloadError,
    PersonNeeded,
    Secret,
)
from tokenflow import sign_request as make
from tokenflow.testing.play import answering, play
from tokenflow_javascript import encode_cookie, encode_login, tokenflow_acquirers
from tokenflow_javascript.cookie import cookie
from tokenflow_javascript.login import STATUSES, AuthResponse, LoginResponse, decode, encode
from tokenflow_javascript.sdk import sdk
from tokenflow_javascript.signed_request import parse

from .ground import NOW, SECRETS, code_of, order, vectors

SIGNED = vectors("facebook_signed_request")
APP = Secret("foo_app_secret")
LOGIN: dict[str, Any] = {
    "status": "connected",
    "authResponse": {
        "accessToken": "T0KEN",
        "userID": "1000",
        "expiresIn": 3600,
        "graphDomain": "facebook",
        "grantedScopes": "email,public_profile",
        "data_access_expiration_time": 1_760_000_000,
    },
}

secrets = st.text(string.ascii_letters + string.digits + "|._~-", min_size=1).map(Secret)
scopes = st.frozensets(st.text(string.ascii_lowercase + "_", min_size=1))
auth_responses = st.builds(
    AuthResponse,
    access_token=secrets,
    user_id=st.text(string.digits, min_size=1, max_size=20),
    expires_in=st.none() | st.integers(0, 86_400 * 90),
    signed_request=st.none() | secrets,
    data_access_expiration_time=st.none() | st.integers(0, 1 << 33),
    reauthorize_required_in=st.none() | st.integers(0, 86_400 * 90),
    graph_domain=st.none() | st.sampled_from(["facebook", "gaming", "instagram"]),
    granted_scopes=st.none() | scopes,
)
responses = st.builds(LoginResponse, status=st.just("connected"), auth_response=auth_responses) | st.builds(
    LoginResponse, status=st.sampled_from(STATUSES[1:]), auth_response=st.none()
)


def taken(payload: object, **changes: Any) -> Grant:
    return play(sdk(order(payload=payload, **changes)), answering(now=NOW)).result


def exchange(_: Order, code: Code) -> Flow[Grant]:
    yield from ()
    return Grant(access_token=code.code, attributes={"redirect_uri": code.redirect_uri})


def by_cookie(payload: object, **changes: Any) -> Grant:
    wanted = order(payload=payload, secrets={"app_secret": "env:S"}, exchange=exchange, **changes)
    return play(cookie(wanted), answering(now=NOW, secrets=SECRETS)).result


def fbsr(**fields: Any) -> str:
    return make(
        {"issued_at": NOW // SECOND, "user_id": "1000", "code": "C0DE", **fields}, Secret(SECRETS["env:S"])
    )


def test_a_connected_login_is_a_grant_with_its_user_scope_and_ends() -> None:
    grant = taken(json.dumps(LOGIN))
    assert grant.access_token == Secret("T0KEN")
    assert grant.expires == At(NOW + 3600 * SECOND)
    assert grant.scope == frozenset({"email", "public_profile"})
    assert grant.attributes == {
        "user_id": "1000",
        "graph_domain": "facebook",
        "data_access_expires_at": 1_760_000_000 * SECOND,
    }


def test_data_access_counted_from_now_is_the_same_instant() -> None:
    auth = {"accessToken": "T0KEN", "userID": "1000", "reauthorize_required_in": 60}
    assert (
        taken({"status": "connected", "authResponse": auth}).attributes["data_access_expires_at"]
        == NOW + 60 * SECOND
    )


@pytest.mark.parametrize(
    ("expires_in", "expires"), [(0, NEVER), (None, SILENT), ("60", At(NOW + 60 * SECOND))]
)
def test_expires_in_may_be_zero_for_never_absent_or_a_text(expires_in: object, expires: object) -> None:
    auth = {"accessToken": "T0KEN", "userID": 1000, "expiresIn": expires_in}
    assert taken({"status": "connected", "authResponse": auth}).expires == expires


@pytest.mark.parametrize(
    ("status", "error"),
    [("not_authorized", ConsentDenied), ("unknown", PersonNeeded), ("authorization_expired", PersonNeeded)],
)
def test_the_status_decides_even_where_a_token_lies_beside_it(status: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        taken({**LOGIN, "status": status})


@pytest.mark.parametrize("end", range(len(json.dumps(LOGIN))))
def test_a_login_cut_anywhere_is_truncated(end: int) -> None:
    assert code_of(lambda: taken(json.dumps(LOGIN)[:end]), "T0KEN") == "truncated"


@pytest.mark.parametrize(
    "auth",
    [
        None,
        [],
        {"userID": "1"},
        {"accessToken": "T0KEN"},
        {"accessToken": "", "userID": "1"},
        {"accessToken": 7, "userID": "1"},
        {"accessToken": "T0\nKEN", "userID": "1"},
        {"accessToken": "T0KEN", "userID": True},
        {"accessToken": "T0KEN", "userID": "1", "expiresIn": -1},
        {"accessToken": "T0KEN", "userID": "1", "expiresIn": True},
        {"accessToken": "T0KEN", "userID": "1", "expiresIn": 1_750_003_600},
        {"accessToken": "T0KEN", "userID": "1", "grantedScopes": ["email"]},
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_malformed(auth: object) -> None:
    assert (
        code_of(lambda: taken({"status": "connected", "authResponse": auth}), "T0KEN", "T0\nKEN")
        == "malformed"
    )


def test_a_login_of_another_user_is_refused() -> None:
    assert code_of(lambda: taken(LOGIN, attributes={"user_id": "2000"}), "T0KEN") == "other_user"


@given(responses)
def test_what_is_encoded_is_decoded_again(response: LoginResponse) -> None:
    assert decode(encode(response)) == response
    assert encode(decode(encode(response))) == encode(response)


@given(
    st.binary() | st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_any_payload_is_a_login_or_a_payload_error(payload: bytes | str) -> None:
    assert code_of(lambda: decode(payload)) in {"taken", "malformed", "truncated"}


@given(
    st.dictionaries(
        st.sampled_from(list(LOGIN["authResponse"])), st.none() | st.integers() | st.text() | st.floats()
    )
)
def test_any_auth_response_is_taken_or_a_payload_error(auth: dict[str, object]) -> None:
    def response() -> object:
        return decode({"status": "connected", "authResponse": {**LOGIN["authResponse"], **auth}})

    assert code_of(response) in {"taken", "malformed"}


@pytest.mark.parametrize("vector", SIGNED["vectors"], ids=lambda vector: vector["source"])
def test_every_published_signed_request_verifies_and_reads_the_same(vector: dict[str, Any]) -> None:
    payload, secret = vector["payload"], Secret(vector["app_secret"])
    found = parse(vector["signed_request"], secret, payload["issued_at"] * SECOND)
    hidden = {"code": found.code, "oauth_token": found.oauth_token}
    shown = {name: value.reveal() for name, value in hidden.items() if value is not None}
    assert {**found.fields, **shown} == payload
    assert found.user_id == str(payload["user_id"])
    assert not [value for value in shown.values() if value in repr(found)]


@pytest.mark.proves("D5")
@pytest.mark.parametrize("vector", SIGNED["must_reject"], ids=lambda vector: vector["why"])
def test_every_published_forgery_is_refused(vector: dict[str, Any]) -> None:
    assert code_of(lambda: parse(vector["value"], APP, 321 * SECOND)) in {"forged", "malformed"}


@pytest.mark.parametrize("vector", SIGNED["decode_only"], ids=lambda vector: vector["source"])
def test_a_signed_request_of_an_unknown_secret_is_forged(vector: dict[str, Any]) -> None:
    issued_at = vector["payload"]["issued_at"] * SECOND
    assert (
        code_of(lambda: parse(vector["signed_request"], APP, issued_at), vector["payload"]["code"])
        == "forged"
    )


@pytest.mark.proves("D5")
@pytest.mark.parametrize("vector", SIGNED["vectors"], ids=lambda vector: vector["source"])
def test_no_change_of_any_character_is_accepted(vector: dict[str, Any]) -> None:
    text, secret, now = (
        vector["signed_request"],
        Secret(vector["app_secret"]),
        vector["payload"]["issued_at"] * SECOND,
    )
    for place, sign in enumerate(text):
        for other in {*(chr(ord(sign) ^ 1 << bit) for bit in range(8)), *"AZaz09-_=.\0"} - {sign}:
            changed = text[:place] + other + text[place + 1 :]
            with pytest.raises(PayloadError):
                parse(changed, secret, now)


def test_the_secret_and_the_algorithm_both_have_to_be_right() -> None:
    issued = {"issued_at": 321}
    assert code_of(lambda: parse(make(issued, Secret("other")), APP, 321 * SECOND)) == "forged"
    for algorithm in ("hmac-sha256", "HMAC-SHA1", "none", "", None, ["HMAC-SHA256"]):
        with pytest.raises(PayloadError, match="algorithm"):
            parse(make({**issued, "algorithm": algorithm}, APP), APP, 321 * SECOND)


@pytest.mark.proves("D5")
@pytest.mark.parametrize(
    ("issued_at", "code"),
    [
        (NOW // SECOND, "taken"),
        (NOW // SECOND - 86_400, "taken"),
        (NOW // SECOND - 86_401, "expired"),
        (NOW // SECOND + 300, "taken"),
        (NOW // SECOND + 301, "malformed"),
        (None, "malformed"),
        ("soon", "malformed"),
    ],
)
def test_a_signed_request_lives_a_day_and_is_not_from_the_future(issued_at: object, code: str) -> None:
    assert code_of(lambda: parse(make({"issued_at": issued_at}, APP), APP, NOW, DAY)) == code


@pytest.mark.proves("D5")
def test_a_signed_request_too_large_is_not_looked_at() -> None:
    assert code_of(lambda: parse("A" * 16_384 + ".A", APP, NOW)) == "malformed"


@given(st.text() | st.text(string.ascii_letters + "-_=."))
def test_any_text_is_no_signed_request(text: str) -> None:
    assert code_of(lambda: parse(text, APP, NOW)) in {"forged", "malformed"}


@given(
    st.dictionaries(st.text(string.ascii_lowercase, min_size=1), st.integers() | st.text() | st.booleans())
)
def test_what_is_signed_is_read_again(extra: dict[str, object]) -> None:
    fields = {**extra, "issued_at": NOW // SECOND, "user_id": "1", "code": "C0DE"}
    found = parse(make({**fields, "algorithm": "HMAC-SHA256"}, APP), APP, NOW)
    hidden = {name: extra[name] for name in ("oauth_token",) if name in extra}
    assert {**found.fields, **hidden, "code": "C0DE"} == {**fields, "algorithm": "HMAC-SHA256"}


@pytest.mark.parametrize("shape", ["fbm_1234=x; fbsr_1234={}; a=b", "Cookie: fbsr_1234={}", 'fbsr_1234="{}"'])
def test_the_cookie_s_code_is_exchanged_with_an_empty_redirect_uri(shape: str) -> None:
    grant = by_cookie(shape.format(fbsr()))
    assert grant.access_token == Secret("C0DE")
    assert grant.attributes == {"redirect_uri": "", "user_id": "1000"}


def test_no_code_is_exchanged_before_the_cookie_is_verified() -> None:
    wanted = order(
        payload={"fbsr_1234": fbsr()[:-3] + "AAA"}, secrets={"app_secret": "env:S"}, exchange=exchange
    )
    assert code_of(lambda: play(cookie(wanted), answering(now=NOW, secrets=SECRETS)), "C0DE") == "forged"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"fbsr_99": "x.y"}, "other_app"),
        ({"fbsr_1234": 7}, "malformed"),
        (7, "malformed"),
        ("fbsr_1234=a; fbsr_1234=b", "malformed"),
        ("x" * 40_000, "malformed"),
    ],
)
def test_a_cookie_of_another_app_or_of_two_minds_is_refused(payload: object, code: str) -> None:
    assert code_of(lambda: by_cookie(payload)) == code


def test_a_cookie_of_another_user_or_without_a_code_is_refused() -> None:
    assert (
        code_of(lambda: by_cookie({"fbsr_1234": fbsr()}, attributes={"user_id": "2"}), "C0DE") == "other_user"
    )
    assert code_of(lambda: by_cookie({"fbsr_1234": fbsr(code=None)})) == "malformed"


def test_a_code_of_another_user_than_the_cookie_is_refused() -> None:
    def other(_: Order, code: Code) -> Flow[Grant]:
        yield from ()
        return Grant(access_token=code.code, attributes={"user_id": "2000"})

    wanted = order(payload={"fbsr_1234": fbsr()}, secrets={"app_secret": "env:S"}, exchange=other)
    assert code_of(lambda: play(cookie(wanted), answering(now=NOW, secrets=SECRETS)), "C0DE") == "other_user"


def test_an_old_cookie_is_expired_by_the_age_the_spec_allows() -> None:
    old = {"fbsr_1234": fbsr(issued_at=NOW // SECOND - 61)}
    assert by_cookie(old).access_token is not None
    assert code_of(lambda: by_cookie(old, options={"max_age": 60}), "C0DE") == "expired"


def test_without_a_cookie_a_person_is_needed() -> None:
    with pytest.raises(PersonNeeded):
        by_cookie("a=b")


@given(st.binary() | st.text())
def test_any_cookie_header_needs_a_person_or_is_a_payload_error(payload: bytes | str) -> None:
    def person_needed() -> None:
        with contextlib.suppress(PersonNeeded):
            by_cookie(payload)

    assert code_of(person_needed) in {"taken", "malformed"}


def test_what_a_sandbox_issued_arrives_as_it_was_issued() -> None:
    issued = {
        "access_token": "T0KEN",
        "expires_in": None,
        "expires_at": NOW // SECOND + 60,
        "signed_request": fbsr(),
        "granted_scopes": ["email"],
        "user_id": 1000,
        "app_id": 1234,
        "graph_domain": "facebook",
    }
    grant = taken(encode_login(issued, NOW // SECOND))
    assert (grant.expires, grant.scope) == (At(NOW + 60 * SECOND), frozenset({"email"}))
    assert taken(encode_login({**issued, "expires_at": 0}, 0)).expires == NEVER
    assert by_cookie(encode_cookie(issued, 0)).attributes["user_id"] == "1000"


def test_the_guest_offers_both_ways_where_they_run() -> None:
    assert {record.name: set(record.runs_on) for record in tokenflow_acquirers()} == {
        "javascript.sdk": {"client"},
        "javascript.cookie": {"server"},
    }
