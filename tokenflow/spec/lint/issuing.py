"""A lifecycle against its issuer, and an issuer against others (TF220, 221, 226-229, 602, 604, 610, 633)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic, Related
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.lint.using import uses
from tokenflow.spec.neighbours import unknown_issuer
from tokenflow.spec.words import did_you_mean

_REPLACES: Final = ("grace", "strict")
"""Contracts under which a refresh ends the old refresh token."""


def known(s: Subject) -> Iterator[Diagnostic]:
    """The issuer is there."""
    if "issuer" not in s.data or s.shelf is None:
        return
    name = s.data["issuer"]
    found = s.shelf.named("Issuer", name, s.folder)
    if found is None:
        message, help = unknown_issuer(name, s.shelf.names("Issuer"))
        yield s.found("TF220", message, "issuer", help=help)
    elif found.root is None and not found.given:
        yield s.found("TF220", f"the document of the issuer `{name}` has errors of its own", "issuer")


def endpoints(s: Subject) -> Iterator[Diagnostic]:
    """The issuer has the endpoints that the capabilities in use call."""
    if s.issuer is None:
        return
    have = s.issuer.table("endpoints")
    for use in uses(s):
        for endpoint in s.names.endpoints.get(use.name, ()):
            if endpoint not in have:
                message = f"`{use.name}` calls the {endpoint}, and `{s.data['issuer']}` declares none"
                related = s.issuer.note("its endpoints", "endpoints", key=True)
                yield s.found("TF221", message, *use.path, related=related)


def same_secrets(s: Subject) -> Iterator[Diagnostic]:
    """A secret that both declare is one."""
    theirs = {} if s.issuer is None else s.issuer.table("secrets")
    for name, body in s.table("secrets").items():
        if s.issuer is None or name not in theirs or _secret(body) == _secret(theirs[name]):
            continue
        message = f"`{name}` is declared otherwise by `{s.data['issuer']}`; this one counts"
        yield s.found(
            "TF226",
            message,
            "secrets",
            name,
            key=True,
            help=f"remove: [secrets.{name}]" if "extends" in s.data else None,
            related=s.issuer.note("declared there", "secrets", name, key=True),
        )


def rotation(s: Subject) -> Iterator[Diagnostic]:
    """A command that refreshes keeps the issuer's contract."""
    if s.issuer is None:
        return
    contract = s.issuer.table("rotation").get("contract", "none")
    said = s.issuer.note("its contract", "rotation", key=True) if "rotation" in s.issuer.data else ()
    for name, body in s.table("commands").items():
        place = ("commands", name)
        if body.get("rotates") and contract == "none":
            message = f"`{name}` rotates, but `{s.data['issuer']}` lets the refresh token stay"
            yield s.found("TF227", message, *place, "rotates", related=said, severity="warning")
        if not _refreshes(body):
            continue
        if contract in _REPLACES and not body.get("rotates"):
            message = (
                f"`{s.data['issuer']}` replaces the refresh token ({contract}), and `{name}` does not say so"
            )
            yield s.found("TF227", message, *place, key=True, help="rotates: true", related=said)
        elif contract == "strict" and body.get("idempotent") and not body.get("rotates"):
            message = (
                f"`{name}` is not safe to repeat: `{s.data['issuer']}` ends the old refresh token at once"
            )
            yield s.found("TF227", message, *place, "idempotent", related=said)


def in_doubt(s: Subject) -> Iterator[Diagnostic]:
    """After a refresh whose answer was lost, there is somebody to ask, or it is settled that nobody is."""
    if s.issuer is None or "introspect" in s.table("commands") or "probe" in s.issuer.data:
        return
    rule = s.issuer.table("rotation")
    wanted = rule.get("lost_answer", "probe" if rule.get("contract") == "strict" else "repeat")
    for name, body in s.table("commands").items():
        if body.get("rotates") and wanted == "probe":
            message = f"when an answer to `{name}` is lost, nothing can find out which refresh token is alive"
            help = "an `introspect` command, or the issuer's `probe:` or `lost_answer: reconsent`"
            gone = ("commands", "introspect")
            yield s.found("TF229", message, "commands", name, key=True, help=help, lacking=gone)


