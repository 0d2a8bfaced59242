"""Limited Login: an ID token is taken only as its issuer made it, for this app and this login (D6, §4.2)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import attrs
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tokenflow import SECOND, AnswerNotUnderstood, At, Grant, Secret
from tokenflow.core.effects import Published
from tokenflow.testing.play import answering, play
from tokenflow_facebook.id_token_check import LARGEST, MOST_KEYS
from tokenflow_facebook.limited_login import encode_login, limited_login, login_in

from .ground import ISSUER, NOW, code_of, order

NOW_S: Final = NOW // SECOND
JWKS: Final = "https://limited.example/jwks/"
HERE: Final = attrs.evolve(ISSUER, endpoints={**ISSUER.endpoints, "jwks_uri": JWKS})
HEADER: Final = {"alg": "RS256", "typ": "JWT", "kid": "k1"}
CLAIMS: Final = {
    "iss": "https://www.facebook.com",
    "aud": "1234",
    "sub": "1000",
    "nonce": "n0nce",
    "iat": NOW_S - 5,
    "exp": NOW_S + 3600,
    "jti": "j",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "picture": None,
}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def key_of(name: str) -> rsa.RSAPrivateKey:
    """A key for each name, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if name == "short" else 2048)


def jwk(name: str = "k1", **changes: Any) -> dict[str, Any]:
    """A public key as the issuer publishes it."""
    numbers = key_of(name).public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    public = {"n": b64(numbers.n.to_bytes(size, "big")), "e": b64(numbers.e.to_bytes(3, "big"))}
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, **public, **changes}


def signed(header: Any = HEADER, claims: Any = CLAIMS, by: str = "k1", algorithm: Any = None) -> str:
    """A JWT; texts are taken as the JSON they are."""
    parts = (json.dumps(one) if isinstance(one, Mapping) else one for one in (header, claims))
    text = ".".join(b64(part.encode()) for part in parts)
    signature = key_of(by).sign(text.encode(), padding.PKCS1v15(), algorithm or hashes.SHA256())
    return f"{text}.{b64(signature)}"


def with_mac(header: Mapping[str, Any]) -> str:
    """A JWT whose HMAC key is the issuer's public key."""
    text = ".".join(b64(json.dumps(one).encode()) for one in (header, CLAIMS))
    return f"{text}.{b64(hmac.new(json.dumps(jwk()).encode(), text.encode(), hashlib.sha256).digest())}"


def taken(payload: Any, keys: Any = None, **changes: Any) -> Grant:
    """Play the flow with that payload."""
    known = {"keys": [jwk()]} if keys is None else keys
    wanted = order(**{"issuer": HERE, "payload": payload, "attributes": {"nonce": "n0nce"}, **changes})
    result: Grant = play(limited_login(wanted), answering(now=NOW, published={JWKS: known})).result
    return result


def refused(payload: Any, **more: Any) -> str:
    """The code of the refusal, or `taken`; nothing of the token is in what is said."""
    parts = payload.split(".") if isinstance(payload, str) else []
    return code_of(lambda: taken(payload, **more), *(part for part in parts if len(part) > 20))


def test_a_real_token_becomes_an_id_token_with_its_claims_and_its_end() -> None:
    """What Facebook signed for this login is kept as what it is: who logged in, until when."""
    found = taken(signed())
    assert found.expires == At((NOW_S + 3600) * SECOND)
    assert found.access_token == Secret(signed())
    assert dict(found.attributes) == {
        "user_id": "1000",
        "app_id": "1234",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
    }


@pytest.mark.parametrize(
    "payload",
    [
        signed().encode(),
        f"  {signed()}\n",
        {"id_token": signed()},
        json.dumps({"token_string": signed(), "expected_nonce": "n0nce", "header": {}, "signature": "x"}),
        encode_login({"id_token": signed(), "nonce": "n0nce"}, NOW_S),
    ],
)
def test_the_app_may_send_the_text_or_what_its_sdk_keeps(payload: Any) -> None:
    """The text alone, or the Android SDK's stored form, is taken."""
    assert taken(payload).attributes["user_id"] == "1000"


def claims(**changes: Any) -> dict[str, Any]:
    """The claims, some changed; None takes one away."""
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}


def header(**changes: Any) -> dict[str, Any]:
    """The header, some of it changed."""
    return {name: value for name, value in {**HEADER, **changes}.items() if value is not None}


