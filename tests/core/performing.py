"""A world small enough to hold in the hand: it performs what flows ask, on a dict, with a clock that is told.

Every save is judged: compare-and-swap on the revision, one live token an identity, and revisions
that only grow. `before_save` lets another process in, between a flow's load and its save.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

import attrs

from tests.core.lifecycles import APP, DAY, PAGE, ROTATING, SECOND, START, USER, lifecycle_of
from tokenflow.core import flows
from tokenflow.core.answers import body_of, grant_of
from tokenflow.core.effects import (
    Admit,
    Ask,
    Change,
    Effect,
    Emit,
    Flow,
    Issuer,
    Journal,
    Journaled,
    Load,
    LoadChildren,
    Look,
    MayRenew,
    Nonce,
    Now,
    Order,
    Park,
    Pinned,
    Prompt,
    Published,
    Quiet,
    ReadSecret,
    Recall,
    Remember,
    Request,
    Response,
    Save,
    Seen,
    Send,
    Unjournal,
    Unpark,
    Waiting,
    Worker,
    ask,
    nonce,
    now,
    secret,
    send,
)
from tokenflow.core.errors import (
    AlreadyLive,
    AnswerNotUnderstood,
    ConsentDenied,
    PromptExpired,
    PromptPending,
    RevisionConflict,
    TokenflowError,
)
from tokenflow.core.events import Happened, Transitioned, from_json, to_json
from tokenflow.core.learning import Learned
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.locks import Guard, Hold, Lock, OnLock, Pause, Strand
from tokenflow.core.moments import Trusted
from tokenflow.core.revoking import Revocation
from tokenflow.core.secret import Secret
from tokenflow.core.setting import Setting
from tokenflow.core.shelves import LookUp, NamesOn, OnShelf, PutAway, TakeAway
from tokenflow.core.tokens import SILENT, At, Grant, Inspection, Instant, Token

T = TypeVar("T")
Reply = Response | Exception | Callable[[Request], Response]
GRAPH: Final = "https://graph.example"
_SHELVED: Final = get_args(OnShelf)
_LOCKS: Final = get_args(OnLock)


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    """Return a response; anything but bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=raw)


# The plugins: the least flows that send, ask and read secrets as real ones do.


def _post(path: str, **form: str | Secret) -> Flow[Mapping[str, Any]]:
    return body_of((yield from send(Request(method="POST", url=f"{GRAPH}/{path}", form=form))))


def _web(order: Order) -> Flow[Grant]:
    verifier, state = (yield from nonce()), (yield from nonce())
    yield from now()
    came = yield from ask(Prompt(url=f"{GRAPH}/login?state={state}", state=state))
    if came.get("state") != state:
        raise PromptExpired("another login's answer")
    if "error" in came:
        raise ConsentDenied("the person said no")
    key = yield from secret(order, "app_secret")
    found = yield from _post("token", code=came["code"], verifier=Secret(verifier), client_secret=key)
    grant = grant_of(found, (yield from now()))
    return attrs.evolve(grant, attributes={"user_id": found.get("user_id"), "permissions": ["manage_pages"]})


def _android(order: Order) -> Flow[Grant]:
    handed = order.payload
    return attrs.evolve(
        grant_of(handed, (yield from now())),
        attributes={"user_id": handed.get("user_id"), "permissions": ["manage_pages"]},
    )


def _debug(order: Order) -> Flow[Inspection]:
    asked = order.grant.access_token if order.grant is not None else None
    if asked is None and order.token is not None:
        asked = order.token.access_token
    assert asked is not None
    found = yield from _post("debug", input_token=asked)
    if not isinstance(found.get("active"), bool):
        raise AnswerNotUnderstood("the issuer says nothing of the token")
    return Inspection(
        active=found["active"],
        app_id=found.get("app_id"),
        subject=found.get("user_id"),
        expires=At(found["expires_at"]) if "expires_at" in found else SILENT,
        facts=found.get("facts", {}),
    )


def _exchange(order: Order) -> Flow[Grant]:
    assert order.token is not None
    assert order.token.access_token is not None
    key = yield from secret(order, "app_secret")
    found = yield from _post("exchange", client_secret=key, token=order.token.access_token)
    return grant_of(found, (yield from now()))


def _refresh(order: Order) -> Flow[Grant]:
    assert order.token is not None
    assert order.token.refresh_token is not None
    form = {"refresh_token": order.token.refresh_token}
    response = yield from send(Request(method="POST", url=f"{GRAPH}/refresh", form=form))
    return grant_of(body_of(response, order.issuer.response), (yield from now()))


