"""A request and an answer as values, so that a batch item and a socket's request are the same thing."""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from attrs import evolve, field, frozen

Pairs = tuple[tuple[str, str], ...]

#: Bytes outside UTF-8 must come back as they came: a `state` is echoed byte for byte.
_BYTES = "surrogateescape"
_VERSION = re.compile(r"^(v\d+\.\d+)(?:/|$)")


@frozen(kw_only=True)
class Call:
    """One request. Parameters and headers stay out of its repr: they carry tokens, codes and secrets."""

    method: str
    #: Without the version and without slashes at either end; "" is the root.
    path: str
    #: What the caller wrote before the path, like `v25.0`.
    version: str | None = None
    #: Scheme and authority the caller used, without a slash at the end.
    base: str
    query: Pairs = field(default=(), repr=False)
    form: Pairs = field(default=(), repr=False)
    #: The address the call came from.
    peer: str = ""
    #: Lower-case names.
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    def get(self, name: str) -> str | None:
        """Return a parameter, from the query first and then from the body."""
        for key, value in (*self.query, *self.form):
            if key == name:
                return value
        return None

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter."""
        return tuple(value for key, value in (*self.query, *self.form) if key == name)


@frozen
class Reply:
    """One answer. Its body stays out of its repr."""

    status: int
    body: bytes = field(repr=False)
    headers: Pairs = field(default=(), repr=False)
    #: For the ledger: what was refused, in the face's own words (`190/463`, `invalid_grant`).
    error: str | None = None


def json_reply(data: object, status: int = 200, *, headers: Pairs = (), error: str | None = None) -> Reply:
    """Answer JSON; nothing that may hold a token is ever cached (RFC 6749 §5.1)."""
    plain = (("content-type", "application/json; charset=UTF-8"), ("cache-control", "no-store"))
    return Reply(status, json.dumps(data, separators=(",", ":")).encode(), (*plain, *headers), error)


def html_reply(text: str, status: int = 200, *, error: str | None = None) -> Reply:
    """Answer a page that runs nothing: no script, no frame, nothing from elsewhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    headers = (
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", policy),
        ("referrer-policy", "no-referrer"),
    )
    return Reply(status, text.encode("utf-8", "replace"), headers, error)


def redirect(location: str, *, error: str | None = None) -> Reply:
    """Send the browser back to the application."""
    # A header is ASCII without line ends, whatever a redirect URI holds.
    safe = quote(location, safe="%/:=&?~#+!$,;'@()*[]", errors=_BYTES)
    return Reply(302, b"", (("location", safe), ("cache-control", "no-store")), error)


def split_version(path: str) -> tuple[str | None, str]:
    """Part `/v25.0/me/` into (`v25.0`, `me`)."""
    # Some servers' paths hold a double slash; a client that joins them so is still understood.
    bare = re.sub(r"/{2,}", "/", path).strip("/")
    found = _VERSION.match(bare)
    if found is None:
        return None, bare
    return found[1], bare[found.end() :].strip("/")


def pairs_of(text: str) -> Pairs:
    """Read a query string or a form body."""
    return tuple(parse_qsl(text, keep_blank_values=True, errors=_BYTES))


def call_of_url(url: str, method: str = "GET") -> Call:
    """Read a full URL as the request a browser would make of it."""
    parts = urlsplit(url)
    version, path = split_version(parts.path)
    base = f"{parts.scheme}://{parts.netloc}"
    return Call(method=method, path=path, version=version, base=base, query=pairs_of(parts.query))


def with_method_override(call: Call) -> Call:
    """Honour `method=delete` on a GET or a POST, as Graph does for clients that know only those."""
    wanted = (call.get("method") or "").upper()
    return evolve(call, method=wanted) if wanted in {"GET", "POST", "DELETE"} else call


def in_query(uri: str, pairs: Pairs) -> str:
    """Return *uri* with *pairs* added to its query."""
    parts = urlsplit(uri)
    query = "&".join(filter(None, (parts.query, encode(pairs))))
    return _unsplit(uri, parts.fragment, query)


def in_fragment(uri: str, pairs: Pairs) -> str:
    """Return *uri* with *pairs* in its fragment, after `&` when it already has one."""
    parts = urlsplit(uri)
    fragment = "&".join(filter(None, (parts.fragment, encode(pairs))))
    return _unsplit(uri, fragment, parts.query)


def encode(pairs: Pairs) -> str:
    """Write *pairs* as a query string."""
    return urlencode(pairs, errors=_BYTES)


def listed(text: str | None) -> tuple[str, ...]:
    """Read a list as clients write them: by comma, by space, or as JSON text (facebook.md §10.3)."""
    if not text:
        return ()
    if text.lstrip().startswith("["):
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        return tuple(dict.fromkeys(str(each) for each in read))
    return tuple(dict.fromkeys(re.split(r"[,\s]+", text.strip(", \t\r\n")))) if text.strip(", \t\r\n") else ()


def truth(text: str | None) -> bool:
    """Read a boolean parameter: `true`, `True` or `1`."""
    return (text or "").lower() in {"true", "1"}


def _unsplit(uri: str, fragment: str, query: str) -> str:
    # urlunsplit would change `fbconnect://` and other private-use URIs; the head is kept as it is.
    head = re.split(r"[?#]", uri, maxsplit=1)[0]
    return head + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
