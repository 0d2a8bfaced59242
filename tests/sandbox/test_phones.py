"""The grants of phones, and the identity token with its keys in three forms."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from tests.sandbox.ground import ADA, APP, CLIENT_TOKEN, Ground, answer_of, fault_of


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a JWT, unverified."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def ios(ground: Ground, response_type: str) -> dict[str, str]:
    """Log in as the iOS SDK does."""
    ground.running.state.world.any_loopback_redirect = True
    asked = {"redirect_uri": f"fb{APP}://authorize/", "sdk": "ios", "nonce": "n1", "scope": "email"}
    return answer_of(ground.admin.approve(ADA, ground.dialog(response_type=response_type, **asked)))


def test_a_nonce_is_redeemed_once_without_the_secret(ground: Ground) -> None:
    """It gives a long-lived token and the identity token bound to it."""
    nonce = ios(ground, "token_or_nonce,user_token_nonce")["user_token_nonce"]
    asked = {"grant_type": "fb_exchange_nonce", "fb_exchange_nonce": nonce, "client_id": APP, "fields": ""}
    body = ground.get("oauth/access_token", **asked).json()
    half = hashlib.sha256(body["access_token"].encode()).digest()[:16]

    assert claims_of(body["id_token"])["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert ground.debug(body["access_token"])["user_id"] == ADA
    assert fault_of(ground.get("oauth/access_token", **asked)) == (100, None)


def test_a_nonce_is_no_code(ground: Ground) -> None:
    """Neither grant takes what was made for the other."""
    nonce = ios(ground, "token_or_nonce,user_token_nonce")["user_token_nonce"]
    asked = {"grant_type": "fb_exchange_nonce", "fb_exchange_nonce": ground.code(), "client_id": APP}

    assert fault_of(ground.exchange(nonce, redirect_uri="")) == (100, None)
    assert fault_of(ground.get("oauth/access_token", **asked)) == (100, None)


def test_an_attenuated_token_only_says_whose_session_it_is(ground: Ground) -> None:
    """It has no scope, needs no secret, and lives as long as what it stands for."""
    old = ground.long_token()
    asked = {"grant_type": "fb_attenuate_token", "fb_exchange_token": old, "client_id": APP}
    made = ground.debug(ground.get("oauth/access_token", **asked).json()["access_token"])

    assert (made["user_id"], made["scopes"]) == (ADA, [])
    assert made["expires_at"] == ground.debug(old)["expires_at"]


def test_the_old_way_to_ask_what_is_left(ground: Ground) -> None:
    """`access_token_info` tells the holder the seconds left."""
    token = ground.user_token()
    ground.admin.advance(400)

    assert ground.get("oauth/access_token_info", client_id=APP, access_token=token).json() == {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": 5000,
    }


@pytest.mark.parametrize("form", ["keys", "certs"])
def test_an_identity_token_verifies_by_every_form_of_the_keys(ground: Ground, form: str) -> None:
    """Android reads public keys by id, iOS certificates by id; both verify the same signature."""
    token = ios(ground, "id_token,graph_domain")["id_token"]
    head, body, signature = token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    pem = ground.get(f".well-known/oauth/openid/{form}/").json()[kid].encode()
    key = load_pem_public_key(pem) if form == "keys" else load_pem_x509_certificate(pem).public_key()

    assert isinstance(key, rsa.RSAPublicKey)
    given = base64.urlsafe_b64decode(signature + "==")
    key.verify(given, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = claims_of(token)
    assert (claims["given_name"], claims["family_name"], claims["nonce"]) == ("Ada", "Lovelace", "n1")
    assert "at_hash" not in claims


def test_the_address_in_a_device_s_picture_brings_the_code_along(ground: Ground) -> None:
    """The code stands in the form, escaped; what the person types over it counts."""
    asked = ground.post("device/login", access_token=f"{APP}|{CLIENT_TOKEN}", scope="email").json()
    page = ground.get("device", user_code='X"<', qr="1").text
    assert 'name="user_code" value="X&quot;&lt;"' in page

    form = {"person": ADA, "decision": "approve", "user_code": asked["user_code"]}
    ground.http.post(f"{ground.running.url}/device?user_code=OTHER", data=form)
    done = ground.post("device/login_status", access_token=f"{APP}|{CLIENT_TOKEN}", code=asked["code"])
    assert ground.debug(done.json()["access_token"])["user_id"] == ADA
