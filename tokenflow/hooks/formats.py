"""A form that tokens are found in outside: what recognises it, explains it, and may write it.

Explaining is pure: bytes, an instant and secrets in, a value out. What it says goes to a screen, so a
token is only ever in `Description.secrets`, of which a fingerprint is shown.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from tokenflow.core.secret import Secret
from tokenflow.core.tokens import At, Expiry, Instant


@attrs.frozen(kw_only=True)
class Specimen:
    """Something found, and what is known around it."""

    data: bytes = attrs.field(repr=False)
    """What is in it, or its beginning: see `whole`."""
    now: Instant
    name: str = ""
    """The file's name without its folder; empty for what came through a pipe."""
    whole: bool = True
    """Whether `data` is all of it."""
    beside: Mapping[str, bytes] = attrs.field(factory=dict, repr=False)
    """The other files of its folder by name, when the folder was handed in: a device image's."""
    secrets: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)
    """What there is to check signatures with, by the names specs use: app_secret, client_token ..."""


@attrs.frozen(kw_only=True)
class Refusal:
    """An issuer's no: the house adds what the issuer's document says of it."""

    issuer: str
    """The issuer document's name."""
    body: Mapping[str, Any] = attrs.field(repr=False)
    status: int = 400


@attrs.frozen(kw_only=True)
class Description:
    """What a specimen is. None says that it does not tell."""

    what: str
    """What this is, in a few words without a full stop."""
    kind: str | None = None
    """Of the token: user, app, page, client, system_user, id_token, code ..."""
    app: str | None = None
    user: str | None = None
    expires: Expiry | None = None
    data_access_expires: Expiry | None = None
    scope: frozenset[str] | None = None
    declined_scope: frozenset[str] | None = None
    expired_scope: frozenset[str] | None = None
    facts: Mapping[str, str | int | bool | At | None] = attrs.field(factory=dict)
    """What else it says, name -> value, an instant as `At`; nothing secret."""
    secrets: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)
    """What it holds that must not be shown, by name: access_token, code, id_token ..."""
    signature: str | None = None
    """verified, wrong, or not checked (and why); None where nothing is signed."""
    odd: tuple[str, ...] = ()
    """What is not as it should be."""
    sdk: str | None = None
    """What the platform's own SDK does with it."""
    refusal: Refusal | None = None
    next: tuple[str, ...] = ()
    """What to do now, the likeliest first."""


Recognise: TypeAlias = Callable[[Specimen], bool]
Describe: TypeAlias = Callable[[Specimen], Description]
Write: TypeAlias = Callable[[Mapping[str, Any], Instant, bytes | None], bytes]
