"""How a Graph call is made.

Every call is a POST whose form names the method meant (`method=get`, `method=delete`): the token
travels in Authorization and the proof in the body, so that the URL holds neither (security.md B4).
"""

from collections.abc import Mapping

from tokenflow import (
    AnswerNotUnderstood,
    Flow,
    Order,
    Refused,
    Request,
    Response,
    Secret,
    body_of,
    proof,
    secret,
    send,
)
from tokenflow_facebook.answers import shape_of


def call(
    order: Order, method: str, path: str, token: Secret, form: Mapping[str, str | Secret] | None = None
) -> Flow[Response]:
    """Call *path* with *token*; with `appsecret_proof` wherever the step is lent the app secret."""
    fields: dict[str, str | Secret] = {**(form or {}), "method": method}
    if "app_secret" in order.secrets:
        fields["appsecret_proof"] = proof(token, (yield from secret(order, "app_secret")))
    url = f"{order.issuer.endpoint('graph').rstrip('/')}/{path}"
    return (yield from send(Request(method="POST", url=url, form=fields, bearer=token)))


def app_token(order: Order) -> Flow[Secret]:
    """Return the app id and the app secret as the app token they stand for (seed; facebook.md §1.8)."""
    app_secret = yield from secret(order, "app_secret")
    return Secret(f"{order.issuer.client_id}|{app_secret.reveal()}")


def client_token(order: Order) -> Flow[Secret]:
    """Return the app id and the client token as the token they stand for (facebook.md §1.8)."""
    value = yield from secret(order, "client_token")
    return Secret(f"{order.issuer.client_id}|{value.reveal()}")


def held(order: Order) -> Secret:
    """Return the token the step is about: what arrived, or what is held; raises Refused for neither."""
    source = order.grant if order.grant is not None else order.token
    if source is None or source.access_token is None:
        raise Refused("not_usable", f"{order.key} holds no access token to make this call with")
    return source.access_token


def done(order: Order, response: Response) -> None:
    """Check an answer that says only whether it was done: `{"success": true}`, or a bare `true`."""
    if response.status < 300 and response.body.strip() == b"true":
        return
    if body_of(response, shape_of(order.issuer.response)).get("success") is not True:
        raise AnswerNotUnderstood("the issuer did not confirm that it was done")
