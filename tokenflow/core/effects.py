"""What a flow may ask for. A flow is a generator that yields effects and is sent their answers.

No flow does I/O: an engine performs each effect, sync and async alike, and a test answers them by
hand (`tokenflow.testing.play`). The lower-case functions are how a flow asks, so that the type of
each answer is known: `response = yield from send(Request(...))`.
"""

import json
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from tokenflow.core.breakers import GENEROUS, PATIENT, BreakerRule, Budget
from tokenflow.core.errors import AnswerNotUnderstood, SecretNotFound
from tokenflow.core.issuers import PLAIN, STANDARD, Requests, Shape
from tokenflow.core.learning import Learned
from tokenflow.core.locks import OnLock
from tokenflow.core.news import CallbackSpec
from tokenflow.core.secret import Secret
from tokenflow.core.shelves import OnShelf
from tokenflow.core.tokens import Grant, Instant, Token, frozen_mapping

T = TypeVar("T")
Flow: TypeAlias = Generator["Effect", Any, T]

PROMPT_LIVES: Final = 10 * 60 * 1_000_000
"""A parked login waits this long, in microseconds (ruling 30)."""


@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request. Secrets travel in `form`, `bearer` or `basic`, never in the URL."""

    method: str
    url: str
    query: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    form: Mapping[str, str | Secret] | None = None
    """Sent as application/x-www-form-urlencoded, or as `encoding` says."""
    encoding: str = "form"
    """form, or json: one JSON object of texts."""
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    bearer: Secret | None = None
    """Authorization: Bearer (RFC 6750 §2.1)."""
    basic: tuple[str, Secret] | None = None
    """Authorization: Basic, client_id and client_secret (RFC 6749 §2.3.1)."""


@attrs.frozen(kw_only=True)
class Call:
    """A request the application wants made with a token of its; the engine adds the token."""

    method: str = "GET"
    path: str = "/"
    """Below the issuer's `resource` or `graph` endpoint, or a whole URL on one of its hosts."""
    params: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Query of a GET or DELETE, form of anything else."""
    needs: str | None = None
    """What it needs of the token, for rules: a page's perm, say."""
    reads: str | None = None
    """What it reads, for rules: user_data, app_level ..."""


@attrs.frozen(kw_only=True)
class Response:
    """What came back: at most 256 KiB, never followed, never decompressed (ruling 30)."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping, repr=False)
    """Names in lower case."""
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    ahead: int = 0
    """Microseconds the issuer's clock is surely ahead of ours, beyond what is tolerated (core.skews)."""

    def json(self) -> Any:
        """Return the body as JSON; raises AnswerNotUnderstood when it is not JSON."""
        found = _parsed(self.body)
        if found is None:
            raise AnswerNotUnderstood(f"the issuer answered {self.status} with a body that is not JSON")
        return found[0]


def _parsed(body: bytes) -> tuple[Any] | None:
    """Return the JSON value in a tuple, or None. json's own error holds the whole body, so it ends here."""
    try:
        return (json.loads(body),)
    except (UnicodeDecodeError, ValueError, RecursionError):
        return None


@attrs.frozen(kw_only=True)
class Prompt:
    """Something only a person can do: open `url`, and decide.

    They come back with its answer, or, at a device, the issuer is asked for it (RFC 8628).
    """

    url: str = attrs.field(repr=False)
    state: str = attrs.field(repr=False)
    """Comes back in the answer, and must be this (RFC 6749 §10.12)."""
    user_code: str | None = attrs.field(default=None, repr=False)
    """What the person enters at `url` (RFC 8628 §3.3)."""
    poll: int | None = None
    """Microseconds until it is worth asking the issuer; None: the person brings the answer."""
    until: Instant | None = None
    """When the issuer stops waiting; None: ten minutes after the person was asked (ruling 30)."""


@attrs.frozen
class Send:
    """Ask for one exchange with the issuer; answered by a Response."""

    request: Request
    within: int | None = None
    """Microseconds the whole exchange may take; None: as long as any (ruling 30)."""


@attrs.frozen
class Ask:
    """Ask a person; answered by the parameters that came back, or by `poll`, where it is worth asking now."""

    prompt: Prompt


@attrs.frozen
class Now:
    """Ask for the instant to decide by (rule T12)."""


