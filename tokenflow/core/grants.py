"""From what an issuer granted to what a token becomes: its expiry (rule T3), its scope, its identity."""

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.errors import AnswerNotUnderstood, IssuerRefused, PayloadError, Refused
from tokenflow.core.lifecycles import Acquisition, Lifecycle, Lifetime
from tokenflow.core.tokens import NEVER, At, Expiry, Grant, Inspection, Instant, Never, Silent, Token

_VSCHARS: Final = re.compile(r"[\x20-\x7e]+")
"""What a token is made of (RFC 6749 §A.12, §A.17); anything else could neither be sealed nor sent."""


@attrs.frozen(kw_only=True)
class Life:
    """When a value ends, and whether that is our estimate."""

    expires: Expiry
    estimated: bool = False


def life_of(lifecycle: Lifecycle, name: str | None, expires: Expiry, now: Instant) -> Life:
    """Return when a value of lifetime class *name* ends. The issuer's own answer always wins.

    Silence follows the class's `if_silent`; what is assumed is marked estimated.
    """
    if not isinstance(expires, Silent):
        return Life(expires=expires)
    lifetime = lifecycle.lifetimes.get(name or "")
    if lifetime is None:
        return Life(expires=NEVER, estimated=True)
    if lifetime.if_silent == "fail":
        raise AnswerNotUnderstood(f"{lifecycle.ref}: the issuer named no expiry, and `{name}` demands one")
    if lifetime.typical is None or lifetime.if_silent == "never_expires":
        return Life(expires=NEVER)
    return Life(expires=At(now + lifetime.typical), estimated=True)


def class_of(lifecycle: Lifecycle, declared: str | None, expires: Expiry, now: Instant) -> str | None:
    """Return the lifetime class that fits what arrived: a token that arrives long-lived starts long.

    The declared class stands unless the life that came is beyond its `at_most`.
    """
    planned = lifecycle.lifetimes.get(declared or "")
    if planned is None or planned.at_most is None or isinstance(expires, Silent):
        return declared
    longer = [one for one in lifecycle.lifetimes.values() if _beyond(one, planned.at_most)]
    if isinstance(expires, At) and expires.instant - now <= planned.at_most:
        return declared
    if isinstance(expires, Never):
        return next((one.name for one in longer if one.typical is None), declared)
    timed = [one for one in longer if one.typical is not None]
    return min(timed, key=lambda one: one.typical or 0).name if timed else declared


def _beyond(lifetime: Lifetime, length: int) -> bool:
    return lifetime.typical is None or lifetime.typical > length


def demand_value(lifecycle: Lifecycle, grant: Grant) -> None:
    """Raise AnswerNotUnderstood when no value arrived: usable implies one (ruling 23)."""
    if grant.access_token is None:
        raise AnswerNotUnderstood(f"{lifecycle.ref}: what arrived holds no token")


def demand_vouched(lifecycle: Lifecycle, acquisition: Acquisition) -> None:
    """Raise Refused("not_verified") where another's hand may bring a secret token that no issuer vouches for.

    A code that is exchanged at the issuer is vouched for by its exchange (security.md D1).
    """
    exchanged = "exchange" in acquisition.options
    if acquisition.verify is None and not exchanged and lifecycle.sensitivity != "public":
        raise Refused(
            "not_verified",
            f"{lifecycle.ref}: what is handed over for `{acquisition.platform}` is verified by nobody",
            mend="name the issuer's command that vouches for it, e.g. `verify: facebook.debug_token`",
        )


def received(
    lifecycle: Lifecycle, grant: Grant, held: Token, name: str | None, now: Instant
) -> dict[str, Any]:
    """Return the changes a new value brings to *held*. A missing refresh token or scope leaves the old."""
    for value in (grant.access_token, grant.refresh_token):
        if value is not None and not _VSCHARS.fullmatch(value.reveal()):
            raise AnswerNotUnderstood(f"{lifecycle.ref}: what arrived has characters that no token has")
    life = life_of(lifecycle, name, grant.expires, now)
    if isinstance(life.expires, At) and life.expires.instant <= now:
        raise AnswerNotUnderstood(f"{lifecycle.ref}: what arrived is already over")
    changes: dict[str, Any] = {
        "access_token": grant.access_token,
        "expires": life.expires,
        "estimated": life.estimated,
        "issued_at": held.issued_at if held.issued_at is not None else now,
        "refreshed_at": now,
        "generation": held.generation + 1,
        "attributes": {**held.attributes, **grant.attributes},
    }
    if grant.refresh_token is not None:
        changes |= {"refresh_token": grant.refresh_token, "refresh_expires": grant.refresh_expires}
    if grant.scope is not None:
        changes["scope"] = grant.scope
    return changes


