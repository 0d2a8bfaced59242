"""What the authority knows: people, pages, apps, consents, codes and tokens.

Every entry is a frozen value; a change replaces it. `World` only holds them. One lock, taken by whoever
handles a request, covers a whole request.
"""

import itertools
import threading
from collections.abc import Iterator, Mapping

from attrs import Factory, define, field, frozen

from tokenflow.sandbox.clock import VirtualClock
from tokenflow.sandbox.signing import Signer

#: A page's perms, highest first; every role is a tail of this list (facebook.md §8).
PERMS = ("ADMINISTER", "EDIT_PROFILE", "CREATE_CONTENT", "MODERATE_CONTENT", "CREATE_ADS", "BASIC_ADMIN")

#: The newer word for what a perm allows (facebook.md §8).
TASKS: Mapping[str, tuple[str, ...]] = {
    "ADMINISTER": ("MANAGE",),
    "EDIT_PROFILE": (),
    "CREATE_CONTENT": ("CREATE_CONTENT",),
    "MODERATE_CONTENT": ("MODERATE", "MESSAGING"),
    "CREATE_ADS": ("ADVERTISE",),
    "BASIC_ADMIN": ("ANALYZE",),
}


@frozen(kw_only=True)
class App:
    """An application registered with the Graph face."""

    app_id: str
    app_secret: str = field(repr=False)
    client_token: str = field(repr=False)
    name: str = "Sandbox app"
    #: `native` and `desktop` apps may not use app tokens (SEED; facebook.md §9).
    type: str = "web"
    #: `standard`: long-lived user tokens carry no expiry (SEED).
    marketing_access: str = "none"
    redirect_uris: tuple[str, ...] = ()
    require_appsecret_proof: bool = False
    #: Seconds a user token of a web login lives (SEED: one to two hours).
    short_lifetime: int = 5400
    #: Seconds a long-lived user token lives (SEED: about 60 days).
    long_lifetime: int = 5_184_000
    #: People who may inspect this app's tokens with their own (facebook.md §1.3).
    developers: tuple[str, ...] = ()
    #: `development`: only developers and the app's test users may log in (901).
    mode: str = "live"
    #: Off, a redirect URI need only begin with a registered one.
    strict_redirect: bool = True
    #: Refuse an `http` redirect URI; a loopback one stays allowed in development mode.
    enforce_https: bool = False
    #: The whole login flow, and the part of it that browsers run.
    client_oauth_login: bool = True
    web_oauth_login: bool = True
    #: Show the form each time, whatever the run approves by itself.
    force_reauthentication: bool = False
    device_login: bool = True
    #: Allow the landing page of web views, `connect/login_success.html`.
    embedded_browser: bool = False
    js_login: bool = True
    #: Hosts whose pages may use the JavaScript login; loopback pages always may.
    js_domains: tuple[str, ...] = ()
    #: Addresses that may send the app's secret; none listed is any.
    server_ips: tuple[str, ...] = ()
    #: Calls in an hour of the app's tokens together; None is no limit.
    calls_per_hour: int | None = None
    #: Where the sandbox calls the app, loopback only (facebook.md §1.12).
    deauthorize_url: str | None = None
    data_deletion_url: str | None = None
    webhook_url: str | None = None
    #: What `POST /{app}` stored.
    settings: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Person:
    """Somebody with an account."""

    id: str
    name: str
    #: Suspended until they pass a checkpoint; the token may come back (subcode 459).
    checkpoint: bool = False
    #: The app this test user was made by.
    test_user_of: str | None = None


@frozen(kw_only=True)
class Page:
    """A page that people administer."""

    id: str
    name: str
    category: str


@frozen(kw_only=True)
class SystemUser:
    """A user that belongs to a business and has no password (facebook.md §1.10)."""

    id: str
    name: str
    business_id: str
    #: The apps installed for it: only they may have a token of its made.
    installed: tuple[str, ...] = ()


@frozen(kw_only=True)
class Consent:
    """What one person allowed one app: scope -> `granted`, `declined` or `expired`."""

    status: Mapping[str, str]

    def of(self, status: str) -> tuple[str, ...]:
        """Return the scopes that stand at *status*."""
        return tuple(scope for scope, is_ in self.status.items() if is_ == status)


@frozen(kw_only=True)
class Death:
    """Why a token is refused."""

    reason: str
    subcode: int | None
    message: str


@frozen(kw_only=True)
class Token:
    """Anything issued that opens something. Its value stays out of its repr."""

    id: str
    value: str = field(repr=False)
    #: `graph` or `oauth2`.
    face: str
    #: `user`, `page`, `app`, `system_user`, `id`, `access` or `refresh`.
    kind: str
    #: The app, or the client of the OAuth face.
    app_id: str
    user_id: str | None = None
    page_id: str | None = None
    scope: tuple[str, ...] = ()
    issued_at: int
    #: Microseconds; None is never.
    expires_at: int | None = None
    data_access_expires_at: int | None = None
    #: How the login was made: `web`, `javascript`, `android`, `ios`, `device`, `server`.
    platform: str = "web"
    #: A long-lived token shows when it was issued, and derives page tokens without expiry.
    long_lived: bool = False
    #: How the login was asked for: `auth_type`, `auth_nonce` (facebook.md §1.2).
    login: Mapping[str, str] = field(factory=dict, repr=False)
    #: What it came from: a code's id (graph) or a family's id (oauth2).
    family: str | None = None
    #: Set when it was ended; time, a checkpoint and a lost app are found by looking.
    death: Death | None = None


