"""Android: the SDK's JSON, and the preferences file it lies in."""

import json
import string
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import NEVER, SECOND, At, Grant, Issuer, Secret
from tokenflow.testing.play import answering, play
from tokenflow_android import authentication_token, encode_login, legacy, tokenflow_acquirers
from tokenflow_android.access_token import LONG_MAX, SOURCES, AndroidToken, decode, encode
from tokenflow_android.java import hash_code, hash_order
from tokenflow_android.json_text import json_text
from tokenflow_android.loading import load
from tokenflow_android.preferences import FILE, KEY, decode_any, decode_preferences, encode_preferences
from tokenflow_android.sdk import sdk
from tokenflow_android.shared_preferences import Entry, read, written

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


def test_the_published_file_is_written_again_to_the_byte() -> None:
    """It was written on a JVM, whose org.json keeps keys in a HashMap; a phone's keeps them as put in."""
    fields = as_sdk(decode_preferences(VECTORS["shared_prefs_xml"]))
    on_a_jvm = json_text({name: fields[name] for name in hash_order(fields)})
    assert written({KEY: Entry("string", on_a_jvm)}) == VECTORS["shared_prefs_xml"]
    assert written(read(VECTORS["shared_prefs_xml"])) == VECTORS["shared_prefs_xml"]


def test_on_a_phone_keys_stand_as_they_were_put_in_and_a_slash_is_escaped() -> None:
    """Android's own org.json: another order, and another escape, than a JVM's."""
    text = encode(attrs.evolve(decode(JSON), token=Secret('a/b"c')))
    assert text.startswith('{"version":1,"token":"a\\/b\\"c","expires_at":1900000000000,"permissions":[')
    assert text.endswith('"data_access_expiration_time":1900000000000,"graph_domain":"facebook"}')
    assert json_text(["\t\x01é", None, True, 1]) == '["\\t\\u0001é",null,true,1]'


@pytest.mark.parametrize("name", CASES)
def test_an_odd_token_is_to_inspect_what_it_is_to_the_real_sdk(name: str) -> None:
    """Loaded as it loads it; where it throws, what it throws, and whether the app is to see that."""
    case, found = CASES[name], load(json.dumps(CASES[name]["json"]))
    if case["real_sdk_accepts"]:
        assert found.token is not None
        assert as_sdk(found.token) == loaded(case["loaded"])
    else:
        _, _, thrown = found.why.partition(": ")
        assert thrown.partition(" of ")[0] in case["error"]
        assert found.caught == ("JSONException" in case["error"])


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"expires_at": "1900000000000"}, {}),
        ({"expires_at": 1.9e12}, {}),
        ({"application_id": 1234, "user_id": 1000}, {}),
        ({"data_access_expiration_time": 0}, {"data_access_expiration_time": LONG_MAX}),
        ({"expired_permissions": "none"}, {"expired_permissions": []}),
        ({"graph_domain": "instagram"}, {"graph_domain": "instagram", "source": "INSTAGRAM_WEB_VIEW"}),
        ({"version": 0}, {}),
    ],
)
def test_org_json_takes_text_for_numbers_and_numbers_for_text(
    change: dict[str, Any], shown: dict[str, Any]
) -> None:
    """What `android.sdk` refuses a phone may well live with, and `inspect` has to say so."""
    found = load(json.dumps({**JSON, **change})).token
    assert found is not None
    assert as_sdk(found) == as_sdk(decode(JSON)) | shown


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": "x"}', "{}", json.dumps({**JSON, "permissions": 1})]
)
def test_what_cannot_be_read_is_no_token_to_the_sdk(text: str) -> None:
    """A JSONException is caught: there is a key, so there is no second place to look."""
    found = load(text)
    assert found.token is None
    assert found.caught


@pytest.mark.parametrize(
    ("text", "code"), [("", 0), ("a", 97), ("email", 96619420), ("ÿ€", 16_269), ("😀", 1772899)]
)
def test_a_hash_code_is_java_s(text: str, code: int) -> None:
    """Over UTF-16 units, as String.hashCode() is."""
    assert hash_code(text) == code


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


LEGACY: str = VECTORS["legacy"]["xml"]


def test_the_old_store_is_migrated_as_the_sdk_does_and_written_again_to_the_byte() -> None:
    """Once somebody says whose it is; values in a JVM's order, entries in the file's."""
    entries = read(LEGACY)
    token = legacy.decode(entries)
    moved = legacy.migrated(token, app_id="", user_id="1000", now=NOW)
    assert as_sdk(moved) == loaded(VECTORS["legacy"]["migrated_to"])
    assert decode_any(LEGACY, user_id="1000") == moved
    on_a_jvm = {name: _in_hash_order(entry) for name, entry in read(legacy.encode(token, entries)).items()}
    order = ["email", "user_likes"]  # as the app had put them into its list
    on_a_jvm[f"{legacy.PREFIX}Permissions"] = Entry(
        "string", json_text({"valueType": "stringList", "value": order})
    )
    assert written(on_a_jvm) == LEGACY == written(entries)


def _in_hash_order(entry: Entry) -> Entry:
    fields = json.loads(str(entry.value))
    return Entry(entry.type, json_text({name: fields[name] for name in hash_order(fields)}))


