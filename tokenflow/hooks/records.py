"""What a plugin yields: frozen records with a name. Signatures never grow; records do, with defaults.

A record whose `api` is above ours is listed as broken ("needs plugin API 2") and stops nobody else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import attrs

from tokenflow.core.conditions import GuardCheck
from tokenflow.core.effects import Code, Flow, Order
from tokenflow.core.news import Heard
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Grant, Inspection
from tokenflow.hooks.formats import Describe, Recognise, Write

API: Final = 1
"""The plugin API this tokenflow speaks."""

ANYWHERE: Final = frozenset({"client", "server"})
SERVER: Final = frozenset({"server"})
CLIENT: Final = frozenset({"client"})

AcquireFlow: TypeAlias = Callable[[Order], Flow[Grant]]
CommandFlow: TypeAlias = Callable[[Order], Flow[Grant | Inspection | Code | None]]
DeriveFlow: TypeAlias = Callable[[Order], Flow[Sequence[Grant]]]


@attrs.frozen(kw_only=True)
class Acquirer:
    """A way a token arrives: `acquire.<platform>.use`."""

    name: str
    """<plugin>.<capability>, e.g. android.sdk."""
    flow: AcquireFlow
    runs_on: frozenset[str] = SERVER
    options: Mapping[str, Any] = attrs.field(factory=dict)
    """JSON Schema of the spec's `with:`."""
    endpoints: frozenset[str] = frozenset()
    """Endpoints of the issuer it calls, by their RFC 8414 names; a spec that names an issuer without one is
    told so."""
    encode_login: Callable[[Mapping[str, Any], int], Any] | None = None
    """Writes what an issuer gave a person (and the instant, epoch seconds) as the platform's own
    bytes: what `flow` takes as payload. For rehearsals."""
    handed: bool = False
    """What it brings was another's, who handed it over: a spec that uses it says who vouches (`verify`)."""
    once: Callable[[Order], str | None] | None = None
    """Names the login that a payload holds, for one that is brought again and again and works once: a
    digest, never a secret. It covers all that makes the payload authentic, for whoever brings the same
    name is given the token that came of it, unasked. None: nothing is there to be named."""
    api: int = API


@attrs.frozen(kw_only=True)
class Command:
    """Something an issuer does: extend, introspect, verify, revoke.

    Its flow returns a Grant (a new value), an Inspection (what the issuer says of the token), a Code
    (for another to redeem), or None (done).
    """

    name: str
    flow: CommandFlow
    runs_on: frozenset[str] = SERVER
    options: Mapping[str, Any] = attrs.field(factory=dict)
    endpoints: frozenset[str] = frozenset()
    api: int = API


@attrs.frozen(kw_only=True)
class CodeExchange:
    """How an issuer turns an authorization code into a grant: `with: {exchange: ...}` of a platform."""

    name: str
    flow: Callable[[Order, Code], Flow[Grant]]
    endpoints: frozenset[str] = frozenset()
    api: int = API


@attrs.frozen(kw_only=True)
class Deriver:
    """A way to get child tokens from a parent: `derive.use`. One Grant a child, its facts in `attributes`."""

    name: str
    flow: DeriveFlow
    runs_on: frozenset[str] = SERVER
    endpoints: frozenset[str] = frozenset()
    api: int = API


@attrs.frozen(kw_only=True)
class Callback:
    """Something an issuer says by itself: `callbacks.<name>.use` of its document. It runs on the server.

    Its flow verifies `order.payload`, a Message as it came, and returns what is Heard in it; it raises
    PayloadError for anything that the issuer did not send.
    """

    name: str
    flow: Callable[[Order], Flow[Heard]]
    options: Mapping[str, Any] = attrs.field(factory=dict)
    """JSON Schema of the document's `with:`."""
    endpoints: frozenset[str] = frozenset()
    """Endpoints of the issuer it calls, by their RFC 8414 names."""
    api: int = API


@attrs.frozen(kw_only=True)
class Format:
    """A form tokens are found in: what `tokenflow inspect` explains and `tokenflow token put` writes."""

    name: str
    """<plugin>.<form>, e.g. android.preferences."""
    recognise: Recognise
    """Whether this is the form of a specimen, damaged ones too; quick, and never raises."""
    describe: Describe
    """Explains a specimen that was recognised; raises PayloadError where it cannot be read."""
    guess: bool = False
    """Asked only where no other form is recognised: anything might be this."""
    write: Write | None = None
    """Given what an issuer granted (`access_token`, `app_id`, `user_id`, `granted_scopes`, `expires_at` in
    epoch seconds, 0 never ...), the instant, and what the file holds now or None, returns what it is to
    hold; raises PayloadError. None where the platform keeps no such file."""
    file: str = ""
    """What the platform calls the file."""
    api: int = API


@attrs.frozen(kw_only=True)
class Guard:
    """A named condition: pure, no I/O, no secret in sight."""

    name: str
    check: GuardCheck
    options: Mapping[str, Any] = attrs.field(factory=dict)
    """JSON Schema of the spec's argument: `guard.<name>: <argument>`."""
    api: int = API


@attrs.frozen(kw_only=True)
class SecretSource:
    """A scheme of secret references, e.g. `env`."""

    name: str
    """The scheme."""
    read: Callable[[str], Secret]
    """Given what follows the colon; raises SecretNotFound."""
    api: int = API


@attrs.frozen(kw_only=True)
class KeyOrder:
    """What a key service is asked to wrap, or to unwrap."""

    item: str
    """Which of its keys: what follows `scheme:` in the reference."""
    content: bytes = attrs.field(repr=False)
    """32 bytes to be wrapped, or what `wrap` returned for them."""
    store: str
    """Id of the store they are for. Bind it (an encryption context, associated data): what was wrapped for
    one store is then unwrapped for no other."""


@attrs.frozen(kw_only=True)
class KeyService:
    """Something that holds a key and never gives it away, a KMS say: the scheme of `--key scheme:item`.

    It is asked when a store is opened and when its ring of keys changes, never for a token. `wrap` and
    `unwrap` raise SecretNotFound when it cannot be asked, WrongKey when it says no.
    """

    name: str
    """The scheme."""
    wrap: Callable[[KeyOrder], bytes]
    unwrap: Callable[[KeyOrder], bytes]
    api: int = API


@attrs.frozen(kw_only=True)
class StoreOrder:
    """What a store is opened with."""

    path: str
    """What follows `scheme:` in the store's URL."""
    options: Mapping[str, str] = attrs.field(factory=dict)
    """The URL's query."""
    create: bool = True
    """Whether a missing store is made."""


class OpenStore(Protocol):
    """Open a store; raises StoreError."""

    def __call__(self, order: StoreOrder) -> Any:
        """Return an object with the methods of `tokenflow.engine.stores.Store`."""


@attrs.frozen(kw_only=True)
class StoreBackend:
    """A place where tokens rest: the scheme of `--store scheme:path`."""

    name: str
    """The scheme."""
    open: OpenStore
    capabilities: frozenset[str] = frozenset()
    """durable, leases, journal, outbox."""
    api: int = API


Record: TypeAlias = (
    Acquirer
    | Callback
    | Command
    | CodeExchange
    | Deriver
    | Format
    | Guard
    | KeyService
    | SecretSource
    | StoreBackend
)
