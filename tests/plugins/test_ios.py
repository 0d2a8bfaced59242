"""iOS: the archived token, in Apple's form and GNUstep's, binary and XML."""

import base64
import plistlib
import string
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import NEVER, SECOND, At, Grant, Issuer, PayloadError, Secret
from tokenflow.testing.play import answering, play
from tokenflow_ios import encode_login, tokenflow_acquirers
from tokenflow_ios.access_token import DISTANT_FUTURE, IosToken, decode, encode
from tokenflow_ios.authentication_token import AuthenticationToken
from tokenflow_ios.authentication_token import decode as decode_id_token
from tokenflow_ios.authentication_token import encode as encode_id_token
from tokenflow_ios.keychain import Defaults, Item, defaults_in, encode_defaults, encode_item, item_in
from tokenflow_ios.sdk import sdk
from tokenflow_ios.writing import BINARY, XML, Form, Objects

from .ground import NOW, code_of, order, vectors

VECTORS = vectors("ios_access_token")
VALUE = VECTORS["value"]
APP = Issuer(name="facebook", client_id="appID123")
ARCHIVES: dict[str, bytes] = {
    "gnustep_binary": base64.b64decode(VECTORS["archives"]["gnustep_binary_b64"]),
    "gnustep_xml": VECTORS["archives"]["gnustep_xml"].encode(),
    "apple_binary": base64.b64decode(VECTORS["archives"]["apple_style_binary_b64"]),
}
PUBLISHED = IosToken(
    token_string=Secret(VALUE["tokenString"]),
    app_id=VALUE["appID"],
    user_id=VALUE["userID"],
    permissions=frozenset(VALUE["permissions"]),
    declined_permissions=frozenset(VALUE["declinedPermissions"]),
    expired_permissions=frozenset(VALUE["expiredPermissions"]),
    expires=At(VALUE["expirationDate"] * SECOND),
    data_access_expires=At(round(VALUE["dataAccessExpirationDate"] * SECOND)),
    refreshed_at=VALUE["refreshDate"] * SECOND,
)

names = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=40)
# NSDate is a double of seconds: whole microseconds survive in it until well after 2069.
instants = st.integers(0, (1 << 31) * SECOND)
ends = instants.map(At) | st.just(NEVER)
tokens = st.builds(
    IosToken,
    token_string=st.text(string.printable[:95], min_size=1).filter(lambda text: text != "$null").map(Secret),
    app_id=names,
    user_id=names,
    permissions=st.frozensets(names),
    declined_permissions=st.frozensets(names),
    expired_permissions=st.frozensets(names),
    expires=ends,
    data_access_expires=ends,
    refreshed_at=st.none() | instants,
)


def taken(payload: object, **changes: Any) -> Grant:
    return play(sdk(order(payload=payload, **{"issuer": APP, **changes})), answering(now=NOW)).result


@pytest.mark.parametrize("name", ["gnustep_binary", "apple_binary"])
def test_the_published_binary_archives_are_the_published_token(name: str) -> None:
    assert decode(ARCHIVES[name]) == PUBLISHED
    assert decode(base64.b64encode(ARCHIVES[name]).decode()) == PUBLISHED


def test_the_published_archive_in_apple_s_layout_is_written_again_to_the_byte() -> None:
    """Objects in the order the SDK encodes its fields, the root before what it holds."""
    assert encode(decode(ARCHIVES["apple_binary"])) == ARCHIVES["apple_binary"]


def test_the_id_token_s_archive_is_read_and_written_also_in_its_keychain_item() -> None:
    """FBSDKAuthenticationToken, which no Graph call takes."""
    token = AuthenticationToken(token_string=Secret("aGVhZA.Ym9keQ.c2ln"), nonce="n")
    whole = encode_id_token(token)
    assert decode_id_token(whole) == token
    assert decode_id_token(encode_item(Item(uuid="U", encoded=whole), XML)) == token
    assert code_of(lambda: decode_id_token(encode(PUBLISHED)), "token123") == "malformed"
    assert code_of(lambda: decode(whole), "aGVhZA") == "malformed"


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY], ids=["xml", "binary"])
def test_an_app_s_defaults_keep_what_else_they_say(form: plistlib.PlistFormat) -> None:
    """The UUID is put in, and on the Simulator the item; the form stays what it was."""
    item = encode_item(Item(uuid="U", encoded=encode(PUBLISHED)))
    there = plistlib.dumps({"launches": 5}, fmt=form)
    new = encode_defaults(Defaults(uuid="U", item=item), there)
    assert defaults_in(new)[0] == Defaults(uuid="U", item=item)
    assert defaults_in(new)[1] == Defaults()
    assert plistlib.loads(new)["launches"] == 5
    assert new.startswith(b"<") == (form is plistlib.FMT_XML)
    assert code_of(lambda: encode_defaults(Defaults(), plistlib.dumps([])), "x") == "malformed"