def public_client(s: Subject) -> Iterator[Diagnostic]:
    """A client without a secret has its refresh token rotated."""
    if s.issuer is None or s.issuer.table("rotation").get("contract", "none") != "none":
        return
    alone = s.issuer.table("client").get("token_endpoint_auth_method") == "none"
    for name, body in s.table("commands").items():
        if _refreshes(body) and (alone or not body.get("secrets")):
            message = f"`{name}` refreshes without a client secret, and the refresh token is never replaced"
            help = "RFC 9700 §2.2.2: rotate it (`rotation:` of the issuer), or bind it to its sender"
            yield s.found("TF604", message, "commands", name, key=True, help=help)


def public_code(s: Subject) -> Iterator[Diagnostic]:
    """A client without a secret has nothing but PKCE to protect its codes."""
    if s.issuer is None or s.issuer.table("requests").get("pkce", "S256") == "S256":
        return
    alone = s.issuer.table("client").get("token_endpoint_auth_method") == "none"
    for name, body in s.table("acquire").items():
        if "exchange" in body.get("with", {}) and (alone or not body.get("secrets")):
            message = f"`{name}` redeems codes without a client secret, and `{s.data['issuer']}` without PKCE"
            related = s.issuer.note("switched off here", "requests", "pkce")
            yield s.found("TF602", message, "acquire", name, key=True, related=related)


def grace(s: Subject) -> Iterator[Diagnostic]:
    """A grace belongs to a contract of grace, and that has one."""
    body = s.table("rotation")
    if "grace" in body and body.get("contract") != "grace":
        message = f"the contract is `{body.get('contract', 'none')}`, so there is no time of grace"
        yield s.found("TF228", message, "rotation", "grace", key=True)
    elif body.get("contract") == "grace" and "grace" not in body:
        message = "how long does the old refresh token still work?"
        yield s.found("TF228", message, "rotation", "contract", help="grace: 30s")


def own_way_back(s: Subject) -> Iterator[Diagnostic]:
    """No other issuer seen with this one has its redirect_uri."""
    mine = s.table("client").get("redirect_uri")
    if s.shelf is None or not isinstance(mine, str):
        return
    for (kind, name), found in s.shelf.given.items():
        if kind != "Issuer" or name == s.data["metadata"]["name"] or found.root is None:
            continue
        theirs = found.root.find(("client", "redirect_uri"))
        if theirs.value == mine:
            message = f"`{name}` has the same redirect_uri, so one's answer may be taken for the other's"
            related = (Related(label="the other", span=theirs.span),)
            yield s.found("TF610", message, "client", "redirect_uri", related=related)


def proof(s: Subject) -> Iterator[Diagnostic]:
    """The secret that proves a call is one the issuer declares."""
    wanted = s.table("requests").get("proof", {}).get("secret")
    have = s.table("secrets")
    if wanted is not None and wanted not in have:
        message = f"calls are to be proven with `{wanted}`, and no secret is called that"
        help = did_you_mean(wanted, have, otherwise=f"declare it: secrets: {{{wanted}: {{from: ...}}}}")
        yield s.found("TF633", message, "requests", "proof", "secret", help=help)


def _secret(body: Mapping[str, Any]) -> tuple[str, str]:
    return body["from"], body.get("custody", "server")


def _refreshes(body: Mapping[str, Any]) -> bool:
    """Return whether a command presents a refresh token; it is the capability's name that tells."""
    return "refresh" in body["use"].rpartition(".")[2]


OF_LIFECYCLES: Final = (known, endpoints, same_secrets, rotation, in_doubt, public_client, public_code)
OF_ISSUERS: Final = (grace, own_way_back, proof)
