"""`tokenflow token answer`: what counts as an answer, what is refused, and that nothing shows it."""

import io
import shlex
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import Call
from tests.house.commands import CHAPTERS
from tokenflow import SECOND, Engine, PromptPending, Secret, SystemClock, VirtualClock
from tokenflow.cli.answer import command_for, params_of
from tokenflow.cli.sandbox import CALLBACK
from tokenflow.sandbox import AdminClient, Client, Sandbox, serve

TEXT: Final = st.text(min_size=1)
ISSUER: Final = "http://127.0.0.1:9"
SECRET: Final = "canary-of-a-code"


@pytest.fixture
def waiting(tmp_path: Path) -> str:
    """A store where the login of `bo` waits; no issuer was asked for that."""
    store = f"sqlite:{tmp_path / 'kept' / 'tokens.db'}"
    with (
        Engine.open(
            ["oauth2-rotating"],
            store,
            issuer=ISSUER,
            client_ids={"sandbox-oauth2": "play"},
            secrets={"env:OAUTH2_CLIENT_SECRET": Secret("play")},
        ) as engine,
        pytest.raises(PromptPending),
    ):
        engine.acquire("bo", lifecycle="oauth2-rotating", platform="web")
    return store


@pytest.mark.parametrize(("deny", "code"), [(False, 0), (True, 5)])
def test_what_became_of_a_login_is_said(
    tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deny: bool, code: int
) -> None:
    """The example of its page: one object for programs; a person who said no is needed still."""
    client = Client(client_id="play", client_secret="play", redirect_uris=(CALLBACK,))
    store = f"sqlite:{tmp_path / 'kept' / 'tokens.db'}"
    monkeypatch.setenv("OAUTH2_CLIENT_ID", "play")
    monkeypatch.setenv("OAUTH2_CLIENT_SECRET", "play")
    with serve(Sandbox(clients=(client,), real_time=True)) as running:
        with (
            Engine.open(["oauth2-rotating"], store, issuer=running.url) as engine,
            pytest.raises(PromptPending) as asked,
        ):
            engine.acquire("bo", lifecycle="oauth2-rotating", platform="web")
        admin = AdminClient(running.url, running.admin_token)
        admin.person("7", "Bo")
        monkeypatch.setattr("sys.stdin", io.StringIO(admin.approve("7", asked.value.url, deny=deny)))
        words = shlex.split(CHAPTERS["token answer"].example.replace("STORE", store))[1:]
        said = tokenflow(*words, "--issuer", running.url, "--format", "json")

    assert said.code == code
    if deny:
        assert "said no" in said.err
    else:
        assert list(said.object) == ["version", *CHAPTERS["token answer"].json]
        assert (said.object["token"]["state"], said.object["token"]["key"]) == ("issued", "bo")


@pytest.mark.parametrize(("deny", "code"), [(False, 0), (True, 5)])
def test_a_login_on_a_device_is_asked_about_and_reads_nothing(
    tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deny: bool, code: int
) -> None:
    """No address is wanted: the person decided on their phone, and the issuer says so."""
    store = f"sqlite:{tmp_path / 'kept' / 'tokens.db'}"
    monkeypatch.setattr("sys.stdin", None)
    with serve(Sandbox(app_id="111", real_time=True)) as running:
        monkeypatch.setenv("FB_APP_ID", "111")
        monkeypatch.setenv("FB_APP_SECRET", running.app_secret)
        monkeypatch.setenv("FB_CLIENT_TOKEN", running.client_token)
        monkeypatch.setenv("FB_REDIRECT_URI", CALLBACK)
        began = VirtualClock(SystemClock()() - 6 * SECOND)  # so long ago that it may be asked about now
        with (
            Engine.open(["facebook-user"], store, issuer=running.url, clock=began) as engine,
            pytest.raises(PromptPending) as asked,
        ):
            engine.acquire("tv", lifecycle="facebook-user", platform="device")
        admin = AdminClient(running.url, running.admin_token)
        admin.person("7", "Bo")
        admin.approve("7", f"{asked.value.url}?user_code={asked.value.user_code}", deny=deny)
        said = tokenflow("token", "answer", "tv", "--store", store, "--issuer", running.url)

    assert said.code == code
    assert ("extended" in said.out) is not deny
    assert running.client_token not in said.out + said.err


@given(TEXT, TEXT, st.sampled_from(["{}", "?{}", "#{}", "/back?{}", "https://a.example/back?x=y&{}#_=_"]))
def test_an_address_is_read_in_whatever_form_it_comes(state: str, code: str, form: str) -> None:
    """The whole of it, its query or its fragment: `state` and `code` are what the issuer wrote."""
    found = params_of(form.format(urlencode({"state": state, "code": code})))

    assert (found["state"], found["code"]) == (state, code)


def test_an_address_wrapped_by_a_terminal_is_read_whole() -> None:
    """Line ends inside it are none of it."""
    assert params_of("http://a.example/?st\n  ate=1&co\r\nde=2\n") == {"state": "1", "code": "2"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "no `state`"),
        ("http://a.example/", "no `state`"),
        (f"code={SECRET}", "no `state`"),
        ("state=1", "neither a `code` nor an `error`"),
        (f"state=1&state=2&code={SECRET}", "`state` is there more than once"),
        (f"?state=1&code={SECRET}#code={SECRET}", "`code` is there more than once"),
    ],
)
def test_what_is_no_answer_is_refused_and_not_shown(given: str, why: str) -> None:
    """It says what is missing, and never what was given."""
    with pytest.raises(click.ClickException) as no:
        params_of(given)

    assert (why in no.value.message, SECRET in no.value.message) == (True, False)


def test_an_address_among_the_arguments_is_refused_and_not_shown(tokenflow: Call, waiting: str) -> None:
    """Exit 2, before anything is read: arguments are seen by other users, and kept by a shell."""
    said = tokenflow("token", "answer", "bo", f"http://a.example/?code={SECRET}&state=1", "--store", waiting)

    assert (said.code, "never as an argument" in said.err) == (2, True)
    assert SECRET not in said.out + said.err


def test_a_key_that_waits_for_no_login_is_told_before_anything_is_asked(
    tokenflow: Call, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is nowhere is a finding; stdin is not touched."""
    monkeypatch.setattr("sys.stdin", None)
    said = tokenflow("token", "answer", "nobody", "--store", waiting)

    assert (said.code, "nobody" in said.err) == (1, True)


def test_a_wrong_state_leaves_the_login_waiting(
    tokenflow: Call, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person is needed still (5), and it says so each time; the code is nowhere shown."""
    monkeypatch.setenv("OAUTH2_CLIENT_ID", "play")
    monkeypatch.setenv("OAUTH2_CLIENT_SECRET", "play")
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"state=wrong&code={SECRET}"))
        said = tokenflow("token", "answer", "bo", "--store", waiting, "--issuer", ISSUER)
        assert (said.code, "no login with that state is waiting" in said.err) == (5, True)
        assert SECRET not in said.out + said.err


def test_the_command_a_link_comes_with_is_fit_for_a_shell() -> None:
    """Words that need quotes have them, and what the keeper was told is told on."""
    told = command_for(
        "user 1", ["my tokens.yaml"], store="sqlite:t.db", reference="env:K", issuer="http://127.0.0.1:1"
    )

    assert told == (
        "tokenflow token answer 'user 1' 'my tokens.yaml' --store sqlite:t.db --key env:K"
        " --issuer http://127.0.0.1:1"
    )