@given(tokens, st.sampled_from([BINARY, XML]), st.uuids().map(str))
def test_a_keychain_item_is_read_as_it_was_written(token: IosToken, form: Form, uuid: str) -> None:
    """Also as the Simulator keeps it, in the app's defaults."""
    item = Item(uuid=uuid, encoded=encode(token, form))
    whole = encode_item(item, form)
    assert item_in(whole) == item
    assert decode(whole) == token
    simulated = defaults_in(encode_defaults(Defaults(uuid=uuid, item=whole)))[0]
    assert simulated == Defaults(uuid=uuid, item=whole)


def test_the_published_xml_archive_is_that_token_to_the_second() -> None:
    found = decode(ARCHIVES["gnustep_xml"])
    assert found.data_access_expires == At(1_800_000_000 * SECOND)
    assert found.permissions == PUBLISHED.permissions
    assert (found.expires, found.refreshed_at) == (PUBLISHED.expires, PUBLISHED.refreshed_at)
    assert decode(ARCHIVES["gnustep_xml"].decode()) == found


def test_a_token_becomes_a_grant() -> None:
    grant = taken(ARCHIVES["apple_binary"])
    assert grant.access_token == Secret("token123")
    assert (grant.expires, grant.scope) == (PUBLISHED.expires, PUBLISHED.permissions)
    assert grant.attributes == {
        "user_id": "user123",
        "app_id": "appID123",
        "declined_scopes": ["user_birthday"],
        "expired_scopes": [],
        "data_access_expires_at": 1_800_000_000_500_000,
        "last_refresh": PUBLISHED.refreshed_at,
    }


@pytest.mark.parametrize("form", [BINARY, XML], ids=["binary", "xml"])
def test_the_keychain_item_is_the_token_in_it_archived_or_as_a_mapping(form: Form) -> None:
    item = encode_item(Item(uuid="A-UUID", encoded=encode(PUBLISHED, form)), form)
    assert decode(item) == PUBLISHED
    assert decode({"tokenUUID": "A-UUID", "tokenEncoded": encode(PUBLISHED, form)}) == PUBLISHED


def test_nil_and_the_distant_future_are_both_never() -> None:
    distant = encode(IosToken(token_string=Secret("t"), app_id="appID123", user_id="u"))
    assert 63_113_904_000.0 in [
        entry.get("NS.time") for entry in objects_of(distant) if isinstance(entry, dict)
    ]
    assert decode(distant).expires == NEVER
    assert DISTANT_FUTURE == 64_092_211_200 * SECOND
    assert taken(_without("expirationDate")).expires == NEVER


def objects_of(data: bytes) -> list[Any]:
    found: list[Any] = plistlib.loads(data)["$objects"]
    return found


def _without(*fields: str) -> bytes:
    return _changed({name: plistlib.UID(0) for name in fields})