def _first(order: Order) -> Flow[Grant]:
    found = yield from _post("first")
    return attrs.evolve(grant_of(found, (yield from now())), attributes={"subject": found.get("subject")})


def _revoke(order: Order) -> Flow[None]:
    assert order.token is not None
    assert order.token.access_token is not None
    yield from _post("revoke", token=order.token.access_token)


def _inline(order: Order) -> Flow[Grant]:
    yield from now()
    key = yield from secret(order, "app_secret")
    return Grant(access_token=Secret(f"{order.issuer.client_id}|{key.reveal()}"))


def _accounts(order: Order) -> Flow[Sequence[Grant]]:
    found = yield from _post("accounts")
    at = yield from now()
    if "data" not in found:
        raise AnswerNotUnderstood("the issuer names no pages")
    return [
        attrs.evolve(grant_of(one, at), attributes={"id": one["id"], "name": one["name"]})
        for one in found["data"]
    ]


ACQUIRE: Final[dict[str, Callable[[Order], Flow[Grant]]]] = {
    "facebook.web": _web,
    "facebook.android": _android,
    "facebook.inline": _inline,
    "oauth2.first": _first,
}
COMMAND: Final[dict[str, Callable[[Order], Flow[Grant | Inspection | None]]]] = {
    "facebook.debug": _debug,
    "facebook.exchange": _exchange,
    "facebook.revoke": _revoke,
    "oauth2.refresh": _refresh,
    "oauth2.revoke": _revoke,
}


class Plugins:
    """Flows by name; a test may put another in."""

    def __init__(self) -> None:
        self.acquirers, self.commands = dict(ACQUIRE), dict(COMMAND)

    def acquire(self, name: str) -> Callable[[Order], Flow[Grant]]:
        """Return an acquirer's flow."""
        return self.acquirers[name]

    def login_in(self, name: str, order: Order) -> str | None:
        """Return the name a payload gives its login, if it does."""
        return order.payload.get("login") if isinstance(order.payload, Mapping) else None

    def command(self, name: str) -> Callable[[Order], Flow[Grant | Inspection | None]]:
        """Return a command's flow."""
        return self.commands[name]

    def exchange(self, name: str) -> Any:
        """No platform here exchanges a code by another plugin."""
        raise KeyError(name)

    def derive(self, name: str) -> Callable[[Order], Flow[Sequence[Grant]]]:
        """Return the one deriver there is."""
        assert name == "facebook.accounts"
        return _accounts


