"""Custody is data flow: a server's secret stays there, and so does an app token (TF202-207, TF210)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject


def lent_secrets(s: Subject) -> Iterator[Diagnostic]:
    """A secret that is lent is declared, here or by the issuer, and goes only where its custody allows."""
    declared = s.table("secrets")
    for group, name, body in _steps(s):
        place = (group,) if name is None else (group, name)
        for index, secret in enumerate(body.get("secrets", ())):
            if secret not in declared:
                # The Issuer document may declare it; only a lifecycle without one can be sure.
                if "issuer" not in s.data:
                    yield from s.known(
                        "TF103",
                        "secret",
                        secret,
                        declared,
                        *place,
                        "secrets",
                        index,
                        lacking=("secrets", secret),
                    )
                continue
            yield from _lent(s, secret, body, place, index)


def _lent(
    s: Subject, secret: str, body: Mapping[str, Any], place: tuple[str, ...], index: int
) -> Iterator[Diagnostic]:
    if s.table("secrets")[secret].get("custody", "server") != "server":
        return
    where = body.get("runs_on")
    if where is None:
        message = (
            f"`{place[-1]}` is lent the server-only secret `{secret}` but does not say `runs_on: server`"
        )
        yield s.found("TF204", message, *place, key=True)
    elif where not in ("server", ["server"]):
        message = f"secret `{secret}` may not leave the server, but `{place[-1]}` runs on the client"
        related = (
            *s.note("declared server-only", "secrets", secret, key=True),
            *s.note("and it runs here", *place, "runs_on"),
        )
        yield s.found("TF202", message, *place, "secrets", index, related=related)


def acquired_where_it_may_live(s: Subject) -> Iterator[Diagnostic]:
    """A token is acquired where it may be held."""
    token = s.table("token")
    live = _homes(s)
    for name, body in s.table("acquire").items():
        if body["runs_on"] not in live:
            app = token.get("kind") == "app"
            kind, where = token.get("kind"), body["runs_on"]
            message = f"a token of kind `{kind}` may not live on the {where}, but `{name}` acquires it there"
            related = s.note("custody", "token", "custody", key=True)
            help = "app tokens belong in server-to-server calls only" if app else None
            yield s.found("TF203", message, "acquire", name, "runs_on", related=related, help=help)


def two_homes(s: Subject) -> Iterator[Diagnostic]:
    """A token with two homes may travel between them."""
    if s.table("token").get("custody", {}).get("transport") == "none" and len(_homes(s)) > 1:
        yield s.found(
            "TF205", "the token may live in two places but may not be moved", "token", "custody", key=True
        )


def rotating_once(s: Subject) -> Iterator[Diagnostic]:
    """A command that rotates the refresh token is not idempotent: the second call presents a dead one."""
    for name, body in s.table("commands").items():
        if body.get("rotates") and body.get("idempotent"):
            message = "a command that rotates is not idempotent: a second call presents a dead refresh token"
            yield s.found("TF206", message, "commands", name, "idempotent", key=True)


def app_tokens_on_servers(s: Subject) -> Iterator[Diagnostic]:
    """An app token never reaches client code (seed): whoever holds it may change the app."""
    if s.table("token").get("kind") == "app" and "client" in _homes(s):
        help = "custody: {may_live: [server], transport: none}"
        yield s.found(
            "TF207", "an app token must never reach client code", "token", "custody", key=True, help=help
        )


def vouched_for(s: Subject) -> Iterator[Diagnostic]:
    """A secret token that a person's device hands over is not kept before the issuer vouched for it."""
    if s.table("token").get("sensitivity", "secret") == "public":
        return
    for name, body in s.table("acquire").items():
        if body["runs_on"] == "client" and body.get("consent") == "person" and "verify" not in body:
            message = (
                f"`{name}` takes a token from a client, and nothing verifies it: it could be another app's"
            )
            help = "name the issuer's command that vouches for it, e.g. `verify: facebook.debug_token`"
            yield s.found("TF210", message, "acquire", name, key=True, help=help)


def _homes(s: Subject) -> tuple[str, ...]:
    return tuple(s.table("token").get("custody", {}).get("may_live", ("server",)))


def _steps(s: Subject) -> Iterator[tuple[str, str | None, Mapping[str, Any]]]:
    for group in ("acquire", "commands"):
        for name, body in s.table(group).items():
            yield group, name, body
    if s.table("derive"):
        yield "derive", None, s.table("derive")


CHECKS: Final = (
    lent_secrets,
    acquired_where_it_may_live,
    two_homes,
    rotating_once,
    app_tokens_on_servers,
    vouched_for,
)
