"""Android: the SDK's JSON, and the preferences file it lies in."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import NEVER, SECOND, At, Grant, Issuer, Secret
from tokenflow.testing.play import answering, play
from tokenflow_android import encode_login, tokenflow_acquirers
from tokenflow_android.access_token import LONG_MAX, SOURCES, AndroidToken, decode, encode
from tokenflow_android.preferences import FILE, KEY, decode_any, decode_preferences, encode_preferences
from tokenflow_android.sdk import sdk

from .ground import NOW, code_of, order, vectors

VECTORS = vectors("android_access_token")
CASES = {case["name"]: case for case in VECTORS["cases"]}
JSON: dict[str, Any] = VECTORS["json"]

names = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=40)
milliseconds = st.integers(0, LONG_MAX - 1).map(lambda count: At(count * 1_000)) | st.just(NEVER)
tokens = st.builds(
    AndroidToken,
    token=st.text(string.printable[:95], min_size=1).map(Secret),
    application_id=names,
    user_id=names,
    permissions=st.frozensets(names),
    declined_permissions=st.frozensets(names),
    expired_permissions=st.frozensets(names),
    source=st.sampled_from(sorted(SOURCES)),
    expires=milliseconds,
    # 0 is not written: at data access it says never.
    data_access_expires=milliseconds.filter(lambda end: end != At(0)),
    last_refresh=st.integers(0, 1 << 41).map(lambda count: count * 1_000),
    graph_domain=st.sampled_from(["facebook", "instagram", "gaming"]),
)


def as_sdk(token: AndroidToken) -> dict[str, Any]:
    """What the real SDK shows of a token it loaded, its sets in Java's order."""
    shown: dict[str, Any] = json.loads(encode(token))
    return shown


def loaded(case: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in case.items() if not name.startswith("_")}


def taken(payload: object, **changes: Any) -> Grant:
    return play(sdk(order(payload=payload, **changes)), answering(now=NOW)).result


def test_the_published_json_and_the_published_file_are_the_same_token() -> None:
    from_file = decode_preferences(VECTORS["shared_prefs_xml"])
    assert from_file == decode(VECTORS["json"]) == decode(json.dumps(VECTORS["json"]))
    assert as_sdk(from_file) == loaded(VECTORS["loaded_back"])
    assert (VECTORS["shared_prefs_file"], VECTORS["shared_prefs_key"]) == (FILE, KEY)
    assert set(VECTORS["sources"]) == SOURCES


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["real_sdk_accepts"]])
def test_what_the_real_sdk_accepts_is_read_as_it_reads_it(name: str) -> None:
    assert as_sdk(decode(CASES[name]["json"])) == loaded(CASES[name]["loaded"])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("newer_format_version_2", "unknown_version"),
        ("missing_user_id", "malformed"),
        ("unknown_source", "malformed"),
        ("empty_token", "malformed"),
    ],
)
def test_what_the_real_sdk_refuses_is_refused_by_name(name: str, code: str) -> None:
    assert not CASES[name]["real_sdk_accepts"]
    assert code_of(lambda: taken(json.dumps(CASES[name]["json"])), "a token") == code


def test_a_store_of_an_sdk_before_version_4_is_an_unknown_version() -> None:
    assert code_of(lambda: decode_preferences(VECTORS["legacy"]["xml"]), "LEGTOK") == "unknown_version"


def test_a_token_becomes_a_grant_in_microseconds() -> None:
    grant = taken(VECTORS["shared_prefs_xml"].encode())
    assert grant.access_token == Secret("a token")
    assert grant.expires == At(1_900_000_000 * SECOND)
    assert grant.scope == frozenset({"permission_1", "permission_2"})
    assert grant.attributes == {
        "user_id": "1000",
        "app_id": "1234",
        "graph_domain": "facebook",
        "declined_scopes": ["declined permission_1"],
        "expired_scopes": ["expired permission_1"],
        "data_access_expires_at": 1_900_000_000 * SECOND,
    }


def test_long_max_is_never_and_so_is_a_data_access_of_zero() -> None:
    grant = taken({**JSON, "expires_at": LONG_MAX, "data_access_expiration_time": 0})
    assert grant.expires == NEVER
    assert "data_access_expires_at" not in grant.attributes


