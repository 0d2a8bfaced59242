"""`web.implicit`: the token comes back in the fragment of the address (RFC 6749 §4.2).

For a web view in a desktop app, which no server can be reached from and which may hold no secret. Whoever
puts an address into it may put another app's token there, so a lifecycle verifies what comes this way.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import (
    NEVER,
    AnswerNotUnderstood,
    At,
    Flow,
    Grant,
    Instant,
    Order,
    PayloadError,
    Prompt,
    Shape,
    ask,
    epoch,
    grant_of,
    lifetime,
    nonce,
    now,
)
from tokenflow_web.answer import checked, declined, granted
from tokenflow_web.request import OPTIONS, authorization_url

IMPLICIT_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "include": {
            "type": "array",
            "items": {"enum": ["signed_request", "graph_domain", "granted_scopes"]},
            "description": "Facebook: what comes with the token.",
        },
        **OPTIONS,
    },
}

_FRAGMENT: Final = Shape(zero="never", attributes={"graph_domain": ("graph_domain",)})
"""At Facebook, the one that still answers this way, an `expires_in` of 0 is never (facebook.md §11)."""


def implicit(order: Order) -> Flow[Grant]:
    """Log a person in by the implicit grant; the answer is the parameters of the fragment.

    Raises ConsentDenied, IssuerRefused, and PayloadError (forged, malformed) for an answer that is not to
    this login or holds no token.
    """
    state = yield from nonce()
    response_type = ",".join(["token", *order.options.get("include", ())])
    url = authorization_url(order, state=state, response_type=response_type)
    answer = yield from ask(Prompt(url=url, state=state))
    checked(answer, state=state, issuer=order.issuer)
    return _grant(answer, (yield from now()))


def _grant(answer: Mapping[str, str], came: Instant) -> Grant:
    """Return what the fragment grants. Its lifetime is counted from when it came: it was just made."""
    try:
        plain = grant_of({name: answer[name] for name in answer if name != "refresh_token"}, came, _FRAGMENT)
        ends = _data_access(answer, came)
    except AnswerNotUnderstood as error:
        problem = str(error)
    else:
        attributes = {**plain.attributes, **declined(answer), **ends}
        named = granted(answer)
        return attrs.evolve(plain, scope=plain.scope if named is None else named, attributes=attributes)
    raise PayloadError("malformed", f"the address brought no token: {problem}")


def _data_access(answer: Mapping[str, str], came: Instant) -> Mapping[str, Any]:
    """Return until when the app may read the person's data, if that ends (facebook.md §1.2)."""
    ends = epoch(answer.get("data_access_expiration_time"), zero=NEVER)
    if not isinstance(ends, At) and "data_access_expiration_time" not in answer:
        ends = lifetime(answer.get("reauthorize_required_in"), came, zero=NEVER)
    return {"data_access_expires_at": ends.instant} if isinstance(ends, At) else {}
