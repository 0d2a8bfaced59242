"""What comes back to the redirect URI, read with suspicion: anybody can send a browser there."""

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

from tokenflow import ConsentDenied, Issuer, IssuerRefused, PayloadError, Secret

_WORDS: Final = {"error": "error", "error_code": "code", "error_reason": "reason"}
"""Parameters of an error (RFC 6749 §4.1.2.1; the last two are Facebook's), and the fact each becomes."""
_ERRORS: Final = frozenset({"error", "error_code", "error_message"})
"""Any of them makes it one: Facebook's own say no `error` (facebook.md §1.2)."""
_NO: Final = frozenset({"access_denied", "user_denied"})
_DEVELOPMENT: Final = 901

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


def read_code(answer: Mapping[str, str], *, state: str, issuer: Issuer) -> Secret:
    """Return the authorization code; nothing is read before `state` is ours (RFC 6749 §10.12).

    Raises PayloadError (forged, malformed), ConsentDenied or IssuerRefused.
    """
    checked(answer, state=state, issuer=issuer)
    code = answer.get("code")
    if not isinstance(code, str) or not code:
        raise PayloadError("malformed", "the answer holds neither a code nor an error")
    return Secret(code)


def checked(answer: Mapping[str, str], *, state: str, issuer: Issuer) -> None:
    """Raise PayloadError (forged) for an answer that is not to this login, and what an error in it means."""
    if not hmac.compare_digest(str(answer.get("state", "")).encode(), state.encode()):
        raise PayloadError(
            "forged", "the answer's state is not that of this login", mend="begin the login again"
        )
    _check_issuer(answer, issuer)
    if _ERRORS & answer.keys():
        raise _refusal(answer)


def granted(answer: Mapping[str, str]) -> frozenset[str] | None:
    """Return the scope a Facebook redirect names (`return_scopes=true`), None when it names none."""
    return _names(answer, "granted_scopes")


def declined(answer: Mapping[str, str]) -> Mapping[str, Any]:
    """Return, as an attribute, what the person held back of it (`denied_scopes`), if the redirect says so."""
    held_back = _names(answer, "denied_scopes")
    return {} if held_back is None else {"declined_scopes": sorted(held_back)}


def _names(answer: Mapping[str, str], parameter: str) -> frozenset[str] | None:
    text = answer.get(parameter)
    return None if text is None else frozenset(text.replace(",", " ").split())


def _check_issuer(answer: Mapping[str, str], issuer: Issuer) -> None:
    """Refuse an answer from another issuer: a mix-up would send our code there (RFC 9207 §2.4).

    Compared with the issuer's identifier, to the letter; where the spec declares none, with the origin
    of its authorization endpoint, which cannot tell apart two issuers on one host.
    """
    if "iss" not in answer:
        return
    declared = issuer.endpoints.get("issuer")
    found, expected = answer["iss"], declared
    if expected is None:
        found, expected = _origin(found), _origin(issuer.endpoint("authorization_endpoint"))
    if not hmac.compare_digest(found.encode(), expected.encode()):
        mend = None if declared else f"if it is {issuer.name}: `endpoints: {{issuer: its identifier}}`"
        raise PayloadError("forged", f"the answer names another issuer than {issuer.name}", mend=mend)


def _origin(url: str) -> str:
    """Return scheme, host and port of *url* (RFC 6454 §4), lower case; empty for what has none."""
    scheme, colon, rest = url.partition("://")
    return f"{scheme}{colon}{re.split('[/?#]', rest, maxsplit=1)[0]}".lower() if colon else ""


def _refusal(answer: Mapping[str, str]) -> ConsentDenied | IssuerRefused:
    if _NO & {answer.get("error"), answer.get("error_reason")}:
        return ConsentDenied("the person, or the issuer for them, said no (access_denied)")
    facts: dict[str, Any] = {}
    for name, fact in _WORDS.items():
        text = answer.get(name, "")
        if _PLAIN.fullmatch(text):
            facts[fact] = int(text) if text.isdigit() and text.isascii() and len(text) < 10 else text
    shown = ", ".join(f"{name} {value}" for name, value in facts.items()) or "it gives no code"
    mend = None
    if facts.get("code") == _DEVELOPMENT:
        mend = "the app is in development mode: switch it to live, or give the person a role in its dashboard"
    elif "error" not in facts:
        mend = "look at the app's settings at the issuer: it refused the app, and no person was asked"
    # The redirect itself is the answer; 302 is the status that carried it (RFC 6749 §4.1.2.1).
    message = f"the issuer sent the person back with an error ({shown})"
    return IssuerRefused(message, status=302, facts=facts, mend=mend)
