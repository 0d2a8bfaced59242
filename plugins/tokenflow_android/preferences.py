"""The shared preferences file the SDK keeps its token in (facebook.md §4.2).

XML from outside, so: no document type, no entities, a size cap, and only what such a file has.
"""

from html import escape
from typing import Any, Final
from xml.parsers import expat

from tokenflow import PayloadError
from tokenflow_android.access_token import AndroidToken, decode, encode
from tokenflow_android.fields import as_text

FILE: Final = "com.facebook.AccessTokenManager.SharedPreferences.xml"
KEY: Final = "com.facebook.AccessTokenManager.CachedAccessToken"
_LEGACY: Final = "com.facebook.TokenCachingStrategy."
_CUT: Final = frozenset({3, 5, 6, 20})
"""Expat's no element found, unclosed token, partial character and unclosed CDATA section."""


def decode_any(payload: Any) -> AndroidToken:
    """Return the token in *payload*: the preferences file, the JSON in it, or a mapping."""
    if isinstance(payload, bytes | str) and as_text(payload).startswith("<"):
        return decode_preferences(as_text(payload))
    return decode(payload)


def decode_preferences(text: str) -> AndroidToken:
    """Return the token in a preferences file.

    Raises PayloadError: truncated, unknown_version (the store of an SDK before version 4), malformed.
    """
    strings = _strings(text)
    if KEY in strings:
        return decode(strings[KEY])
    if any(name.startswith(_LEGACY) for name in strings):
        raise PayloadError(
            "unknown_version",
            "the preferences are of an SDK before version 4, which kept no user id",
            mend="start the app once with a current SDK: it rewrites them",
        )
    raise PayloadError("malformed", "the preferences hold no CachedAccessToken")


def encode_preferences(token: AndroidToken) -> str:
    """Return the preferences file with *token* in it."""
    return (
        "<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<map>\n"
        f'    <string name="{KEY}">{escape(encode(token))}</string>\n</map>\n'
    )


def _strings(text: str) -> dict[str, str]:
    """Return the `<string name=...>` entries of a `<map>`."""
    found: dict[str, str] = {}
    path: list[str] = []
    open_name: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        path.append(tag)
        if path == ["map", "string"] and "name" in attributes:
            open_name[:] = [attributes["name"]]
            found[attributes["name"]] = ""

    def end(_: str) -> None:
        path.pop()
        open_name.clear()

    def data(part: str) -> None:
        if path == ["map", "string"] and open_name:
            found[open_name[0]] += part

    def doctype(*_: object) -> None:
        raise PayloadError("malformed", "the preferences hold a document type, which none have")

    flaw = None
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        flaw = "truncated" if error.code in _CUT else "malformed"
    except ValueError:  # a lone surrogate, which no file holds; the exception would hold the text
        flaw = "malformed"
    if flaw is not None:
        raise PayloadError(flaw, "the preferences are not a whole XML text")
    return found