class World:
    """Store, clock and issuer; `run` drives any flow in it."""

    def __init__(self, **app: Any) -> None:
        documents = [lifecycle_of(data, app=app) for data in (USER, PAGE, ROTATING, APP)]
        self.lifecycles: dict[str, Lifecycle] = {one.name: one for one in documents}
        self.pins: dict[str, Lifecycle] = {one.digest: one for one in documents}
        self.plugins = Plugins()
        endpoints = {"graph": GRAPH}
        self.setting = Setting(
            lifecycles=self.lifecycles,
            issuers={
                name: Issuer(name=name, client_id="app", endpoints=endpoints)
                for name in ("facebook", "generic")
            },
            plugins=self.plugins,
        )
        self.now: Instant = START
        self.held: str | None = None
        self.closed: TokenflowError | None = None
        """Why the issuer may not be asked just now."""
        self.stopped: TokenflowError | None = None
        """Why nothing may be renewed there."""
        self.rows: dict[str, Token] = {}
        self.history: list[Happened] = []
        self.told: list[Happened] = []
        self.seen: dict[tuple[str, str], str] = {}
        self.parked: dict[str, str] = {}
        self.learned: dict[str, Learned] = {}
        self.journal: dict[str, str] = {}
        self.shelves: dict[tuple[str, str], str] = {}
        self.hold = Hold.LEASED
        """What comes of asking for a lock; by default a store that has none."""
        self.holds: dict[str, Hold] = {}
        self.guarded = True
        self.stranded: list[Strand] = []
        """Saves that the engine is to go on with."""
        self.paused: list[int] = []
        self.worker = "w1"
        self.log: list[str] = []
        self.requests: list[Request] = []
        self.script: deque[Reply] = deque()
        """What the issuer answers next; when it is empty, it answers as it should."""
        self.before_save: deque[Callable[[], None] | None] = deque()
        """What another process does just before each of the next saves."""
        self.judge: Callable[[Token | None, Change], None] = lambda stored, change: None
        self._numbers: Iterator[int] = iter(range(10**9))

    # What a test says.

    def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end and return what it returns."""
        try:
            effect: Effect = next(flow)
            while True:
                try:
                    reply = self._perform(effect)
                except Exception as error:  # noqa: BLE001  # whatever went wrong is the flow's to judge
                    effect = flow.throw(error)
                else:
                    effect = flow.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result

    def android(self, key: str = "me", *, lives: int | None = 60 * DAY, **more: Any) -> Token:
        """Return a user token that a phone handed over and the issuer confirmed."""
        payload: dict[str, Any] = {"access_token": f"phone-{next(self._numbers)}", "user_id": "7"}
        if lives is not None:
            payload["expires_in"] = lives // SECOND
        return self.run(
            flows.acquire(
                self.setting, key, lifecycle="facebook-user", platform="android", payload=payload, **more
            )
        )

    def short(self, key: str = "me") -> Token:
        """Return a user token of 90 minutes, by a login on the web."""
        try:
            self.run(flows.acquire(self.setting, key, lifecycle="facebook-user", platform="web"))
        except PromptPending as pending:
            state = pending.url.partition("state=")[2]
        return self.run(flows.answer(self.setting, key, {"state": state, "code": "c0de"}))

    def rotating(self, key: str = "rot") -> Token:
        """Return a token with a rotating refresh token."""
        return self.run(flows.acquire(self.setting, key, lifecycle="oauth2-rotating", platform="server"))

    def pages(self, parent: str = "me") -> tuple[Token, ...]:
        """Return the page tokens derived from *parent*."""
        return self.run(flows.derive(self.setting, parent, lifecycle="facebook-page", key="page/{page_id}"))

    def token(self, key: str = "me") -> Token:
        """Ask for a usable token."""
        return self.run(flows.token(self.setting, key))

    def revoke(self, key: str = "me", **how: Any) -> Revocation:
        """End a token on purpose, as an engine does, one after another."""
        retired = self.run(flows.retire(self.setting, key, **how))
        told = [self.run(flows.tell(self.setting, one)) for row in retired.ahead for one in row]
        return Revocation(outcomes=(*retired.ended, *told))

    def sent(self, path: str) -> list[Request]:
        """Return the requests that went to *path*."""
        return [one for one in self.requests if one.url == f"{GRAPH}/{path}"]

    def of(self, key: str) -> list[Happened]:
        """Return the stored history of a key."""
        return [event for event in self.history if event.about.key == key]

    def usable(self, token: Token) -> bool:
        """Return whether a token is in a usable state."""
        return self.pins[token.digest].states[token.state].usable

    # What another process does.

    def elsewhere(self, key: str, **changes: Any) -> None:
        """Save *key* as another process would, with the next revision."""
        held = self.rows[key]
        self.rows[key] = attrs.evolve(held, **{"revision": held.revision + 1, **changes})

    def meddle(self, key: str, times: int = 1, **changes: Any) -> None:
        """Have another process save *key* before each of the next *times* saves."""
        self.before_save.extend([lambda: self.elsewhere(key, **changes)] * times)

    # How it is done.

    def _perform(self, effect: Effect) -> Any:  # noqa: C901  # one line an effect
        self.log.append(type(effect).__name__)
        match effect:
            case Now():
                return self.now
            case Look():
                return Trusted(self.now, self.held)
            case Nonce(size):
                return f"nonce-{size}-{next(self._numbers)}"
            case ReadSecret(reference):
                return Secret(f"value of {reference}")
            case Send(request):
                return self._send(request)
            case Ask():
                raise AssertionError("a prompt reached the rim; it has to be parked")
            case Emit(happened):
                return self._emit(happened)
            case Pinned(token):
                return self.pins[token.digest]
            case Worker():
                return self.worker
            case Quiet():
                return False
            case Admit() | MayRenew():
                hinder = self.closed if isinstance(effect, Admit) else self.stopped
                if hinder is not None:
                    raise hinder
                return None
        beside: dict[Any, Callable[[Any], Any]] = {Recall: self._lesson, Remember: self._lesson}
        beside |= dict.fromkeys(_LOCKS, self._locks)
        beside |= dict.fromkeys(_SHELVED, self._shelf) | {Published: lambda wanted: {"keys": []}}
        perform: Callable[[Any], Any] = beside.get(type(effect), self._store)
        return perform(effect)

    def _locks(self, effect: OnLock) -> Any:
        match effect:
            case Lock(key):
                return self.holds.get(key, self.hold)
            case Guard():
                return self.guarded
            case Strand():
                return self.stranded.append(effect)
            case Pause(length):
                return self.paused.append(length)

    def _shelf(self, effect: OnShelf) -> Any:
        match effect:
            case PutAway(shelf, name, content):
                self.shelves[shelf, name] = json.dumps(dict(content))
                return None
            case LookUp(shelf, name):
                return json.loads(self.shelves.get((shelf, name), "null"))
            case TakeAway(shelf, name):
                return json.loads(self.shelves.pop((shelf, name), "null"))
            case NamesOn(shelf):
                return sorted(name for at, name in self.shelves if at == shelf)
        raise AssertionError(f"nobody performs {effect!r}")

    def _emit(self, happened: Sequence[Happened]) -> None:
        for event in happened:
            if event.about.event_id is not None:
                self.history.append(event)
                self.seen.setdefault((event.about.token_id, event.about.event_id), to_json(event))
        self.told.extend(_as_stored(happened))

    def _store(self, effect: Effect) -> Any:
        match effect:
            case Load(key):
                return self.rows.get(key)
            case LoadChildren(key):
                return [one for _, one in sorted(self.rows.items()) if one.parent == key]
            case Save(changes):
                return self._save(changes)
            case Seen(key, event_id):
                row = self.rows.get(key)
                found = None if row is None else self.seen.get((row.id, event_id))
                return None if found is None else from_json(found)
            case Park(key, journal):
                self.parked[key] = json.dumps(dict(journal))
                return None
            case Journal(key, receipt):
                self.journal[key] = json.dumps(dict(receipt))
                return None
            case Journaled(key, _):
                return json.loads(self.journal.get(key, "null"))
            case Unjournal(key, receipt):
                kept = json.loads(self.journal.get(key, "null"))
                if kept is not None and kept["of"] == receipt["of"]:
                    del self.journal[key]
                return None
            case Waiting(key):
                return json.loads(self.parked.get(key, "null"))
            case Unpark(key, state):
                kept = json.loads(self.parked.get(key, "null"))
                return json.loads(self.parked.pop(key)) if kept and kept["state"] == state else None
        raise AssertionError(f"nobody performs {effect!r}")

    def _lesson(self, effect: Recall | Remember) -> Learned | None:
        if isinstance(effect, Recall):
            return self.learned.get(effect.name, Learned())
        self.learned[effect.name] = effect.learned
        return None

    def _send(self, request: Request) -> Response:
        self.requests.append(request)
        reply = self.script.popleft() if self.script else self._issuer
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Response) else reply(request)

    def _issuer(self, request: Request) -> Response:
        number = next(self._numbers)
        match request.url.removeprefix(f"{GRAPH}/"):
            case "token":
                return answer({"access_token": f"web-{number}", "expires_in": 5400, "user_id": "7"})
            case "exchange":
                return answer({"access_token": f"long-{number}", "expires_in": 5_184_000})
            case "debug":
                return answer({"active": True, "app_id": "app", "user_id": "7"})
            case "accounts":
                data = [
                    {"id": f"p{n}", "name": f"Page {n}", "access_token": f"page-{number}-{n}"} for n in (1, 2)
                ]
                return answer({"data": [data[0], {**data[1], "expires_in": 86_400}]})
            case "first" | "refresh":
                both = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}"}
                return answer({**both, "expires_in": 3600, "refresh_expires_in": 86_400, "subject": "s"})
            case _:
                return answer({"success": True})

    def _save(self, changes: tuple[Change, ...]) -> None:
        first = self.before_save.popleft() if self.before_save else None
        if first is not None:
            first()
        rows = dict(self.rows)
        for change in changes:
            stored = rows.get(change.token.key)
            if change.expected != (stored.revision if stored is not None else 0):
                raise RevisionConflict(f"{change.token.key}: somebody saved first")
            assert change.token.revision > change.expected, "revision strictly grows"
            self.judge(stored, change)
            rows[change.token.key] = change.token
            self._one_identity(rows, change.token)
        self.rows = rows
        for change in changes:
            for event in _as_stored(change.happened):
                self.history.append(event)
                if event.about.event_id is not None:
                    self.seen.setdefault((change.token.id, event.about.event_id), to_json(event))

    def _one_identity(self, rows: Mapping[str, Token], token: Token) -> None:
        live = [
            one.key
            for one in rows.values()
            if token.identity
            and one.identity == token.identity
            and not self.pins[one.digest].states[one.state].final
        ]
        if len(live) > 1:
            raise AlreadyLive(f"{live} hold one identity")


def _as_stored(happened: Sequence[Any]) -> list[Happened]:
    return [from_json(to_json(event)) for event in happened]


def moves(happened: Sequence[Happened]) -> list[tuple[str, str, str]]:
    """Return (event, source, state) of each transition."""
    return [(one.event, one.source, one.state) for one in happened if isinstance(one, Transitioned)]
