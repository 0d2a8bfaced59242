"""The sandbox in the place of an issuer that is neither Facebook nor its own: it speaks plain OAuth 2.0.

A scenario is about lives, so the issuer's document keeps what decides on them (rotation, errors, clock)
and goes by the sandbox's paths. How the issuer's requests and answers differ from the standard is set
aside: `tokenflow test` holds that to the examples in the document.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tokenflow.spec import Document, load

_SANDBOX: Final = "sandbox-oauth2"
_SET_ASIDE: Final = ("extends", "remove", "abstract", "requests", "response")


def stand_ins(documents: Iterable[Document], folder: Path) -> Sequence[str]:
    """Write to *folder* a document for each issuer among *documents* that needs one; return their paths."""
    own: Mapping[str, str] = load(_SANDBOX).data["endpoints"]
    written = []
    for document in documents:
        if document.kind == "Issuer" and _is_elsewhere(document.data, own):
            path = folder / f"{document.name}.yaml"  # JSON is YAML
            path.write_text(json.dumps(_at_the_sandbox(document.data, own)), encoding="utf-8")
            written.append(str(path))
    return tuple(written)


def _is_elsewhere(data: Mapping[str, Any], own: Mapping[str, str]) -> bool:
    """Return whether the sandbox serves neither this issuer's Graph nor its token endpoint."""
    endpoints = data.get("endpoints", {})
    asked = urlsplit(endpoints.get("token_endpoint", "")).path
    return "graph" not in endpoints and bool(asked) and asked != urlsplit(own["token_endpoint"]).path


def _at_the_sandbox(data: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, Any]:
    endpoints = {name: own.get(name, url) for name, url in data["endpoints"].items() if name != "issuer"}
    kept = {name: value for name, value in data.items() if name not in _SET_ASIDE}
    return kept | {"endpoints": endpoints}
