"""`oauth2.revoke`: end a token at its issuer (RFC 7009)."""

from tokenflow import Flow, IssuerRefused, Order, Refused, Response, Secret, body_of
from tokenflow_oauth2.client import post


def revoke(order: Order) -> Flow[None]:
    """Revoke the refresh token, then the access token: a server may let the second outlive the first.

    A token the issuer does not know counts as revoked (RFC 7009 §2.2). Raises IssuerRefused, and
    Refused("cannot_revoke") where the issuer has no such endpoint.
    """
    token = order.token
    if "revocation_endpoint" not in order.issuer.endpoints:
        raise Refused("cannot_revoke", f"issuer {order.issuer.name} declares no revocation_endpoint")
    if token is None or (token.access_token is None and token.refresh_token is None):
        raise Refused("not_usable", f"{order.key} holds no token to revoke")
    if token.refresh_token is not None:
        _check(order, (yield from _ask(order, token.refresh_token, "refresh_token")))
    if token.access_token is not None:
        response = yield from _ask(order, token.access_token, "access_token")
        try:
            _check(order, response)
        except IssuerRefused as refused:
            # Some servers end access tokens only with their refresh token (RFC 7009 §2.2.1).
            if token.refresh_token is None or refused.facts.get("error") != "unsupported_token_type":
                raise


def _ask(order: Order, token: Secret, hint: str) -> Flow[Response]:
    return (yield from post(order, "revocation_endpoint", {"token": token, "token_type_hint": hint}))


def _check(order: Order, response: Response) -> None:
    """Accept any success: the body of one is nobody's business and often empty, unless a no may be in it."""
    shape = order.issuer.response
    if not 200 <= response.status < 300 or (shape.ok and response.body.strip()):
        body_of(response, shape)
