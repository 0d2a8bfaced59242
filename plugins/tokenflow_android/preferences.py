"""The shared preferences file the SDK keeps its token in (facebook.md §4.2)."""

from typing import Any, Final

from tokenflow import Instant, PayloadError
from tokenflow_android import legacy
from tokenflow_android.access_token import AndroidToken, decode, encode
from tokenflow_android.fields import as_text
from tokenflow_android.shared_preferences import Entries, Entry, read, written

FILE: Final = "com.facebook.AccessTokenManager.SharedPreferences.xml"
KEY: Final = "com.facebook.AccessTokenManager.CachedAccessToken"


def decode_any(
    payload: Any, *, app_id: str = "", user_id: str | None = None, now: Instant = 0
) -> AndroidToken:
    """Return the token in *payload*: a preferences file of either kind, the JSON in it, or a mapping.

    *app_id*, *user_id* and *now* fill in what the file of an old SDK does not say (see `legacy`).
    """
    if isinstance(payload, bytes | str) and as_text(payload).startswith("<"):
        return decode_preferences(payload, app_id=app_id, user_id=user_id, now=now)
    return decode(payload)


def decode_preferences(
    payload: bytes | str, *, app_id: str = "", user_id: str | None = None, now: Instant = 0
) -> AndroidToken:
    """Return the token in a preferences file.

    Raises PayloadError: truncated, malformed, unknown_version (of a newer SDK; or of one before version
    4, and nobody says which user it is of).
    """
    entries = read(payload)
    if KEY in entries:
        return decode(text_in(entries, KEY))
    if legacy.is_in(entries):
        found = legacy.decode(entries)
        if user_id is None:
            raise PayloadError(
                "unknown_version",
                "the preferences are of an SDK before version 4, which kept no user id",
                mend="start the app once with a current SDK: it rewrites them",
            )
        return legacy.migrated(found, app_id=app_id, user_id=user_id, now=now)
    raise PayloadError("malformed", "the preferences hold no CachedAccessToken")


def encode_preferences(token: AndroidToken, into: Entries | None = None) -> str:
    """Return the preferences file with *token* in it; of *into*, what the file holds now, the rest stays."""
    return written({**(into or {}), KEY: Entry("string", encode(token))})


def text_in(entries: Entries, key: str) -> str:
    """Return the text of the entry *key*; raises PayloadError when it holds anything else."""
    entry = entries.get(key)
    if entry is None or entry.type != "string" or not isinstance(entry.value, str):
        raise PayloadError("malformed", f"the preferences hold no text under {key}")
    return entry.value
