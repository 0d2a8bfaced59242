"""Opening that fails: each cause its own error with a mend, and nothing left behind."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.engine.ground import CALLBACK, CLIENT, CLIENT_SECRET, Ground
from tokenflow import Engine, Registry, Secret, TokenflowError
from tokenflow.engine.keys import write_key_file

NEEDS_A_PLUGIN = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: lonely, version: 1.0.0}
extends: builtin:bearer
token: {kind: user}
acquire: {web: {use: acme.magic, runs_on: server}}
states:
  requested: {transitions: {acquired: {to: issued}}}
  issued: {usable: true}
remove: [states.expired, events.expire]
"""


@attrs.frozen
class Failure:
    """A way to open an engine that fails, with the code of its error."""

    code: str
    open: Callable[[Ground], Engine]


def sqlite_of(ground: Ground, **options: Any) -> Engine:
    store, key = ground.sqlite()
    return ground.open(store, **{"key": key, **options})


def with_file(change: Callable[[Path], Any]) -> Callable[[Ground], Engine]:
    def opening(ground: Ground) -> Engine:
        change(ground.folder / "tokens.db")
        return sqlite_of(ground)

    return opening


def newer(path: Path) -> None:
    with path.open("r+b") as file:  # the file's header holds its user_version in four bytes
        file.seek(60)
        file.write((4000).to_bytes(4, "big"))


def garbage(path: Path) -> None:
    path.write_bytes(b"x" * 4096)


def without_env(ground: Ground) -> Engine:
    store, key = ground.sqlite()
    return Engine.open(["facebook-user"], store, key=key, client_ids={"facebook": "1"})


def lonely(ground: Ground) -> Engine:
    path = ground.folder / "lonely.yaml"
    path.write_text(NEEDS_A_PLUGIN)
    return sqlite_of(ground, specs=[path])


def other_key(ground: Ground) -> Engine:
    return sqlite_of(ground, key=f"file:{write_key_file(ground.folder / 'other.key')}")


def no_key(ground: Ground) -> Engine:
    path = ground.folder / "bad.key"
    path.touch(mode=0o600)
    path.write_text("CANARY-but-no-key")
    return sqlite_of(ground, key=f"file:{path}")


FAILURES = {
    "unknown scheme": Failure("unknown_capability", lambda ground: ground.open("redis:somewhere")),
    "no scheme": Failure("spec_error", lambda ground: ground.open("tokens.db")),
    "unknown lifecycle": Failure("spec_error", lambda ground: sqlite_of(ground, specs=["no-such-lifecycle"])),
    "missing plugin": Failure("spec_error", lonely),
    "missing env secret": Failure("secret_not_found", without_env),
    "missing key reference": Failure(
        "secret_not_found", lambda ground: sqlite_of(ground, key="env:NO_SUCH_KEY")
    ),
    "no key in the file": Failure("wrong_key", no_key),
    "another key": Failure("wrong_key", other_key),
    "newer store": Failure("store_too_new", with_file(newer)),
    "not a database": Failure("store_unreadable", with_file(garbage)),
    "open to others": Failure("store_unreadable", with_file(lambda path: path.chmod(0o644))),
    "a folder": Failure("store_unreadable", lambda ground: ground.open(f"sqlite:{ground.folder}")),
    "unknown option": Failure("store_error", lambda ground: ground.open(f"{ground.sqlite()[0]}?color=red")),
}


def open_files() -> set[str]:
    return {os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if is_open(one)}


def beside(database: Path) -> dict[str, int]:
    """The store's own files and their sizes."""
    return {path.name: path.stat().st_size for path in database.parent.glob("*tokens.db*")}


def is_open(descriptor: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{descriptor}") and "tokens.db" in os.readlink(
        f"/proc/self/fd/{descriptor}"
    )


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_open_says_why_and_leaves_nothing(ground: Ground, name: str) -> None:
    """Each failure has its code and its mend, and leaves no thread, no open file, and the store as it was."""
    with ground.durable() as engine:
        ground.rotating(engine)
    database = ground.folder / "tokens.db"
    failure = FAILURES[name]
    before, left = database.read_bytes(), beside(database)
    threads = set(threading.enumerate())
    with pytest.raises(TokenflowError) as caught:
        failure.open(ground)
    assert caught.value.code == failure.code
    assert caught.value.mend or "help:" in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert set(threading.enumerate()) <= threads
    assert not open_files()
    if name not in {"newer store", "not a database"}:
        assert (database.read_bytes(), beside(database)) == (before, left)


def test_a_failed_open_changes_no_broken_file(ground: Ground) -> None:
    """A file that is none of ours, or a newer one's, is left to the byte as it was found."""
    for number, change in enumerate((newer, garbage)):
        with ground.open(f"sqlite:{ground.folder / f'{number}.db'}"):
            pass
        path = ground.folder / f"{number}.db"
        change(path)
        before = path.read_bytes()
        with pytest.raises(TokenflowError):
            ground.open(f"sqlite:{path}")
        assert path.read_bytes() == before


def test_a_plugin_that_is_disabled_is_named(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec whose plugin was disabled fails to open, and a store whose plugin is missing says which."""
    monkeypatch.setenv("TOKENFLOW_DISABLE_PLUGINS", "sqlite")
    with pytest.raises(TokenflowError, match="sqlite") as caught:
        ground.durable(registry=Registry.installed())
    assert caught.value.code == "unknown_capability"


def test_a_fault_of_any_kind_closes_the_store(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even an error that is not tokenflow's own, such as Ctrl-C, leaves no open file."""
    with ground.durable():
        pass

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tokenflow.engine.opening.open_keyed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ground.durable()
    assert not open_files()


def test_a_store_that_was_lent_stays_open(ground: Ground) -> None:
    """A store object given to an engine is its owner's: neither a failed open nor a close closes it."""
    with ground.durable() as engine:
        store = engine.desk.store
        with pytest.raises(TokenflowError):
            ground.open(store, key="env:NO_SUCH_KEY")
        ground.open(store, key=ground.sqlite()[1]).close()
        assert engine.keys() == []


@pytest.mark.proves("R20")
def test_a_listener_that_fails_fails_nothing(ground: Ground) -> None:
    """What is saved is saved, whatever whoever is told of it does."""

    def listener(events: Any) -> None:
        raise ValueError("a listener's own fault")

    with ground.open(on_event=listener) as engine:
        assert ground.rotating(engine).state == "issued"
        assert engine.extend("k").state == "extended"


def test_secrets_may_be_given_instead_of_looked_up(ground: Ground) -> None:
    """An engine needs no environment when its secrets are given under their references."""
    with Engine.open(
        ["oauth2-app"],
        issuer=ground.running.url,
        clock=ground.clock,
        secrets={
            "env:OAUTH2_CLIENT_ID": Secret(CLIENT),
            "env:OAUTH2_CLIENT_SECRET": Secret(CLIENT_SECRET),
        },
        redirect_uri=CALLBACK,
    ) as engine:
        assert engine.acquire("app", lifecycle="oauth2-app", platform="server").state == "issued"