@attrs.frozen
class Look:
    """Ask for the whole reading of the clock; answered by a Trusted (rule T12). For the house's flows."""


@attrs.frozen
class Nonce:
    """Ask for a random URL-safe text of `size` bytes' worth."""

    size: int = 32


@attrs.frozen
class ReadSecret:
    """Ask for the secret a reference names (env:, file:, keyring: ...)."""

    reference: str


@attrs.frozen(kw_only=True)
class Change:
    """One token's next revision and what happened to bring it."""

    token: Token
    expected: int
    """The revision it replaces; 0 creates."""
    happened: tuple[Any, ...] = ()
    """Events (tokenflow.core.events), stored in the same transaction."""


@attrs.frozen
class Load:
    """Ask for the token under a key; answered by it or None."""

    key: str


@attrs.frozen
class LoadChildren:
    """Ask for the tokens derived from a key."""

    key: str


@attrs.frozen
class Save:
    """Ask to save all changes in one transaction, or none (compare-and-swap on revision)."""

    changes: tuple[Change, ...]


@attrs.frozen
class Emit:
    """Tell observers of events that changed no token; one with an event id is remembered (rule E3)."""

    happened: tuple[Any, ...]


@attrs.frozen
class Seen:
    """Ask what was decided for an event id (rule E4); answered by an event or None."""

    key: str
    event_id: str


@attrs.frozen
class Park:
    """Ask to keep a login that waits for a person, sealed."""

    key: str
    journal: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen
class Unpark:
    """Ask for the login parked under a key, taking it away; answered by its journal or None."""

    key: str
    state: str = attrs.field(repr=False)


@attrs.frozen
class Waiting:
    """Ask for the login parked under a key, leaving it there; answered by its journal or None."""

    key: str


@attrs.frozen
class Worker:
    """Ask for the name under which attempts are begun here; no two that run at once have the same."""


@attrs.frozen
class Quiet:
    """Ask whether nothing that an earlier process of this worker's name sent can still arrive."""


@attrs.frozen
class Journal:
    """Ask to keep what a command received so far, sealed and durable, before it is read (rule F2)."""

    key: str
    receipt: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen
class Journaled:
    """Ask for what *worker* journaled for a key; answered by a receipt or None."""

    key: str
    worker: str


@attrs.frozen
class Unjournal:
    """Ask to remove a receipt that was dealt with; another that has replaced it stays."""

    key: str
    receipt: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen
class Pinned:
    """Ask for the lifecycle a token is pinned to (rule M1); answered by a Lifecycle."""

    token: Token


@attrs.frozen
class Admit:
    """Ask whether an issuer may be asked now, before an attempt is written down; raises IssuerUnreachable.

    While its breaker is open or its budget spent, nothing is sent and no attempt is used up.
    """

    issuer: str


@attrs.frozen
class MayRenew:
    """Ask whether values may be brought from an issuer now; raises Refused("refreshing_stopped")."""

    issuer: str


@attrs.frozen
class Recall:
    """Ask what values of a lifetime class (`lifecycle/class`) have taught; answered by a Learned."""

    name: str


@attrs.frozen
class Remember:
    """Ask to remember what values of a lifetime class have taught."""

    name: str
    learned: Learned


@attrs.frozen
class Published:
    """Ask for a public document of an issuer, e.g. its JWK Set (RFC 7517); answered by its JSON object.

    An engine keeps it for half a day, or a day while the issuer does not answer. No token is sent for it.
    """

    url: str
    at_least: Instant | None = None
    """Ask for one that was fetched then or later; it is asked for at most once in five minutes."""


Effect: TypeAlias = (
    Send
    | Ask
    | Now
    | Look
    | Nonce
    | ReadSecret
    | Load
    | LoadChildren
    | Save
    | Emit
    | Seen
    | Park
    | Unpark
    | Waiting
    | Recall
    | Remember
    | Worker
    | Quiet
    | Journal
    | Journaled
    | Unjournal
    | Pinned
    | Admit
    | MayRenew
    | Published
    | OnShelf
    | OnLock
)


