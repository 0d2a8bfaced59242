"""The authorization request: the URL a person is sent to, and the address they come back to."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tokenflow import Order, SpecError

OPTIONS: Final[Mapping[str, Any]] = {
    "scope_separator": {
        "type": "string",
        "enum": [" ", ","],
        "description": "Between the names of a scope; else the issuer's `requests.scope_separator`.",
    },
    "auth_type": {"type": "string", "description": "Facebook: rerequest, reauthenticate, reauthorize."},
    "display": {"type": "string", "description": "OpenID Connect and Facebook: page, popup, touch."},
    "redirect_uri": {
        "type": "string",
        "description": "Where this platform comes back to, if it is not the issuer's `client.redirect_uri`; "
        "`{client_id}` in it is the app's own, as in fb{client_id}://authorize/.",
    },
    "extra": {"type": "object", "additionalProperties": {"type": "string"}},
}
"""Of the `with:` of whatever sends a person to an authorization endpoint. `extra` adds parameters; it cannot
replace those made here."""


def authorization_url(
    order: Order,
    *,
    state: str,
    response_type: str = "code",
    code_challenge: str | None = None,
    auth_nonce: str | None = None,
) -> str:
    """Return the URL of the authorization request (RFC 6749 §4.1.1); the endpoint's own query stays.

    Without a *code_challenge* there is no PKCE, as an issuer wants that refuses its parameters. With an
    *auth_nonce*, which Facebook takes once, the proof that a password was entered cannot be shown twice.
    """
    options, wants = order.options, order.issuer.requests
    parameters = {
        **wants.authorize,
        **dict(options.get("extra", {})),
        **{name: options[name] for name in ("auth_type", "display") if name in options},
        "response_type": response_type,
        "client_id": order.issuer.client_id,
        "redirect_uri": redirect_uri(order),
        "state": state,
    }
    if auth_nonce is not None:
        parameters["auth_nonce"] = auth_nonce
    if code_challenge is not None:
        parameters |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
    if order.scope:
        separator = options.get("scope_separator", wants.scope_separator)
        parameters[wants.scope_parameter] = separator.join(sorted(order.scope))
    parts = urlsplit(order.issuer.endpoint("authorization_endpoint"))
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in parameters
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *parameters.items()]), fragment=""))


def redirect_uri(order: Order) -> str:
    """Return where the person comes back to; raises SpecError when nobody says."""
    if "redirect_uri" in order.options:
        return str(order.options["redirect_uri"]).replace("{client_id}", order.issuer.client_id)
    if "redirect_uri" not in order.issuer.client:
        raise SpecError(
            f"issuer {order.issuer.name} declares no redirect_uri",
            mend="add it to the issuer: `client: {redirect_uri: https://...}`, as registered",
        )
    return order.issuer.client["redirect_uri"]
