"""An ID token of Limited Login as it is found: told apart, and told about, without being believed."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from tokenflow import SECOND, At, Description, Secret, Specimen

_LARGEST: Final = 16 * 1024


def claims_of(data: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return header and claims of a JWT (RFC 7519), None for anything else; nothing is verified."""
    parts = data.strip().split(b".") if len(data) <= _LARGEST else []
    if len(parts) != 3 or not all(parts):
        return None
    header, claims = _decoded(parts[0]), _decoded(parts[1])
    if header is None or claims is None or "alg" not in header:
        return None
    return header, claims


def described(found: Specimen) -> Description:
    """Return what the ID token in *found* says of itself."""
    read = claims_of(found.data)
    assert read is not None, "it was recognised"
    header, claims = read
    odd = []
    host = str(claims.get("iss")).removeprefix("https://").strip("/")
    if host != "facebook.com" and not host.endswith(".facebook.com"):
        odd.append("its issuer is not Facebook")
    if header.get("alg") != "RS256":
        odd.append("its algorithm is not RS256, so nothing takes it")
    issued, ends = _at(claims.get("iat")), _at(claims.get("exp"))
    if issued is not None and issued.instant < found.now - 600 * SECOND:
        odd.append("it was issued over 10 minutes ago, and at a login the SDKs refuse such a one")
    return Description(
        what="an ID token of Facebook's Limited Login (a JWT)",
        kind="id_token",
        app=_text(claims.get("aud")),
        user=_text(claims.get("sub")),
        expires=ends,
        facts={
            "issuer": _text(claims.get("iss")),
            "algorithm": _text(header.get("alg")),
            "issued_at": issued,
        },
        secrets={"id_token": Secret(found.data.decode("latin-1").strip())},
        signature="not checked: that takes the issuer's published keys",
        odd=tuple(odd),
        sdk="takes it as the current AuthenticationToken; no Graph call takes it",
        next=("verify it on a server: it says who logged in, and opens nothing",),
    )


def _decoded(part: bytes) -> Mapping[str, Any] | None:
    with suppress(ValueError, RecursionError):
        found = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
        return found if isinstance(found, dict) else None
    return None


def _at(value: Any) -> At | None:
    return At(value * SECOND) if type(value) is int and 0 < value < 1 << 40 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.isprintable() else None