@attrs.frozen(kw_only=True)
class Issuer:
    """An issuer as its document describes it: data, no behaviour."""

    name: str
    client_id: str
    client: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Further public facts of the client: redirect_uri ..."""
    endpoints: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """RFC 8414 names, and the issuer's own such as `graph`."""
    app: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    """Facts of the registered app that guards and rules read: type, marketing_access ..."""
    rotation: str = "none"
    """none, grace, idempotent or strict: what becomes of a used refresh token."""
    grace: int = 0
    """Microseconds a used refresh token still works, for `grace`."""
    lost_answer: str = "repeat"
    """repeat, probe or reconsent: what to do when a refresh was sent and its answer never came (rule F3)."""
    probe: str | None = None
    """The command that finds out which token is alive; None where the issuer has no such call."""
    requests: Requests = PLAIN
    """What it wants in requests beside the standard."""
    response: Shape = STANDARD
    """Where its answers keep things."""
    skew: int = 60 * 1_000_000
    """Microseconds its clock and ours may disagree before it is worth a word."""
    callbacks: Mapping[str, CallbackSpec] = attrs.field(factory=dict, converter=frozen_mapping)
    """What it says by itself, by the name its document gives it."""
    budget: Budget = GENEROUS
    """How many calls it may be sent."""
    breaker: BreakerRule = PATIENT
    """When it is left alone for a while."""

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint; raises KeyError naming the ones there are."""
        if name not in self.endpoints:
            raise KeyError(
                f"issuer {self.name} declares no {name}; it has {', '.join(sorted(self.endpoints))}"
            )
        return self.endpoints[name]


@attrs.frozen(kw_only=True)
class Order:
    """What a plugin's flow is asked to do: everything it may know, and no more."""

    key: str
    issuer: Issuer
    platform: str = ""
    """The acquisition's name in the spec: web, android ..."""
    runs_on: str = "server"
    attributes: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    scope: frozenset[str] = frozenset()
    options: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    """The spec's `with:`."""
    secrets: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Names the spec lets this step use, and their references (custody is data flow)."""
    payload: Any = attrs.field(default=None, repr=False)
    """What a platform handed over: bytes, text or a mapping."""
    token: Token | None = None
    """The held token (a command) or the parent (a deriver)."""
    grant: Grant | None = None
    """What arrived and is to be verified (a `verify` command)."""
    exchange: "Exchange | None" = attrs.field(default=None, repr=False)
    """The issuer's flow that turns a code into a grant, for platforms that bring a code."""
    only: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    """What the one child that is asked for is told by, e.g. its page_id (a deriver); empty: all of them."""


@attrs.frozen(kw_only=True)
class Code:
    """An authorization code on its way to the token endpoint (RFC 6749 §4.1.3)."""

    code: Secret
    redirect_uri: str
    """As in the authorization request; empty for a code from a signed cookie."""
    code_verifier: Secret | None = None
    """PKCE (RFC 7636 §4.5)."""


Exchange: TypeAlias = Callable[[Order, Code], Flow[Grant]]
"""An issuer's way to turn a code into a grant."""


def send(request: Request) -> Flow[Response]:
    """Send one request and return its response; raises IssuerUnreachable."""
    response: Response = yield Send(request)
    return response


def ask(prompt: Prompt) -> Flow[Mapping[str, str]]:
    """Ask a person and return the parameters of the answer; the login may be parked meanwhile."""
    answer: Mapping[str, str] = yield Ask(prompt)
    return answer


def now() -> Flow[Instant]:
    """Return the instant to decide by."""
    instant: Instant = yield Now()
    return instant


def nonce(size: int = 32) -> Flow[str]:
    """Return a random URL-safe text with *size* bytes of entropy."""
    text: str = yield Nonce(size)
    return text


def published(url: str, at_least: Instant | None = None) -> Flow[Mapping[str, Any]]:
    """Return a public document of an issuer; raises IssuerError where there is none.

    One older than *at_least* may come all the same: nobody makes an issuer be asked time and again.
    """
    document: Mapping[str, Any] = yield Published(url, at_least)
    return document


def secret(order: Order, name: str) -> Flow[Secret]:
    """Return the secret the spec calls *name*; raises SecretNotFound when the spec does not lend it here."""
    if name not in order.secrets:
        lent = ", ".join(sorted(order.secrets)) or "none"
        raise SecretNotFound(
            f"{order.key}: this step is lent no secret {name!r} (it has: {lent})",
            mend=f"list it in the spec: `secrets: [{name}]`",
        )
    value: Secret = yield ReadSecret(order.secrets[name])
    return value
