"""Tokens that change hands: vouched for when they arrive, and given to whom may hold them (TF621-624)."""

from collections.abc import Iterator
from typing import Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject


def vouched_for(s: Subject) -> Iterator[Diagnostic]:
    """A secret token that another hands over is kept only once its issuer has said whose it is."""
    if s.table("token").get("sensitivity", "secret") == "public":
        return
    for name, body in s.table("acquire").items():
        if body["use"] in s.names.handed and "verify" not in body:
            yield s.found(
                "TF621",
                f"`{name}` takes a token that another hands over, and nobody is asked whose it is",
                "acquire",
                name,
                key=True,
                help="name the issuer's command that vouches for it, e.g. `verify: facebook.debug_token`",
            )


def given_to_whom_may_hold_it(s: Subject) -> Iterator[Diagnostic]:
    """Nobody is given a code in the place of a token that may not be handed to them."""
    custody = s.table("token").get("custody", {})
    homes = custody.get("may_live", ["server"])
    for index, place in enumerate(s.table("hand_over").get("to", ())):
        if place not in homes or custody.get("transport") == "none":
            yield s.found(
                "TF622",
                f"the token is never handed to a {place}, so no code takes its place there",
                "hand_over",
                "to",
                index,
                related=s.note("where it may live", "token", "custody", key=True),
            )


def machines_on_servers(s: Subject) -> Iterator[Diagnostic]:
    """A machine's token never reaches client code: nobody could end its use there."""
    homes = s.table("token").get("custody", {}).get("may_live", ())
    if s.table("token").get("kind") == "system_user" and "client" in homes:
        help = "custody: {may_live: [server], transport: https}"
        message = "a system user's token must never reach client code"
        yield s.found("TF623", message, "token", "custody", key=True, help=help)


def lent(s: Subject) -> Iterator[Diagnostic]:
    """What `hand_over` is lent is declared, here or by the issuer."""
    if "issuer" in s.data:
        return
    for index, secret in enumerate(s.table("hand_over").get("secrets", ())):
        yield from s.known("TF103", "secret", secret, s.table("secrets"), "hand_over", "secrets", index)


CHECKS: Final = (vouched_for, given_to_whom_may_hold_it, machines_on_servers, lent)