@pytest.mark.parametrize(
    ("expires_at", "code"), [(0, "expired"), (NOW // 1_000 - 1, "expired"), (NOW // 1_000, "taken")]
)
def test_a_token_has_ended_once_its_end_is_past(expires_at: int, code: str) -> None:
    assert code_of(lambda: taken({**JSON, "expires_at": expires_at}), "a token") == code


def test_a_token_of_another_app_or_user_is_refused() -> None:
    other = Issuer(name="facebook", client_id="99")
    assert code_of(lambda: taken(JSON, issuer=other), "a token") == "other_app"
    assert code_of(lambda: taken(JSON, attributes={"user_id": "2000"}), "a token") == "other_user"
    assert taken(JSON, attributes={"user_id": 1000}).attributes["user_id"] == "1000"


@pytest.mark.parametrize(
    "change",
    [
        {"version": True},
        {"version": "1"},
        {"expires_at": "1900000000000"},
        {"expires_at": LONG_MAX + 1},
        {"expires_at": -1},
        {"expires_at": 1.5},
        {"permissions": "email"},
        {"permissions": [1]},
        {"declined_permissions": None},
        {"application_id": 1234},
        {"token": "a\ttoken"},
        {"user_id": ""},
        {"user_id": "1" * 129},
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_malformed(change: dict[str, object]) -> None:
    assert code_of(lambda: taken({**JSON, **change}), "a token") == "malformed"


@given(st.integers(0, len(json.dumps(JSON)) - 1))
def test_json_cut_anywhere_is_truncated(end: int) -> None:
    assert code_of(lambda: taken(json.dumps(JSON)[:end]), "a token") == "truncated"


@given(st.integers(1, len(VECTORS["shared_prefs_xml"].rstrip()) - 1))
def test_a_file_cut_anywhere_is_truncated(end: int) -> None:
    assert code_of(lambda: taken(VECTORS["shared_prefs_xml"][:end]), "a token") == "truncated"


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE map [<!ENTITY a 'x'>]><map><string name='k'>&a;</string></map>",
        "<!DOCTYPE map SYSTEM 'file:///etc/passwd'><map/>",
        "<map><string name='k'>&unknown;</string></map>",
        "<map/>",
        "<map><int name='k' value='1'/></map>",
        f"<list><string name='{KEY}'>{{}}</string></list>",
        "<map>\ud800</map>",
        "<map></set>",
        "<" * 70_000,
    ],
)
def test_xml_with_a_document_type_an_entity_or_no_token_is_malformed(text: str) -> None:
    assert code_of(lambda: taken(text)) == "malformed"


@given(tokens)
def test_what_is_encoded_is_decoded_again_in_both_forms(token: AndroidToken) -> None:
    assert decode(encode(token)) == token
    assert decode_any(encode_preferences(token).encode()) == token
    assert encode(decode(encode(token))) == encode(token)


@given(st.binary() | st.text() | st.binary().map(lambda rest: b"<map>" + rest))
def test_any_payload_is_a_token_or_a_payload_error(payload: bytes | str) -> None:
    assert code_of(lambda: decode_any(payload)) in {"malformed", "truncated"}


@given(
    st.dictionaries(
        st.sampled_from(sorted(JSON)),
        st.none() | st.integers() | st.text() | st.floats() | st.lists(st.text()),
    )
)
def test_any_field_is_taken_or_a_payload_error(change: dict[str, object]) -> None:
    assert code_of(lambda: decode({**JSON, **change})) in {"taken", "malformed", "unknown_version"}


@given(st.integers(0, len(VECTORS["shared_prefs_xml"].encode()) - 1), st.integers(0, 255))
def test_any_byte_of_the_file_may_change_and_nothing_breaks(place: int, byte: int) -> None:
    data = bytearray(VECTORS["shared_prefs_xml"].encode())
    data[place] = byte
    assert code_of(lambda: decode_any(bytes(data))) in {"taken", "malformed", "truncated", "unknown_version"}


def test_what_a_sandbox_issued_arrives_as_it_was_issued() -> None:
    issued = {
        "access_token": "T0KEN",
        "expires_in": 5_184_000,
        "data_access_expiration_time": 0,
        "granted_scopes": ["email"],
        "declined_scopes": ["user_birthday"],
        "expired_scopes": [],
        "user_id": 1000,
        "app_id": 1234,
        "graph_domain": "facebook",
        "issued_at": NOW // SECOND,
    }
    grant = taken(encode_login(issued, NOW // SECOND))
    assert grant.expires == At(NOW + 5_184_000 * SECOND)
    assert grant.attributes["declined_scopes"] == ["user_birthday"]
    assert taken(encode_login({**issued, "expires_at": 0}, 0)).expires == NEVER


def test_the_guest_offers_the_sdk_on_the_client() -> None:
    assert [(record.name, set(record.runs_on)) for record in tokenflow_acquirers()] == [
        ("android.sdk", {"client"})
    ]
