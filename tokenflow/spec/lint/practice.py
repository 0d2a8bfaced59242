"""What OAuth's best current practice forbids (TF601, 602, 605-608, 615): RFC 9700, 6750, 8252."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Node, Path

_IN_NO_URL: Final = frozenset({"access_token", "refresh_token", "client_secret"})
_LOOPBACK: Final = re.compile(r"http://(127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\])(?![^:/?#])")


def implicit(s: Subject) -> Iterator[Diagnostic]:
    """No token comes back in an address."""
    for path, key, node in _options(s):
        if key == "response_type" and "token" in str(node.value).split():
            message = f"`response_type: {node.value}` brings the token in the browser's address"
            yield s.found("TF601", message, *path, help="the code grant does not: use web.redirect")
    for name, body in s.table("acquire").items():
        browser = body["use"].startswith("javascript.") and body["runs_on"] == "client"
        if browser and body.get("kept_by", "tokenflow") != "platform":
            message = f"`{name}` takes a token out of the browser to keep it"
            yield s.found("TF601", message, "acquire", name, key=True, help="kept_by: platform")


def unverified(s: Subject) -> Iterator[Diagnostic]:
    """A token that comes in an address is vouched for before it is kept."""
    for name, body in s.table("acquire").items():
        if body["use"] == "web.implicit" and "verify" not in body:
            message = f"`{name}` takes a token out of an address, and nothing says whose it is"
            help = "name what vouches for it (`verify: ...`), or use the code grant: web.redirect"
            yield s.found("TF615", message, "acquire", name, key=True, help=help)


def without_pkce(s: Subject) -> Iterator[Diagnostic]:
    """PKCE is on, and its method is S256."""
    for path, key, node in _options(s):
        if key == "code_challenge_method" and node.value != "S256":
            yield s.found("TF602", f"`{node.value}` protects no code; the method is S256", *path)
        elif key in ("pkce", "use_pkce") and node.value in (False, "none", "off", "plain"):
            yield s.found("TF602", "a code without PKCE can be redeemed by whoever saw it", *path)
    if s.kind == "Issuer" and s.table("requests").get("pkce", "S256") != "S256":
        message = "without PKCE only the client's secret protects a code; is that really refused there?"
        yield s.found("TF602", message, "requests", "pkce", severity="warning")
    if s.table("client").get("code_challenge_method", "S256") != "S256" and s.kind == "Issuer":
        message = "PKCE with another method than S256 protects no code"
        yield s.found("TF602", message, "client", "code_challenge_method")


def password_grant(s: Subject) -> Iterator[Diagnostic]:
    """Nobody gives an application their password."""
    help = "send the person to the issuer, e.g. `use: web.redirect`"
    for path, key, node in _options(s):
        if key == "grant_type" and node.value == "password":
            yield s.found("TF607", "the password grant must not be used", *path, help=help)
    for group in ("acquire", "commands"):
        for name, body in s.table(group).items():
            if body["use"].rpartition(".")[2] in ("password", "ropc", "resource_owner_password"):
                message = f"`{body['use']}` takes a person's password"
                yield s.found("TF607", message, group, name, "use", help=help)


def in_an_address(s: Subject) -> Iterator[Diagnostic]:
    """No URL carries a token or a secret."""
    for name, url in s.table("endpoints").items() if s.kind == "Issuer" else ():
        for key in sorted(_query(url).keys() & _IN_NO_URL):
            yield s.found("TF608", f"the address holds `{key}`", "endpoints", name)
        if "token" in _query(url).get("response_type", "").split():
            yield s.found("TF601", "the endpoint asks for the token in an address", "endpoints", name)
    for path, key, _ in _options(s):
        if "extra" in path and key in _IN_NO_URL:
            yield s.found("TF608", f"`{key}` would go into the address a person is sent to", *path, key=True)
    for index, step in enumerate(s.data.get("steps", ())):
        request = step.get("use", {}).get("request", {})
        place = ("steps", index, "use", "request")
        for key in sorted(request.get("params", {}).keys() & _IN_NO_URL):
            yield s.found(
                "TF608", f"the call holds `{key}`; the engine adds the token", *place, "params", key
            )
        if _query(request.get("path", "")).keys() & _IN_NO_URL:
            yield s.found("TF608", "the path holds a token; the engine adds it to the header", *place, "path")


def way_back(s: Subject) -> Iterator[Diagnostic]:
    """People come back to one address, over HTTPS or to this machine."""
    uri = s.table("client").get("redirect_uri")
    if isinstance(uri, str):
        yield from _way_back(s, uri, ("client", "redirect_uri"))


def ways_back(s: Subject) -> Iterator[Diagnostic]:
    """The same of an address that one platform alone comes back to."""
    for path, key, node in _options(s):
        if key == "redirect_uri":
            yield from _way_back(s, str(node.value), path)


def _way_back(s: Subject, uri: str, place: Path) -> Iterator[Diagnostic]:
    if uri.startswith("http://") and _LOOPBACK.match(uri) is None:
        local = uri.startswith("http://localhost")
        help = uri.replace("localhost", "127.0.0.1", 1) if local else uri.replace("http:", "https:", 1)
        yield s.found("TF605", "a code that comes back over http can be read on its way", *place, help=help)
    if "*" in uri or "#" in uri:
        yield s.found("TF606", "a redirect_uri is one whole address, without `*` and `#`", *place)


def _query(url: str) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    except ValueError:
        return {}


def _options(s: Subject) -> Iterator[tuple[Path, str, Node]]:
    """Yield each scalar below a `with:` that has a key."""
    for group in ("acquire", "commands"):
        for name in s.table(group):
            place: tuple[Any, ...] = (group, name, "with")
            if "with" in s.table(group)[name]:
                for path, node in s.root.find(place).scalars(place):
                    yield path, str(path[-1]), node


OF_LIFECYCLES: Final = (implicit, unverified, ways_back, without_pkce, password_grant, in_an_address)
OF_ISSUERS: Final = (without_pkce, in_an_address, way_back)
OF_SCENARIOS: Final = (in_an_address,)