def _changed(fields: Mapping[str, object], **plist_fields: object) -> bytes:
    """The published token with some of its fields pointing elsewhere."""
    plist = plistlib.loads(encode(PUBLISHED))
    root = plist["$objects"][plist["$top"]["root"].data]
    root.update(fields)
    return plistlib.dumps({**plist, **plist_fields}, fmt=plistlib.FMT_BINARY)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_without("tokenString"), "malformed"),
        (_without("userID"), "malformed"),
        (_without("permissions", "declinedPermissions", "expiredPermissions"), "taken"),
        (_changed({"permissions": plistlib.UID(9_999)}), "malformed"),
        (_changed({"permissions": plistlib.UID(1)}), "malformed"),
        (_changed({"expirationDate": float("nan")}), "malformed"),
        (_changed({"expirationDate": {"NS.time": float("inf")}}), "malformed"),
        (_changed({"expirationDate": {"NS.time": 1 << 62}}), "malformed"),
        (_changed({"expirationDate": {"NS.time": True}}), "malformed"),
        (_changed({"$class": plistlib.UID(1)}), "malformed"),
        (_changed({"tokenString": "tok\nen"}), "malformed"),
        (_changed({}, **{"$version": 200_000}), "unknown_version"),
        (_changed({}, **{"$archiver": "NSArchiver"}), "malformed"),
        (_changed({}, **{"$objects": {}}), "malformed"),
        (_changed({}, **{"$top": {}}), "malformed"),
        (plistlib.dumps([]), "malformed"),
        (b"{}", "malformed"),
        (b"", "truncated"),
        (b"bplist00" + b"\0" * (1 << 19), "malformed"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_says_how(data: bytes, code: str) -> None:
    assert code_of(lambda: taken(data), "token123", "tok\nen") == code


def test_an_archive_of_another_class_or_an_item_without_a_token_is_malformed() -> None:
    objects = Objects()
    other = objects.written(objects.put_object("FBSDKAuthenticationToken", {"tokenString": objects.put("t")}))
    assert code_of(lambda: decode(other)) == "malformed"
    assert code_of(lambda: decode({"tokenUUID": "A-UUID"})) == "malformed"
    assert code_of(lambda: decode({"tokenEncoded": other})) == "malformed"
    assert code_of(lambda: decode(7)) == "malformed"
    assert code_of(lambda: decode("not base64")) == "malformed"


def test_xml_in_an_unknown_encoding_is_malformed() -> None:
    data = ARCHIVES["gnustep_xml"].replace(b"UTF-8", b"nTF-8")
    assert code_of(lambda: decode(data), "token123") == "malformed"


def test_xml_with_an_entity_is_malformed() -> None:
    bomb = b"<?xml version='1.0'?><!DOCTYPE plist [<!ENTITY a 'x'>]><plist><string>&a;</string></plist>"
    assert code_of(lambda: decode(bomb)) == "malformed"


@pytest.mark.parametrize("form", [BINARY, XML], ids=["binary", "xml"])
def test_an_archive_cut_anywhere_is_truncated(form: Form) -> None:
    whole = encode(PUBLISHED, form).rstrip()
    for end in range(len(whole)):
        with pytest.raises(PayloadError) as refused:
            taken(whole[:end])
        assert refused.value.code == "truncated"


def test_a_token_of_another_app_or_user_or_past_its_end_is_refused() -> None:
    data = ARCHIVES["apple_binary"]
    assert code_of(lambda: taken(data, issuer=Issuer(name="f", client_id="9")), "token123") == "other_app"
    assert code_of(lambda: taken(data, attributes={"user_id": "other"}), "token123") == "other_user"
    ended = {"expirationDate": {"NS.time": (NOW - SECOND) / SECOND - 978_307_200}}
    assert code_of(lambda: taken(_changed(ended)), "token123") == "expired"


@given(tokens, st.sampled_from([BINARY, XML]))
def test_what_is_encoded_is_decoded_again_in_both_forms(token: IosToken, form: Form) -> None:
    assert decode(encode(token, form)) == token
    assert encode(decode(encode(token, form)), form) == encode(token, form)


@given(st.binary() | st.text() | st.binary().map(lambda rest: b"bplist00" + rest))
def test_any_payload_is_a_token_or_a_payload_error(payload: bytes | str) -> None:
    assert code_of(lambda: decode(payload)) in {"malformed", "truncated"}


@given(st.sampled_from(sorted(ARCHIVES)), st.integers(0, 4_000), st.integers(0, 255))
def test_any_byte_of_an_archive_may_change_and_nothing_breaks(name: str, place: int, byte: int) -> None:
    data = bytearray(ARCHIVES[name])
    data[place % len(data)] = byte
    assert code_of(lambda: decode(bytes(data))) in {"taken", "malformed", "truncated", "unknown_version"}


def test_what_a_sandbox_issued_arrives_as_it_was_issued() -> None:
    issued = {
        "access_token": "T0KEN",
        "expires_at": NOW // SECOND + 60,
        "data_access_expiration_time": NOW // SECOND + 90,
        "granted_scopes": ["email"],
        "declined_scopes": ["user_birthday"],
        "user_id": "user123",
        "app_id": "appID123",
    }
    grant = taken(encode_login(issued, NOW // SECOND))
    assert (grant.expires, grant.scope) == (At(NOW + 60 * SECOND), frozenset({"email"}))
    assert grant.attributes["data_access_expires_at"] == NOW + 90 * SECOND
    assert taken(encode_login({**issued, "expires_at": 0}, 0)).expires == NEVER


def test_the_guest_offers_the_sdk_on_the_client() -> None:
    assert [(record.name, set(record.runs_on)) for record in tokenflow_acquirers()] == [
        ("ios.sdk", {"client"})
    ]
