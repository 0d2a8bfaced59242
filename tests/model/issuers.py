"""The four contracts of refresh tokens, as the issuer keeps them."""

from tests.model.values import ALIVE, FAMILY, NO, REPLAYED, Issuer


def present(contract: str, issuer: Issuer, secret: int, grace: int) -> tuple[Issuer, int]:
    """Return the issuer after a refresh with *secret*, and its answer."""
    if secret // FAMILY != issuer.newest // FAMILY:
        return issuer, secret + 1  # the family of an earlier login: of no account
    if issuer.family != ALIVE:
        return issuer, NO
    if contract == "none":
        return issuer, issuer.newest
    if secret == issuer.newest:
        return Issuer(secret + 1, secret, grace, ALIVE), secret + 1
    if secret == issuer.used and contract == "idempotent":
        return issuer, issuer.newest
    if secret == issuer.used and contract == "grace" and issuer.window:
        return issuer._replace(newest=issuer.newest + 1), issuer.newest + 1
    return issuer._replace(family=REPLAYED), NO


def lives(contract: str, issuer: Issuer, secret: int) -> bool:
    """Return whether the issuer would take *secret* now."""
    if issuer.family != ALIVE or secret == issuer.newest:
        return issuer.family == ALIVE
    if secret != issuer.used:
        return False
    return contract == "idempotent" or (contract == "grace" and issuer.window > 0)


def lasts(contract: str, issuer: Issuer, secret: int) -> bool:
    """Return whether the issuer takes *secret* for as long as nobody spends it."""
    return lives(contract, issuer, secret) and (secret == issuer.newest or contract == "idempotent")
