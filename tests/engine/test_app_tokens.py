"""What app tokens are for, and where they are refused before a socket opens (seed, "App Access Tokens")."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from tests.engine.ground import ADA, APP, Ground
from tokenflow import Call, Engine, MemoryStore, PersonNeeded, Refused, Request, Response
from tokenflow.core.events import RuleWarned
from tokenflow.hooks.registry import Registry
from tokenflow.runner.explaining import explain
from tokenflow.runner.hiding import hiding
from tokenflow.runner.looking import glass
from tokenflow.spec import load

FORMS = ("generated", "inline")
PAGE = "1234567890"
SETTINGS = Call(path=f"/{APP}")
READ = Call(path=f"/{ADA}", params={"fields": "id,name,email"}, reads="user_data")


class Untouched:
    """A transport that nobody may touch."""

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Fail the test."""
        raise AssertionError(f"{request.method} {request.url} was sent")

    async def close(self) -> None:
        """Nothing is open."""


@contextmanager
def mute(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, store: Any = "memory", **app: str
) -> Iterator[Engine]:
    """An engine that may speak to nobody: its transport is not to be touched, and no socket opens."""

    def opened(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a socket was opened")

    with ground.open(store, app=app, transport=Untouched) as engine:
        engine.sweep()  # its loop has what it needs from here on
        with monkeypatch.context() as closed:
            closed.setattr(socket, "socket", opened)
            closed.setattr(socket, "getaddrinfo", opened)
            yield engine


def got(engine: Engine, form: str, **how: Any) -> str:
    """Acquire an app token of a form, and return its key."""
    return engine.acquire(
        form, lifecycle="facebook-app", platform=form, attributes={"app_id": APP}, **how
    ).key


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    with ground.open() as opened:
        yield opened


@contextmanager
def kept(ground: Ground, monkeypatch: pytest.MonkeyPatch, **app: str) -> Iterator[Engine]:
    """An engine that holds app tokens of both forms, got while all was well, and may speak to nobody."""
    store = MemoryStore()
    with ground.open(store) as before:
        for form in FORMS:
            got(before, form)
    with mute(ground, monkeypatch, store, **app) as engine:
        yield engine


@pytest.mark.proves("C9")
@pytest.mark.parametrize("kind", ["native", "desktop"])
def test_an_app_that_carries_its_secret_gets_none(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Generated or put together: refused before anything is sent, and nothing is kept."""
    with mute(ground, monkeypatch, type=kind) as engine:
        for form in FORMS:
            with pytest.raises(Refused) as no:
                got(engine, form)
            assert no.value.code == "app-token-refused-for-native"
            assert engine.desk.store.load("default", form) is None


@pytest.mark.parametrize("kind", ["native", "desktop"])
def test_one_that_is_held_is_refused_when_the_app_becomes_native(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The setting was changed after it came: no call is made with it, and nobody is given it."""
    with kept(ground, monkeypatch, type=kind) as engine:
        for form in FORMS:
            with pytest.raises(Refused) as no:
                engine.use(form, SETTINGS)
            assert no.value.code == "app-token-refused-for-native"
            for to in ("client", "server"):
                with pytest.raises(Refused):
                    engine.hand_over(form, to=to, audience="https://app.example")


def test_no_client_platform_gets_uses_or_is_given_one(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would give whoever has the code the app's secret."""
    with kept(ground, monkeypatch, type="web") as engine:
        for form in FORMS:
            assert [code_of(act) for act in client_acts(engine, form)] == [
                "app-token-stays-on-server",
                "custody",
                "custody",
                "transport_not_allowed",
            ]


def client_acts(engine: Engine, form: str) -> list[Callable[[], object]]:
    """All that a client could try to lay hands on it, and the way round by another server."""
    return [
        lambda: got(engine, form, place="client"),
        lambda: engine.use(form, SETTINGS, place="client"),
        lambda: engine.hand_over(form, to="client", audience="https://app.example"),
        lambda: engine.hand_over(form, to="server", audience="https://app.example"),
    ]


def code_of(act: Callable[[], object]) -> str:
    """Return why an act was refused."""
    with pytest.raises(Refused) as no:
        act()
    return no.value.code


def test_the_harness_sees_what_touches_the_wire(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app of the web that is asked the same does reach for the transport, and a socket cannot be had."""
    with kept(ground, monkeypatch, type="web") as engine:
        for form in FORMS:
            with pytest.raises(AssertionError, match="was sent"):
                engine.use(form, SETTINGS)
        with pytest.raises(AssertionError, match="a socket was opened"):
            socket.socket()


def test_it_reads_and_changes_the_app_s_settings(engine: Engine) -> None:
    """GET and POST /{app}, in both forms; what was set is what is read then."""
    for form in FORMS:
        key = got(engine, form)
        change = {"contact_email": f"{form}@app.example", "name": f"Renamed by {form}"}
        changed = engine.use(key, Call(method="POST", path=f"/{APP}", params=change))
        assert changed.json() == {"success": True}
        assert engine.use(key, SETTINGS).json().items() >= {"id": APP, **change}.items()


def test_it_reads_insights_and_manages_test_users(engine: Engine) -> None:
    """Who uses the app, and people it makes for itself: made, listed and deleted."""
    for form in FORMS:
        key = got(engine, form)
        (numbers,) = engine.use(key, Call(path=f"/{APP}/app_insights")).json()["data"]
        assert numbers["name"] == "authorized_users"
        users = f"/{APP}/accounts/test-users"
        made = engine.use(key, Call(method="POST", path=users, params={"name": "Tess"})).json()["id"]
        assert made in {one["id"] for one in engine.use(key, Call(path=users)).json()["data"]}
        assert engine.use(key, Call(method="DELETE", path=f"/{made}")).status == 200
        assert made not in {one["id"] for one in engine.use(key, Call(path=users)).json()["data"]}


def test_a_page_s_insights_take_the_page_s_token(ground: Ground, engine: Engine) -> None:
    """An app token may not read them; the Page's own may."""
    ground.admin.page(PAGE, "Sample Page")
    ground.admin.role(PAGE, ADA, ["BASIC_ADMIN"])
    ground.facebook(engine)
    (page,) = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    insights = Call(path=f"/{PAGE}/insights", needs="BASIC_ADMIN")
    assert engine.use(page.key, insights).json()["data"]
    with pytest.raises(PersonNeeded, match="code 200"):
        engine.use(got(engine, "inline"), Call(path=f"/{PAGE}/insights"))


def test_what_of_a_person_it_may_not_see_is_absent_and_the_engine_warns(ground: Ground) -> None:
    """No error: the answer is shorter than a user token's, and a rule says which token is better."""
    heard: list[Any] = []
    with ground.open(on_event=heard.extend) as engine:
        ground.facebook(engine)
        assert set(engine.use("ada", READ).json()) == {"id", "name", "email"}
        assert not [one for one in heard if isinstance(one, RuleWarned)]
        for form in FORMS:
            assert "email" not in engine.use(got(engine, form), READ).json()
        warned = [one for one in heard if isinstance(one, RuleWarned)]
        assert [(one.rule, one.act) for one in warned] == [("prefer-user-token-for-user-data", "use")] * 2


def test_a_token_is_told_what_its_own_form_means(ground: Ground) -> None:
    """Under its key, by the way it was got; a person's token has nothing of the kind."""
    with ground.open() as engine:
        for form in ("generated", "inline"):
            engine.acquire(form, lifecycle="facebook-app", platform=form, attributes={"app_id": APP})
        ground.facebook(engine)
        documents = [load(name) for name in ("facebook-app", "facebook-user", "facebook")]
        seen = glass(
            engine.desk.store,
            documents,
            registry=Registry.installed(),
            tenant="default",
            clock=ground.clock,
        )
        said = {key: explain(seen, key).hidden for key in ("generated", "inline", "ada")}
    assert said == {**dict(hiding(seen.lifecycles["facebook-app"])), "ada": None}