UNSIGNED = signed().rpartition(".")[0]
MATRIX: Final[dict[str, str]] = {
    "alg none": f"{b64(json.dumps(header(alg='none')).encode())}.{UNSIGNED.split('.')[1]}.",
    "alg none, signed": signed(header(alg="none")),
    "alg nOnE": signed(header(alg="nOnE")),
    "alg HS256 with the public key": with_mac(header(alg="HS256")),
    "alg RS256 by name, HMAC by nature": with_mac(HEADER),
    "alg RS512": signed(header(alg="RS512"), algorithm=hashes.SHA512()),
    "alg RS256 by name, SHA-512 by nature": signed(algorithm=hashes.SHA512()),
    "alg PS256": signed(header(alg="PS256")),
    "alg a list": signed(header(alg=["RS256"])),
    "no alg": signed(header(alg=None)),
    "another app": signed(claims=claims(aud="999")),
    "a list of apps with ours": signed(claims=claims(aud=["1234", "999"])),
    "a list of ours alone": signed(claims=claims(aud=["1234"])),
    "a number as aud": signed(claims=claims(aud=1234)),
    "no aud": signed(claims=claims(aud=None)),
    "another issuer": signed(claims=claims(iss="https://www.facebook.com.evil.example")),
    "another spelling of the issuer": signed(claims=claims(iss="https://www.facebook.com/")),
    "no issuer": signed(claims=claims(iss=None)),
    "issuer in a list": signed(claims=claims(iss=["https://www.facebook.com"])),
    "unknown crit": signed(header(crit=["exp"], exp=1)),
    "b64 false": signed(header(crit=["b64"], b64=False)),
    "b64 alone": signed(header(b64=True)),
    "jku": signed(header(jku="https://evil.example/jwks")),
    "x5u": signed(header(x5u="https://evil.example/cert")),
    "its own key": signed(header(jwk=jwk("evil")), by="evil"),
    "x5c": signed(header(x5c=["AA"])),
    "zip": signed(header(zip="DEF")),
    "no exp": signed(claims=claims(exp=None)),
    "exp a text": signed(claims=claims(exp=str(NOW_S + 60))),
    "exp a fraction": signed(claims=claims(exp=NOW_S + 60.5)),
    "exp true": signed(claims=claims(exp=True)),
    "exp 10^400": signed(claims=claims(exp=10**400)),
    "exp in two days": signed(claims=claims(exp=NOW_S + 2 * 86_400)),
    "over for 5 s": signed(claims=claims(exp=NOW_S - 5, iat=NOW_S - 60)),
    "over just now": signed(claims=claims(exp=NOW_S)),
    "no iat": signed(claims=claims(iat=None)),
    "iat a text": signed(claims=claims(iat=str(NOW_S))),
    "older than a login": signed(claims=claims(iat=NOW_S - 601)),
    "from the future": signed(claims=claims(iat=NOW_S + 120)),
    "not before tomorrow": signed(claims=claims(nbf=NOW_S + 3000)),
    "no nonce": signed(claims=claims(nonce=None)),
    "another nonce": signed(claims=claims(nonce="other")),
    "no sub": signed(claims=claims(sub=None)),
    "sub a number": signed(claims=claims(sub=1000)),
    "an empty sub": signed(claims=claims(sub="")),
    "sub twice": signed(claims=json.dumps(claims())[:-1] + ', "sub": "2000"}'),
    "kid twice": signed(header=json.dumps(HEADER)[:-1] + ', "kid": "k1"}'),
    "claims a list": signed(claims="[1]"),
    "claims no JSON": signed(claims="{"),
    "claims nested without end": signed(claims="[" * 3000),
    "no kid": signed(header(kid=None)),
    "kid a path": signed(header(kid="../k1")),
    "kid a number": signed(header(kid=1)),
    "kid unknown": signed(header(kid="k9"), by="evil"),
    "another's key under our kid": signed(by="evil"),
    "no signature": f"{UNSIGNED}.",
    "two parts": UNSIGNED,
    "four parts": f"{signed()}.AAAA",
    "padding": f"{signed()}==",
    "a blank within": signed()[:50] + " " + signed()[50:],
    "over 8 KB": signed(claims=claims(extra="x" * LARGEST)),
    "empty": "",
}


@pytest.mark.proves("D6")
@pytest.mark.parametrize("case", MATRIX)
def test_no_forged_foreign_old_or_odd_token_is_taken(case: str) -> None:
    """D6: 0 accepted of the matrix of §4.2 and its neighbours."""
    assert refused(MATRIX[case]) in {"malformed", "forged", "other_app", "expired"}


