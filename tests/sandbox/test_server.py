"""Starting and stopping: in a thread, in a process, and without its extra."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from tokenflow.sandbox import AdminClient, Sandbox, SandboxExtraMissing, serve

PROGRAM = """
from tokenflow.sandbox import Sandbox, run_forever
run_forever(Sandbox(app_id="111"), 0)
"""


def test_it_stops_and_leaves_nothing_behind() -> None:
    before = threading.active_count()
    with serve(Sandbox()) as running:
        assert AdminClient(running.url, running.admin_token).now() > 0
        port = int(running.url.rpartition(":")[2])

    assert threading.active_count() == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_what_is_left_out_is_made_up_and_differs() -> None:
    one, other = Sandbox(), Sandbox(app_secret=None, admin_token=None)

    assert one.app_id.isdigit()
    assert len({one.app_secret, other.app_secret, one.admin_token, other.admin_token, one.client_token}) == 5
    assert one.app_secret not in repr(one)


def test_a_taken_port_is_said_so() -> None:
    with (
        serve(Sandbox()) as running,
        pytest.raises(OSError, match="in use"),
        serve(Sandbox(port=int(running.url.rpartition(":")[2]))),
    ):
        pass


@pytest.mark.proves("R17")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_when_it_is_ready_and_stops_on_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert AdminClient(ready["url"], ready["admin_token"]).ledger() == {
            "requests": [],
            "tokens": [],
            "callbacks": [],
        }
        process.send_signal(number)

        assert process.wait(20) == 0
        assert process.stdout.read() == ""
    assert ready["url"].startswith("http://127.0.0.1:")
    assert set(ready) == {"url", "admin_token", "app_id", "app_secret", "client_token", "apps", "clients"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_right_after_the_ready_line_is_not_lost(number: signal.Signals) -> None:
    """Whoever reads that line may end the process at once, before the server listens for signals."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()  # does nothing to a process that has ended


def test_in_real_time_the_clock_runs_from_where_it_was_set() -> None:
    with serve(Sandbox(real_time=True)) as running:
        admin = AdminClient(running.url, running.admin_token)
        assert abs(admin.now() - time.time_ns() // 1000) < 60_000_000

        ahead = admin.advance(86_400)
        assert admin.now() > ahead
        with urllib.request.urlopen(f"{running.url}/oauth2/jwks") as answer:
            assert answer.headers["date"]


def test_the_date_of_an_answer_is_the_sandbox_s_own() -> None:
    with serve(Sandbox(now=0)) as running, urllib.request.urlopen(f"{running.url}/oauth2/jwks") as answer:
        assert answer.headers["date"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_its_extra_it_says_what_to_install(missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
from tokenflow.sandbox import AdminClient, Sandbox, serve
try:
    serve(Sandbox()).__enter__()
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == (
        'SandboxExtraMissing the sandbox needs an extra: pip install "tokenflow-engine[sandbox]"\n'
    )
    assert issubclass(SandboxExtraMissing, ImportError)


def test_it_imports_nothing_else_of_tokenflow() -> None:
    program = (
        "import sys, tokenflow.sandbox.application; print(*(m for m in sys.modules if 'tokenflow' in m))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    plain = subprocess.run(
        [sys.executable, "-c", program.replace(".sandbox.application", "")],
        capture_output=True,
        text=True,
        check=True,
    )
    ours = {name for name in done.stdout.split() if not name.startswith("tokenflow.sandbox")}

    assert ours <= set(plain.stdout.split())


def test_a_body_beyond_the_limit_is_refused() -> None:
    with serve(Sandbox()) as running:
        request = urllib.request.Request(running.url, b"x" * ((1 << 20) + 1))
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        refused.value.close()

        assert refused.value.code == 413


def test_a_preflight_from_a_browser_is_answered() -> None:
    with serve(Sandbox()) as running:
        request = urllib.request.Request(f"{running.url}/me", method="OPTIONS")
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["access-control-allow-origin"] == "*"