@pytest.mark.parametrize(
    ("name", "kind", "value", "outcome"),
    [
        ("ExpirationDate", "long", 0, "malformed"),
        ("Token", "string", "", "malformed"),
        ("Token", "int", 5, "malformed"),
        ("IsSSO", "bool", "perhaps", "malformed"),
        ("ExpirationDate", "string", "1900000000000", "malformed"),
        ("ExpirationDate", "long", "1900000000000", "taken"),
        ("AccessTokenSource", "enum", "NOPE", "taken"),
        ("Unheard", "float[]", [1.5], "taken"),
        ("Unheard", "novelty", None, "taken"),
        ("Unheard", "byte[]", 5, "malformed"),
    ],
)
def test_odd_values_of_the_old_store_are_what_they_are_to_the_sdk(
    name: str, kind: str, value: object, outcome: str
) -> None:
    """One that cannot be read spoils all; one of another type, or unheard of, counts as absent."""
    entries = {**read(LEGACY), f"{legacy.PREFIX}{name}": Entry("string", legacy.typed(kind, value))}
    assert code_of(lambda: legacy.decode(entries), "LEGTOK") == outcome


def test_an_old_source_nobody_knows_is_told_by_single_sign_on() -> None:
    """IsSSO was what the SDK kept before it kept sources."""
    entries = {**read(LEGACY), f"{legacy.PREFIX}IsSSO": Entry("string", legacy.typed("bool", True))}
    del entries[f"{legacy.PREFIX}AccessTokenSource"]
    assert legacy.decode(entries).source == "FACEBOOK_APPLICATION_WEB"
    assert legacy.decode({n: e for n, e in entries.items() if not n.endswith("IsSSO")}).source == "WEB_VIEW"


def test_once_there_is_the_new_key_the_old_store_is_not_asked() -> None:
    """Not even where what stands under it cannot be read (AccessTokenCache)."""
    both = {**read(LEGACY), KEY: Entry("string", "{}")}
    assert code_of(lambda: decode_preferences(written(both), user_id="1000"), "LEGTOK") == "malformed"


def test_a_token_of_the_old_store_is_taken_for_the_user_who_is_expected() -> None:
    grant = taken(LEGACY, attributes={"user_id": 1000})
    assert grant.access_token == Secret("LEGTOK")
    assert grant.attributes["user_id"] == "1000"


def test_what_else_a_preferences_file_holds_stays() -> None:
    """Every type of entry, empty and odd ones too, where it was."""
    others = {
        "a'b": Entry("string", "<&>\"'\n"),
        "empty": Entry("string", ""),
        "count": Entry("int", "5"),
        "when": Entry("long", "-1"),
        "part": Entry("float", "0.5"),
        "yes": Entry("boolean", "true"),
        "many": Entry("set", ("x", "", "y & z")),
        "none": Entry("set", ()),
        "nil": Entry("null", None),
    }
    token = decode(JSON)
    whole = encode_preferences(token, others)
    assert read(whole) == {**others, KEY: Entry("string", encode(token))}
    assert written(read(whole)) == whole
    assert read(written({})) == {}


# What XML 1.0 holds; a phone writes the rest as a reference that no reader of XML takes.
texts = st.text(
    st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="\ufffe\uffff"), max_size=20
)
entries_of_any_type = st.dictionaries(
    texts.filter(bool),
    st.builds(Entry, st.just("string"), texts)
    | st.builds(Entry, st.just("set"), st.lists(texts, max_size=4).map(tuple))
    | st.builds(Entry, st.sampled_from(["int", "long"]), st.integers().map(str))
    | st.just(Entry("null", None)),
    max_size=6,
)


@given(entries_of_any_type)
def test_preferences_are_read_as_they_were_written(entries: dict[str, Entry]) -> None:
    """Names and texts of any characters that XML holds, and every type."""
    assert read(written(entries)) == entries
    assert list(read(written(entries))) == list(entries)


@given(tokens, st.booleans())
def test_an_old_store_is_read_as_it_was_written(token: AndroidToken, names_no_app: bool) -> None:
    """All but the user, whom it never named."""
    old = legacy.LegacyToken(
        token=token.token,
        application_id=None if names_no_app else token.application_id,
        permissions=token.permissions,
        declined_permissions=token.declined_permissions,
        expired_permissions=token.expired_permissions,
        source=token.source,
        expires=At(1_000) if token.expires == At(0) else token.expires,
        last_refresh=token.last_refresh,
    )
    assert legacy.decode(read(legacy.encode(old))) == old


@given(st.lists(names, max_size=60))
def test_a_hash_set_shows_each_once_whatever_they_were_put_in_by(several: list[str]) -> None:
    """The order is that of the buckets, and of one bucket that of putting in."""
    shown = hash_order(several)
    assert sorted(shown) == sorted(set(several))
    assert hash_order(shown) == shown


def test_the_id_token_s_store_is_read_and_written() -> None:
    """Five fields, of which three are the token's own parts."""
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiIxMjM0Iiwibm9uY2UiOiJuIn0.c2ln"
    token = authentication_token.of_jwt(Secret(jwt), "n")
    file = authentication_token.encode_preferences(token)
    assert authentication_token.decode(file) == token
    assert list(json.loads(authentication_token.encode(token))) == [
        *("token_string", "expected_nonce", "header", "claims", "signature")
    ]
    assert code_of(lambda: authentication_token.of_jwt(Secret("a.b"), "n")) == "malformed"
    assert code_of(lambda: authentication_token.of_jwt(Secret("a.b.c"), "n")) == "malformed"


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
        "source": "WEB_VIEW",
        "last_refresh": 1_700_000_000 * SECOND,
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