@pytest.mark.proves("D6")
def test_no_bit_of_a_token_may_be_another() -> None:
    """0 accepted of a flip in each character, and of every bit at the ends, where base64 has room to hide."""
    token = signed()
    edges = {index for at, one in enumerate(token) if one == "." for index in (at - 1, at, at + 1)}
    edges |= {0, len(token) - 1}
    for index, char in enumerate(token):
        for bit in range(7) if index in edges else (index % 6,):
            text = token[:index] + chr(ord(char) ^ (1 << bit)) + token[index + 1 :]
            assert refused(text) != "taken", (index, bit)


def test_a_text_that_decodes_to_the_same_signature_is_another_token() -> None:
    """The last character of a 256-byte signature has four idle bits: only their one spelling is taken."""
    token = signed()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = alphabet.index(token[-1])
    twins = [token[:-1] + alphabet[(at & ~15) | idle] for idle in range(16) if (at & ~15) | idle != at]
    assert len(twins) == 15
    assert {refused(twin) for twin in twins} == {"malformed"}


@pytest.mark.parametrize(
    "keys",
    [
        {"keys": []},
        {"keys": [jwk(kty="EC")]},
        {"keys": [jwk(use="enc")]},
        {"keys": [jwk(alg="RS512")]},
        {"keys": [jwk(n=7)]},
        {"keys": [jwk(n="!")]},
        {"keys": [jwk(), jwk()]},
        {"keys": ["k1", None]},
        {"keys": [jwk(kid="other")]},
    ],
)
def test_only_one_rsa_key_for_signatures_of_that_name_verifies(keys: Any) -> None:
    """A key of another kind, use or name, or one of two of a name, verifies nothing."""
    assert refused(signed(), keys=keys) == "forged"


@pytest.mark.proves("D6")
def test_a_short_key_verifies_nothing() -> None:
    """1024 bits are not enough, whoever publishes them."""
    assert refused(signed(header(kid="short"), by="short"), keys={"keys": [jwk("short")]}) == "forged"


@pytest.mark.proves("D7")
@pytest.mark.parametrize("keys", [{}, {"keys": "k1"}, {"keys": [jwk()] * (MOST_KEYS + 1)}])
def test_a_document_that_is_no_short_list_of_keys_is_no_answer(keys: Any) -> None:
    """D7: at most 16 keys are looked at."""
    with pytest.raises(AnswerNotUnderstood):
        taken(signed(), keys=keys)


def test_an_unknown_kid_is_looked_for_once_more_in_a_newer_document() -> None:
    """A key that came in since is found; the document is asked for by its pinned URL alone."""
    old, new = {"keys": [jwk("k0")]}, {"keys": [jwk()]}
    wanted = order(issuer=HERE, payload=signed(), attributes={"nonce": "n0nce"})
    played = play(limited_login(wanted), [NOW, old, new])
    assert played.result.attributes["user_id"] == "1000"
    assert [one for one in played.asked if isinstance(one, Published)] == [
        Published(JWKS),
        Published(JWKS, NOW),
    ]


@pytest.mark.parametrize(
    ("attributes", "payload", "code"),
    [
        ({}, signed(), "malformed"),
        ({}, {"id_token": signed(), "nonce": "n0nce"}, "taken"),
        ({"nonce": "other"}, {"id_token": signed(), "expected_nonce": "n0nce"}, "forged"),
        ({"nonce": "n0nce", "user_id": "1000"}, signed(), "taken"),
        ({"nonce": "n0nce", "user_id": "2000"}, signed(), "other_user"),
        ({"nonce": "n0nce"}, {"token_string": 7}, "malformed"),
        ({"nonce": "n0nce"}, 7, "malformed"),
        ({"nonce": "n0nce"}, "{", "malformed"),
    ],
)
def test_the_login_s_nonce_and_person_are_the_server_s_word(
    attributes: Mapping[str, Any], payload: Any, code: str
) -> None:
    """A nonce is required, the server's before the client's; another person's token is not taken."""
    assert refused(payload, attributes=attributes) == code


def test_a_login_is_named_by_all_that_makes_it_authentic() -> None:
    """Another signature, or another nonce, is another login; what holds none has no name."""
    one = order(issuer=HERE, payload=signed(), attributes={"nonce": "n0nce"})
    same = attrs.evolve(one, payload={"token_string": signed()})
    others = [
        attrs.evolve(one, payload=signed(by="evil")),
        attrs.evolve(one, attributes={"nonce": "other"}),
    ]
    assert login_in(one) == login_in(same)
    assert len({login_in(each) for each in (one, *others)}) == 3
    assert login_in(attrs.evolve(one, payload="")) is None
    assert "n0nce" not in str(login_in(one))
