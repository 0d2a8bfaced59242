"""`facebook.limited_login`: the ID token of a Limited Login, kept as what it is (facebook.md §5.7).

It says who logged in, to one app; no Graph call takes it, and nothing extends it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from tokenflow import (
    AnswerNotUnderstood,
    At,
    Flow,
    Grant,
    Instant,
    Order,
    PayloadError,
    Secret,
    now,
    published,
)
from tokenflow_facebook.id_token_check import (
    LARGEST,
    MOST_KEYS,
    checked,
    claims_of,
    is_key_set,
    key_in,
    kid_of,
)

_TOKEN: Final = ("token_string", "tokenString", "id_token")
_NONCE: Final = ("expected_nonce", "nonce")
_FACTS: Final = ("name", "given_name", "middle_name", "family_name", "email", "picture")


def limited_login(order: Order) -> Flow[Grant]:
    """Take the SDK's ID token: its text, or `{token_string, expected_nonce}` as a mapping or as JSON.

    The nonce that the login was begun with comes as the attribute `nonce`, from a server that chose it,
    or else in the payload. The issuer's keys are read at its `jwks_uri` and nowhere else. Raises
    PayloadError: malformed, forged, other_app, other_user, expired.
    """
    token, nonce = _handed(order)
    kid = kid_of(token)
    instant = yield from now()
    key = yield from _key(order, kid, instant)
    claims = claims_of(token, key)
    ends = checked(claims, client_id=order.issuer.client_id, nonce=nonce, now=instant, skew=order.issuer.skew)
    expected = order.attributes.get("user_id")
    if expected is not None and str(expected) != claims["sub"]:
        raise PayloadError("other_user", f"{order.key}: the ID token is of another user")
    facts = {name: claims[name] for name in _FACTS if isinstance(claims.get(name), str)}
    return Grant(
        access_token=token,
        expires=At(ends),
        attributes={**facts, "user_id": claims["sub"], "app_id": order.issuer.client_id},
    )


def login_in(order: Order) -> str | None:
    """Return the name of the login: it is taken once, and the whole token, signature and all, names it."""
    try:
        token, nonce = _handed(order)
    except PayloadError:
        return None
    return "limited:" + hashlib.sha256(f"{token.reveal()} {nonce}".encode()).hexdigest()


def encode_login(issued: Mapping[str, Any], now: int) -> str:
    """Return what the Android SDK keeps of a login *issued* with an `id_token`; raises PayloadError."""
    if "id_token" not in issued:
        raise PayloadError("malformed", "a limited login is asked for with a nonce: attributes: {nonce: ...}")
    return json.dumps({"token_string": issued["id_token"], "expected_nonce": issued["nonce"]})


def _key(order: Order, kid: str, instant: Instant) -> Flow[Mapping[str, Any]]:
    url = order.issuer.endpoint("jwks_uri")
    document = yield from published(url)
    if key_in(document, kid) is None:  # it may have come in since, or the answer was odd
        document = yield from published(url, instant)
    if not is_key_set(document):
        raise AnswerNotUnderstood(f"the issuer's keys are not a list of at most {MOST_KEYS}")
    key = key_in(document, kid)
    if key is None:
        raise PayloadError("forged", "the ID token is signed with a key that its issuer does not have")
    return key


def _handed(order: Order) -> tuple[Secret, str]:
    fields = _fields(order.payload)
    text = next((fields[name] for name in _TOKEN if name in fields), None)
    nonce = order.attributes.get("nonce") or next((fields[name] for name in _NONCE if name in fields), None)
    if not isinstance(text, str) or not text:
        raise PayloadError("malformed", "the payload holds no ID token")
    if not isinstance(nonce, str) or not nonce:
        raise PayloadError(
            "malformed",
            "the nonce that the login was begun with is not named",
            mend='pass attributes={"nonce": ...}, or what the SDK keeps: token_string and expected_nonce',
        )
    return Secret(text), nonce


def _fields(payload: Any) -> Mapping[str, Any]:
    if isinstance(payload, bytes):
        payload = payload.decode("ascii", "replace")
    if isinstance(payload, str) and len(payload) <= 4 * LARGEST:  # the SDK keeps each part twice
        payload = _json(payload) if payload.lstrip().startswith("{") else {"id_token": payload.strip()}
    if not isinstance(payload, Mapping):
        raise PayloadError("malformed", "the payload is no ID token, nor what an SDK keeps of one")
    return payload


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
