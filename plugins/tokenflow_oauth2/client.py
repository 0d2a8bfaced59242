"""How the client asks, and shows who it is (RFC 6749 §2.3.1).

The issuer document may say so in the words of RFC 7591: `token_endpoint_auth_method`, one of
client_secret_basic, client_secret_post and none. Without it: Basic, and none where no secret is lent.
"""

from collections.abc import Mapping

from tokenflow import Flow, Order, Request, Response, Secret, secret, send


def post(order: Order, endpoint: str, form: Mapping[str, str | Secret]) -> Flow[Response]:
    """Send *form* to one of the issuer's endpoints in the client's name; raises IssuerUnreachable.

    The URL is taken as declared: some servers do serve a path with a double slash.
    """
    url, wants = order.issuer.endpoint(endpoint), order.issuer.requests
    client_id = order.issuer.client_id
    name = next((name for name in ("client_secret", "app_secret") if name in order.secrets), None)
    method = order.issuer.client.get("token_endpoint_auth_method", "client_secret_basic")
    shown: dict[str, str | Secret] = {}
    basic = None
    if name is None or method == "none":
        shown = {"client_id": client_id}
    elif method == "client_secret_post":
        shown = {"client_id": client_id, "client_secret": (yield from secret(order, name))}
    else:
        basic = (client_id, (yield from secret(order, name)))
    asked = Request(
        method="POST",
        url=url,
        form={**form, **shown},
        encoding=wants.body,
        headers=wants.headers,
        basic=basic,
    )
    return (yield from send(asked))