def learned(lifecycle: Lifecycle, found: Inspection, held: Token) -> dict[str, Any]:
    """Return the changes that the issuer's word about *held* brings: its scope, and facts that are declared.

    The value and its end stay. Raises IssuerRefused when the issuer calls the token dead: what that means
    is in the answer's facts, as with any no; AnswerNotUnderstood for another user's (security.md D9).
    """
    if not found.active:
        raise IssuerRefused("the issuer calls the token dead", status=400, facts=dict(found.facts))
    user = held.attributes.get("user_id")
    if None not in (user, found.subject) and found.subject != str(user):
        raise AnswerNotUnderstood(f"{held.key}: the issuer spoke of another user's token; what is held stays")
    facts = {name: value for name, value in found.attributes.items() if name in lifecycle.attributes}
    scope = held.scope if found.scope is None else found.scope
    return {"scope": scope, "attributes": {**held.attributes, **facts}}


def with_defaults(lifecycle: Lifecycle, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return declared attributes only, defaults filled in; raises Refused naming a missing required one."""
    known = {name: spec["default"] for name, spec in lifecycle.attributes.items() if "default" in spec}
    known |= {
        name: value
        for name, value in attributes.items()
        if name in lifecycle.attributes and value is not None
    }
    missing = [
        name for name, spec in lifecycle.attributes.items() if spec.get("required") and name not in known
    ]
    if missing:
        raise Refused(
            "attribute_missing",
            f"{lifecycle.ref} needs {', '.join(missing)}, which neither the caller nor the issuer named",
            mend=f"pass attributes={{{missing[0]!r}: ...}}",
        )
    return known


def identity_of(lifecycle: Lifecycle, attributes: Mapping[str, Any], form: str) -> tuple[str, ...]:
    """Return the values that make a token unique; `form` is the acquisition's name (ruling 23).

    Empty while one of them is unknown: then nothing can be told apart by it.
    """
    facts = {**attributes, "form": form}
    if not lifecycle.identity or any(facts.get(name) is None for name in lifecycle.identity):
        return ()
    return (lifecycle.name, *(str(facts[name]) for name in lifecycle.identity))


def demand_expected(lifecycle: Lifecycle, expected: Mapping[str, Any], grant: Grant) -> None:
    """Raise PayloadError (other_user, other_identity) for a grant of somebody else than was expected.

    *expected* are attributes that the caller named. Whom a code is of, nobody knows before it is exchanged.
    """
    for name in lifecycle.identity:
        wanted, came = expected.get(name), grant.attributes.get(name)
        if wanted is not None and came is not None and str(wanted) != str(came):
            code = "other_user" if name == "user_id" else "other_identity"
            raise PayloadError(code, f"{lifecycle.ref}: what came is of another {name} than was expected")


def verified(
    lifecycle: Lifecycle,
    acquisition: Acquisition,
    client_id: str,
    grant: Grant,
    found: Inspection,
    now: Instant,
) -> Grant:
    """Return *grant* with what the issuer said of it; raises PayloadError or Refused (security.md D1, D2).

    A value from a client is kept only if the issuer calls it active, ours, this user's and of the
    scopes claimed. The facts kept are the issuer's, not the client's.
    """
    if not found.active:
        code = "expired" if found.facts.get("subcode") == 463 else "forged"
        raise PayloadError(
            code, f"{lifecycle.ref}: the issuer does not call this token valid", mend="log in again"
        )
    if found.app_id != client_id:  # one that is not named is nobody's
        raise PayloadError("other_app", f"{lifecycle.ref}: this token was issued to another app")
    if found.kind is not None and found.kind != lifecycle.kind:
        raise PayloadError(
            "other_kind", f"{lifecycle.ref}: this is a token of kind {found.kind}, not {lifecycle.kind}"
        )
    if found.issued_at is not None and found.issued_at > now + lifecycle.backward_tolerance:
        raise PayloadError("forged", f"{lifecycle.ref}: the issuer has yet to issue this token")
    claimed = grant.attributes.get("user_id")
    if claimed is not None and str(claimed) != found.subject:
        raise PayloadError(
            "other_user", f"{lifecycle.ref}: this token speaks for another user than it claims"
        )
    confirmed = found.scope if found.scope is not None else frozenset()
    if grant.scope is not None and not grant.scope <= confirmed:
        lacking = ", ".join(sorted(grant.scope - confirmed))
        raise Refused("not_verified", f"{lifecycle.ref}: the issuer does not confirm the scope {lacking}")
    expires = grant.expires if isinstance(found.expires, Silent) else found.expires
    if isinstance(expires, At) and expires.instant <= now:
        raise PayloadError("expired", f"{lifecycle.ref}: this token is over", mend="log in again")
    facts = {name: value for name, value in found.attributes.items() if value is not None}
    return attrs.evolve(
        grant,
        expires=expires,
        scope=found.scope if found.scope is not None else grant.scope,
        attributes={**grant.attributes, **facts},
    )
