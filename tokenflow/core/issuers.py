"""How an issuer departs from the standard, as data: what it wants asked, and where it answers what."""

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.tokens import frozen_mapping

Paths = tuple[str, ...]
"""Dotted paths into an answer; the first that leads to something counts."""

MILLISECOND: Final = 1_000
UNITS: Final[Mapping[str, int]] = {
    "milliseconds": MILLISECOND,
    "seconds": 1_000_000,
    "minutes": 60_000_000,
}
"""Microseconds in one of them."""


@attrs.frozen(kw_only=True)
class Proof:
    """What shows, beside the token, that the app's secret is behind a call (core.proofs)."""

    parameter: str
    """What the issuer calls it: appsecret_proof."""
    secret: str
    """The name of the secret it is keyed with."""
    method: str = "method"
    """The form's parameter that says what a GET or DELETE is, when it is sent as a POST."""


@attrs.frozen(kw_only=True)
class Requests:
    """What an issuer wants in requests beside what the RFCs say. Our own parameters always win."""

    scope_separator: str = " "
    """Between the names of a scope; RFC 6749 §3.3 says a space."""
    scope_parameter: str = "scope"
    """What the authorization request calls the scope."""
    pkce: str = "S256"
    """S256, or none for an issuer that refuses the parameters (RFC 7636)."""
    body: str = "form"
    """How the token endpoint wants its parameters: form or json."""
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Of requests to the token endpoint: accept, say."""
    authorize: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Further parameters of the authorization request: access_type ..."""
    exchange: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Further parameters with a code."""
    refresh: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Further parameters with a refresh token."""
    client_credentials: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Further parameters with the client's own credentials: audience, resource ..."""
    proof: Proof | None = None
    """With every call that a server makes with a token; None: the token is enough."""


@attrs.frozen(kw_only=True)
class Clue:
    """What an error meaning looks at beyond an answer's own codes: a header, or a path of the body."""

    place: str
    """header or body."""
    name: str
    """The header in lower case, or the dotted path."""
    values: tuple[Any, ...] = ()
    """What it may be, in the spec's own words; only they are ever noted, never what the issuer wrote."""
    unit: str | None = None
    """For a clue to when: seconds, milliseconds, minutes (from now), or epoch, epoch_milliseconds."""

    @property
    def key(self) -> str:
        """`header:retry-after` or `body:error.reason`."""
        return f"{self.place}:{self.name}"


@attrs.frozen(kw_only=True)
class Shape:
    """Where an issuer's answers keep things, and what they mean by nothing."""

    access_token: Paths = ("access_token",)
    refresh_token: Paths = ("refresh_token",)
    expires_in: Paths = ("expires_in",)
    """From now, in `unit`."""
    expires_at: Paths = ()
    """Since 1970, in seconds or milliseconds, or as RFC 3339 has it. It goes before `expires_in`."""
    refresh_expires_in: Paths = ("refresh_expires_in",)
    refresh_expires_at: Paths = ()
    scope: Paths = ("scope",)
    token_type: Paths = ("token_type",)
    attributes: Mapping[str, Paths] = attrs.field(factory=dict, converter=frozen_mapping)
    """Facts of the token that come with it."""
    unit: str = "seconds"
    """seconds, milliseconds or minutes."""
    zero: str = "silent"
    """What a 0 means where an end is named: silent or never."""
    scope_separator: str | None = None
    """Between the names of a scope; None: spaces or commas."""
    ok: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    """Path -> what stands there in a yes; anything else there is a no, whatever the HTTP status."""
    clues: tuple[Clue, ...] = ()
    """What the error meanings look at."""


STANDARD: Final = Shape()
"""RFC 6749 §5.1."""
PLAIN: Final = Requests()
"""RFC 6749 §4.1.3, §6, and PKCE."""


_RUN: Final = re.compile(r"(0|-?[1-9][0-9]{0,8})\.\.(0|-?[1-9][0-9]{0,8})?")


def run_of(wanted: Any) -> tuple[int, int | None] | None:
    """Return the first and the last number of a run such as `200..299`; `80000..` has no last.

    None for what is no run.
    """
    found = _RUN.fullmatch(wanted) if isinstance(wanted, str) else None
    return None if found is None else (int(found[1]), None if found[2] is None else int(found[2]))


def in_run(number: int, run: tuple[int, int | None]) -> bool:
    """Return whether *number* is in a run; both its ends are."""
    first, last = run
    return first <= number and (last is None or number <= last)


def at_path(fields: Any, path: str) -> Any:
    """Return what a dotted *path* leads to, through maps by key and lists by position; else None."""
    for step in path.split("."):
        if isinstance(fields, Mapping):
            fields = fields.get(step)
        elif isinstance(fields, list) and len(step) < 7 and step.isascii() and step.isdigit():
            fields = fields[int(step)] if int(step) < len(fields) else None
        else:
            return None
    return fields


def first_at(fields: Any, paths: Paths) -> Any:
    """Return what the first of *paths* leads to that leads to something; else None."""
    return next((found for path in paths if (found := at_path(fields, path)) is not None), None)


def says(value: Any, wanted: Any) -> bool:
    """Return whether an answer's *value* is what a spec *wanted*; a number may come as text."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return isinstance(value, str | int | float) and str(value) == str(wanted)
