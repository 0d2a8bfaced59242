"""`javascript.cookie`: a server reads the SDK's `fbsr_` cookie and has its code exchanged."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import (
    SECOND,
    Code,
    Exchange,
    Flow,
    Grant,
    IssuerRefused,
    Order,
    PayloadError,
    PersonNeeded,
    SpecError,
    now,
    secret,
)
from tokenflow_javascript.signed_request import parse

COOKIE_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["exchange"],
    "properties": {
        "exchange": {"type": "string", "description": "The issuer's code exchange, e.g. facebook.code."},
        "max_age": {"type": "integer", "minimum": 1, "default": 86_400, "description": "Seconds."},
    },
}

_SPENT: Final = frozenset({36007, 36009})
"""Subcodes of a code that expired, and of one that was used (facebook.md §6)."""

LARGEST: Final = 32 * 1024
"""No browser sends a longer Cookie header."""


def cookie(order: Order) -> Flow[Grant]:
    """Verify the cookie with the app secret, then exchange its code with an empty redirect_uri.

    The payload is the request's Cookie header, or a mapping of cookies. Raises PersonNeeded without a
    cookie, or with one whose code is spent or too old, and PayloadError: malformed, forged, expired,
    other_app, other_user.
    """
    if order.exchange is None:
        raise SpecError(
            "javascript.cookie brings a code", mend="say whose: `with: {exchange: facebook.code}`"
        )
    text = _signed(_cookies(order.payload), order.issuer.client_id)
    app_secret = yield from secret(order, "app_secret")
    max_age = int(order.options.get("max_age", 86_400)) * SECOND
    signed = parse(text, app_secret, (yield from now()), max_age)
    if signed.code is None or signed.user_id is None:
        raise PayloadError("malformed", "the cookie holds no code of a person who authorised the app")
    expected = order.attributes.get("user_id")
    if expected is not None and str(expected) != signed.user_id:
        raise PayloadError("other_user", f"{order.key}: the cookie is of another user")
    grant = yield from _exchanged(order, order.exchange, Code(code=signed.code, redirect_uri=""))
    if grant.attributes.get("user_id", signed.user_id) != signed.user_id:
        raise PayloadError("other_user", f"{order.key}: the cookie's code is of another user than the cookie")
    return attrs.evolve(grant, attributes={**grant.attributes, "user_id": signed.user_id})


def once(order: Order) -> str | None:
    """Return the name of the login that the cookie holds: its code works once, and it is sent on and on.

    A digest of the whole signed text, for its signature is what makes it the person's; and of the user
    that is expected, so that another's expectation is looked at anew.
    """
    try:
        text = _signed(_cookies(order.payload), order.issuer.client_id)
    except (PayloadError, PersonNeeded):
        return None
    expected = order.attributes.get("user_id")
    told = json.dumps([text, None if expected is None else str(expected)]).encode()
    return f"cookie:{hashlib.sha256(told).hexdigest()}"


def _exchanged(order: Order, exchange: Exchange, code: Code) -> Flow[Grant]:
    """Exchange the code; raises PersonNeeded for one that was used elsewhere, or not in its time."""
    try:
        return (yield from exchange(order, code))
    except IssuerRefused as refused:
        spent = refused.facts.get("subcode") in _SPENT
        if not spent:
            raise
    raise PersonNeeded(
        f"{order.key}: the cookie's code was used before, or is too old",
        mend="call FB.getLoginStatus with `force: true` in the browser: it brings a new cookie, or a login",
    )


def _signed(cookies: Mapping[str, str], app_id: str) -> str:
    found = cookies.get(f"fbsr_{app_id}")
    if found:
        return found
    if any(name.startswith("fbsr_") for name in cookies):
        raise PayloadError("other_app", "the cookie is of another app")
    raise PersonNeeded(
        "there is no fbsr_ cookie: nobody is logged in", mend="call FB.login with `cookie: true`"
    )


def _cookies(payload: Any) -> Mapping[str, str]:
    if isinstance(payload, Mapping):
        pairs = [(str(name), value) for name, value in payload.items()]
    elif isinstance(payload, bytes | str) and len(payload) <= LARGEST:
        header = payload.decode("latin-1") if isinstance(payload, bytes) else payload
        split = (part.strip().partition("=") for part in header.removeprefix("Cookie:").split(";"))
        pairs = [(name, value.strip('"')) for name, _, value in split]
    else:
        raise PayloadError("malformed", "the payload is neither a Cookie header nor a mapping of cookies")
    signed = [name for name, _ in pairs if name.startswith("fbsr_")]
    # Two of one name: a neighbour domain may have set one, and there is no telling which.
    if len(signed) != len(set(signed)) or not all(isinstance(value, str) for _, value in pairs):
        raise PayloadError("malformed", "the cookies are not one text each")
    return dict(pairs)