@frozen(kw_only=True)
class Code:
    """An authorization code, single use."""

    value: str = field(repr=False)
    id: str
    face: str
    app_id: str
    user_id: str
    #: "" binds a code that travels inside a signed_request (facebook.md §2).
    redirect_uri: str
    scope: tuple[str, ...]
    code_challenge: str | None = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
    platform: str = "web"
    long_lived: bool = False
    login: Mapping[str, str] = field(factory=dict, repr=False)
    #: Made by `oauth/client_code`: the client redeems it without the secret.
    for_client: bool = False
    issued_at: int
    expires_at: int
    used: bool = False


@frozen(kw_only=True)
class DeviceLogin:
    """A login that a person finishes on another screen (facebook.md §1.7)."""

    code: str = field(repr=False)
    user_code: str = field(repr=False)
    app_id: str
    scope: tuple[str, ...]
    expires_at: int
    polled_at: int | None = None
    person: str | None = None
    denied: bool = False


@frozen(kw_only=True)
class Notice:
    """What the authority is about to tell an app."""

    #: `deauthorize`, `data_deletion` or `permissions`.
    kind: str
    app_id: str
    user_id: str
    url: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@frozen(kw_only=True)
class Session:
    """A person logged in at the authority in some browser."""

    person_id: str
    #: Only for this app, when the page's own storage keeps it; None is the browser's cookie.
    app_id: str | None = None


@frozen(kw_only=True)
class Client:
    """A client of the OAuth face."""

    client_id: str
    #: None is a public client (RFC 6749 §2.1).
    client_secret: str | None = field(default=None, repr=False)
    redirect_uris: tuple[str, ...] = ()
    #: `none`, `grace`, `idempotent` or `strict`.
    rotation: str = "strict"
    #: Seconds in which the immediately previous refresh token still works (`grace`).
    grace: int = 60
    #: Seconds an access token lives; None leaves `expires_in` out and never ends it.
    expires_in: int | None = 3600
    #: Seconds a refresh token lives; None is until revoked.
    refresh_expires_in: int | None = None
    #: None allows any scope.
    scopes: tuple[str, ...] | None = None


@frozen(kw_only=True)
class Refresh:
    """Where a refresh token stands in its family: the generation tree of RFC 9700 §4.14."""

    token_id: str
    family: str
    generation: int
    #: The token that followed, and when.
    successor: str | None = None
    used_at: int | None = None


@define(slots=True)
class World:
    """Everything the authority knows. Not a value: handlers change it, one at a time, under `lock`."""

    clock: VirtualClock
    any_loopback_redirect: bool = False
    auto_approve: bool = False
    apps: dict[str, App] = Factory(dict)
    people: dict[str, Person] = Factory(dict)
    pages: dict[str, Page] = Factory(dict)
    system_users: dict[str, SystemUser] = Factory(dict)
    #: (page, person or system user) -> perms; no entry is no role.
    roles: dict[tuple[str, str], tuple[str, ...]] = Factory(dict)
    #: (person, app).
    consents: dict[tuple[str, str], Consent] = Factory(dict)
    #: (page, message) in the order they were posted.
    posts: list[tuple[str, str]] = field(factory=list, repr=False)
    tokens: dict[str, Token] = Factory(dict)
    token_ids: dict[str, str] = field(factory=dict, repr=False)
    #: Identity tokens, for the ledger alone: no endpoint takes one as an access token.
    identities: list[Token] = field(factory=list, repr=False)
    codes: dict[str, Code] = field(factory=dict, repr=False)
    devices: dict[str, DeviceLogin] = field(factory=dict, repr=False)
    outbox: list[Notice] = field(factory=list, repr=False)
    #: App -> when each call of the last hour came.
    calls: dict[str, list[int]] = field(factory=dict, repr=False)
    sessions: dict[str, Session] = field(factory=dict, repr=False)
    clients: dict[str, Client] = Factory(dict)
    refreshes: dict[str, Refresh] = Factory(dict)
    signer: Signer = field(factory=Signer, repr=False)
    lock: threading.RLock = field(factory=threading.RLock, repr=False)
    numbers: Iterator[int] = field(factory=lambda: itertools.count(1), repr=False)

    def number(self) -> int:
        """Return the next number of this world: ids, posts, test users."""
        return next(self.numbers)


def tasks_of(perms: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tasks that *perms* amount to."""
    return tuple(task for perm in perms for task in TASKS.get(perm, ()))
