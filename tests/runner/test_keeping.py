"""What watches a keeper is told: a health file that is whole, the service manager, and those who look."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.runner.healths import ILL, WELL
from tokenflow import Health, StoreError
from tokenflow.engine.wishes import Wanted, wanted
from tokenflow.runner.keeping import Watch, notify, write_health
from tokenflow.spec import load


def test_a_tokens_file_says_what_is_wanted() -> None:
    """Key, lifecycle, platform and scope of each entry, of all files."""
    document = load("sandbox-reports")
    reports = Wanted(
        key="reports", lifecycle="oauth2-app", platform="server", attributes={}, scope=("reports.read",)
    )

    assert wanted([document]) == (reports,)
    assert wanted([document, document]) == (reports, reports)


def test_a_health_file_is_replaced_whole(tmp_path: Path) -> None:
    """0600, with the version of its form first; what stood there is gone, and nothing lies beside it."""
    path = tmp_path / "health.json"
    for health in (ILL, WELL):
        write_health(path, health)
        found = json.loads(path.read_text())
        assert (next(iter(found)), found["version"], found["kept"]) == ("version", 1, 12)
        assert found["issuers"][0]["breaker"] == health.issuers[0].breaker
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_health_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "health.json"
    write_health(path, WELL)
    nonsense: Any = object()
    strange = attrs.evolve(ILL, trouble=nonsense)
    with pytest.raises(TypeError):
        write_health(path, strange)
    assert json.loads(path.read_text())["trouble"] is None
    assert list(tmp_path.iterdir()) == [path]


def test_nobody_is_notified_who_did_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_the_service_manager_may_listen_at_an_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """sd_notify(3): an address that begins with @ is one without a file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0tokenflow-test")
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@tokenflow-test")
        notify("READY=1")
        assert manager.recv(64) == b"READY=1"


def test_a_watch_looks_again_though_a_look_failed() -> None:
    """A store in trouble, or a full disk under the health file, ends no watch."""
    looks, enough = [], threading.Event()

    class Engine:
        def health(self) -> Health:
            looks.append(1)
            if len(looks) == 1:
                raise StoreError("locked")
            return WELL

    def tell(health: Health) -> None:
        if len(looks) == 2:
            raise OSError("no space left")
        enough.set()

    with Watch(Engine(), tell, every=0.01):  # type: ignore[arg-type]  # only its health is asked for
        assert enough.wait(5)
