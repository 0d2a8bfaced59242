"""What the real SDK makes of a stored AccessToken, odd ones too (AccessToken.kt, org.json).

`access_token.decode` is stricter: it takes what is meant. This shows what an app on the phone would see:
org.json turns numbers into text and text into numbers, and what is thrown is not always caught.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, Final

import attrs

from tokenflow import NEVER, At, Never, Secret
from tokenflow_android.access_token import LONG_MAX, MILLISECOND, SOURCES, VERSION, AndroidToken
from tokenflow_android.fields import LARGEST
from tokenflow_android.json_text import json_text

_INSTAGRAM: Final[Mapping[str, str]] = {
    "FACEBOOK_APPLICATION_WEB": "INSTAGRAM_APPLICATION_WEB",
    "CHROME_CUSTOM_TAB": "INSTAGRAM_CUSTOM_CHROME_TAB",
    "WEB_VIEW": "INSTAGRAM_WEB_VIEW",
}
"""What the SDK makes of a source where the Graph domain is Instagram's."""


@attrs.frozen
class Loaded:
    """What came of it: a token, or why there is none."""

    token: AndroidToken | None = None
    why: str = ""
    """What the SDK throws, without anything that was read."""
    caught: bool = True
    """Whether the SDK takes that for no token; else it throws on, and the app sees it."""


class _Thrown(Exception):
    """What Java would throw."""

    def __init__(self, why: str, *, caught: bool) -> None:
        super().__init__(why)
        self.why, self.caught = why, caught


def load(text: str) -> Loaded:
    """Return what the SDK would have for the current token with *text* in its store."""
    fields: Any = None
    with suppress(ValueError, RecursionError):
        fields = json.loads(text) if len(text) <= LARGEST else None
    if not isinstance(fields, dict):
        return Loaded(why="JSONException: it is no JSON object")
    try:
        return Loaded(_created(fields))
    except _Thrown as thrown:
        return Loaded(why=thrown.why, caught=thrown.caught)


def _created(fields: Mapping[str, Any]) -> AndroidToken:
    if _whole(fields, "version") > VERSION:
        raise _Thrown("FacebookException: Unknown AccessToken serialization format.", caught=False)
    token = _text(fields, "token")
    expires = _whole(fields, "expires_at")
    permissions, declined = _names(fields, "permissions"), _names(fields, "declined_permissions")
    has_expired = isinstance(fields.get("expired_permissions"), list)
    expired = _names(fields, "expired_permissions") if has_expired else []
    last_refresh = _whole(fields, "last_refresh")
    source = _text(fields, "source")
    if source not in SOURCES:
        raise _Thrown("IllegalArgumentException: No enum constant of AccessTokenSource", caught=False)
    app, user = _text(fields, "application_id"), _text(fields, "user_id")
    data_access = _number(fields.get("data_access_expiration_time"))
    domain = _string(fields["graph_domain"]) if fields.get("graph_domain") is not None else "facebook"
    for name, value in {"accessToken": token, "applicationId": app, "userId": user}.items():
        if not value:
            raise _Thrown(f"IllegalArgumentException: Argument '{name}' cannot be empty", caught=False)
    return AndroidToken(
        token=Secret(token),
        application_id=app,
        user_id=user,
        permissions=frozenset(permissions),
        declined_permissions=frozenset(declined),
        expired_permissions=frozenset(expired),
        source=_INSTAGRAM.get(source, source) if domain == "instagram" else source,
        expires=_end(expires),
        data_access_expires=_end(data_access or LONG_MAX),
        last_refresh=last_refresh * MILLISECOND,
        graph_domain=domain,
    )


def _demand(fields: Mapping[str, Any], name: str) -> Any:
    if name not in fields:
        raise _Thrown(f"JSONException: No value for {name}", caught=True)
    return fields[name]


def _whole(fields: Mapping[str, Any], name: str) -> int:
    number = _number(_demand(fields, name))
    if number is None:
        raise _Thrown(f"JSONException: {name} cannot be converted to a number", caught=True)
    return number


def _number(value: Any) -> int | None:
    """Return *value* as a Java long; text that reads as a number is one."""
    if isinstance(value, str) and "_" not in value:
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    if isinstance(value, float) and not isfinite(value):
        return LONG_MAX if value > 0 else -LONG_MAX - 1
    return max(min(int(value), LONG_MAX), -LONG_MAX - 1)


def _text(fields: Mapping[str, Any], name: str) -> str:
    return _string(_demand(fields, name))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _names(fields: Mapping[str, Any], name: str) -> list[str]:
    value = _demand(fields, name)
    if not isinstance(value, list):
        raise _Thrown(f"JSONException: {name} cannot be converted to JSONArray", caught=True)
    return [_string(one) for one in value]


def _end(milliseconds: int) -> At | Never:
    return NEVER if milliseconds == LONG_MAX else At(milliseconds * MILLISECOND)
