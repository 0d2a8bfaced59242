"""Where a secret could come out, and how each place is overheard.

What a channel says goes into `Said` as it is said; the scanner reads it when the test is over. Nothing here
changes what the product does: a listener passes on what it got.
"""

import functools
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import attrs
import pytest

import tokenflow
from tokenflow.core import errors, events
from tokenflow.engine import metrics, wording
from tokenflow.sandbox.ledger import Ledger
from tokenflow_sqlite import database

CHANNELS: Final = (
    "output",
    "log",
    "warning",
    "error",
    "traceback",
    "file",
    "URL",
    "argv",
    "metrics",
    "event",
    "audit trail",
    "SQL",
    "opened",
)
PRODUCT: Final = tuple(
    f"{folder}{os.sep}" for folder in (Path(tokenflow.__file__).parent, Path(database.__file__).parent.parent)
)
FLOWS: Final = (PRODUCT[1], *(f"{PRODUCT[0]}{room}{os.sep}" for room in ("core", "testing", "spec")))
TESTS: Final = f"{Path(__file__).parent.parent}{os.sep}"
HERE: Final = f"{Path(__file__).parent}{os.sep}channels.py"
CLIENTS: Final = frozenset({"httpx2", "httpcore2", "httpx", "httpcore", "urllib3", "requests", "aiohttp"})
"""HTTP libraries: the product uses one of them, and tests that play a browser or another client use all."""
A_CLIENT: Final = "a test's client"
BY_HAND: Final = "a flow that a test plays"
MOST: Final = 32
"""Tracebacks of one test whose locals are read: a property raises the same one a hundred times."""


@attrs.define
class Said:
    """What came out while a test ran: channel -> (where, what)."""

    by: dict[str, list[tuple[str, str | bytes]]] = attrs.field(factory=lambda: {one: [] for one in CHANNELS})
    written: set[str] = attrs.field(factory=set)
    """Files that this process opened to write, by something else than a test."""
    own: set[str] = attrs.field(factory=set)
    """Files that a test itself wrote."""
    tracebacks: int = 0
    deaf: bool = False
    """Whether it is over: what Python announces is heard for as long as the process lives."""

    def say(self, channel: str, where: str, what: str | bytes) -> None:
        """Take note of what came out of a channel."""
        if what and not self.deaf:
            self.by[channel].append((where, what))

    def clear(self) -> None:
        """Forget it all."""
        for heard in self.by.values():
            heard.clear()
        self.written.clear()
        self.own.clear()
        self.tracebacks = 0


def listen(said: Said, replace: Callable[[Any, str, Any], None]) -> None:
    """Overhear everything in this process from now on."""
    _listen_to_logs(said, replace)
    _listen_to_errors(said, replace)
    _listen_to_output(said, replace)
    _listen_to_texts(said, replace)
    sys.addaudithook(_audited(said))


def _listen_to_logs(said: Said, replace: Callable[[Any, str, Any], None]) -> None:
    """Hear every record of every logger, whatever its level: others still get what they would."""
    would = logging.Logger.isEnabledFor
    handle = logging.Logger.handle

    def heard(self: logging.Logger, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        theirs = record.name.partition(".")[0] in CLIENTS and _by_a_test(sys._getframe(1))
        where = f"{A_CLIENT}: {record.name}" if theirs else record.name
        said.say("log", where, f"{text}\n{record.args!r}")
        if record.exc_info and record.exc_info[1] is not None:
            tell(said, record.exc_info[1], f"logged by {record.name}")
        if would(self, record.levelno):
            handle(self, record)

    replace(logging.Logger, "isEnabledFor", lambda self, level: True)
    replace(logging.Logger, "handle", heard)


def _listen_to_errors(said: Said, replace: Callable[[Any, str, Any], None]) -> None:
    """Hear what tokenflow's errors are made of, and every error that a test expects."""

    def made(cls: type, *arguments: Any, **named: Any) -> Any:
        said.say("error", cls.__name__, f"{arguments!r} {named!r}")
        return Exception.__new__(cls, *arguments)

    left = pytest.RaisesExc.__exit__

    def raised(self: Any, kind: Any, error: BaseException | None, trace: TracebackType | None) -> bool:
        __tracebackhide__ = True
        if error is not None:
            tell(said, error, "raised")
        return left(self, kind, error, trace)

    class Warned(warnings.WarningMessage):
        def __init__(self, message: Any, *arguments: Any, **named: Any) -> None:
            super().__init__(message, *arguments, **named)
            said.say("warning", str(self.filename), f"{message} {message!r}")

    replace(errors.TokenflowError, "__new__", made)
    replace(pytest.RaisesExc, "__exit__", raised)
    replace(warnings, "WarningMessage", Warned)


def tell(said: Said, error: BaseException, how: str) -> None:
    """Say all that an error holds, and all that its chain and the product's frames below it hold."""
    for one in _chain(error):
        name = type(one).__name__
        frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(one.__traceback__)]
        if type(one).__module__.partition(".")[0] in CLIENTS and not any(map(_is_product, frames)):
            how = f"{A_CLIENT}: {how}"
        by_hand = frames and not any(map(_is_outside, frames))
        said.say("error", f"{how}: {name}", f"{one} {one!r} {one.args!r} {vars(one)!r}")
        if said.tracebacks < MOST:
            said.tracebacks += 1
            for frame, line in traceback.walk_tb(one.__traceback__):
                code = frame.f_code
                if _is_product(code.co_filename) and frame.f_locals:
                    place = f"{code.co_name} ({_short(code.co_filename)}:{line})"
                    where = f"{BY_HAND if by_hand else how}: {name} in {place}"
                    said.say("traceback", where, _shown(frame.f_locals))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and all(error is not one for one in seen):
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


def _shown(values: dict[str, Any]) -> str:
    lines = []
    for name, value in values.items():
        try:
            lines.append(f"{name}={value!r}")
        except Exception as error:  # noqa: BLE001  # a hostile repr says nothing
            lines.append(f"{name}: {type(error).__name__}")
    return "\n".join(lines)


def _listen_to_output(said: Said, replace: Callable[[Any, str, Any], None]) -> None:
    """Hear what a test takes from the output before pytest does."""
    read = pytest.CaptureFixture.readouterr

    def taken(self: Any) -> Any:
        found = read(self)
        for where, what in (("stdout", found.out), ("stderr", found.err)):
            said.say("output", where, what)
        return found

    replace(pytest.CaptureFixture, "readouterr", taken)


def _listen_to_texts(said: Said, replace: Callable[[Any, str, Any], None]) -> None:
    """Hear events, the audit trail, metrics, the sandbox's requests and every statement of SQLite."""

    def told(channel: str, make: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(make)
        def said_by(*arguments: Any, **named: Any) -> Any:
            text = make(*arguments, **named)
            said.say(channel, make.__name__, text)
            return text

        return said_by

    for module, name, channel in (
        (events, "to_json", "event"),
        (metrics, "exposition", "metrics"),
        (wording, "worded", "audit trail"),
    ):
        everywhere(module, name, told(channel, getattr(module, name)), replace)
    write = Ledger.write

    def asked(self: Ledger, at: int, call: Any, *rest: Any) -> None:
        # What a browser or another client asks is theirs to say: only tokenflow signs its requests so.
        if call.headers.get("user-agent") == "tokenflow":
            query = "&".join(f"{name}={value}" for name, value in call.query)
            said.say("URL", "the sandbox", f"{call.method} {call.base}/{call.path}?{query}")
        write(self, at, call, *rest)

    replace(Ledger, "write", asked)
    opened = database._open

    def traced(path: Path) -> Any:
        connection = opened(path)
        connection.set_trace_callback(lambda statement: said.say("SQL", "sqlite", statement))
        return connection

    replace(database, "_open", traced)


def everywhere(module: Any, name: str, better: Any, replace: Callable[[Any, str, Any], None]) -> None:
    """Replace a function in its module and wherever it was imported by name."""
    before = getattr(module, name)
    for each in [one for one in sys.modules.values() if getattr(one, "__name__", "").startswith("tokenflow")]:
        if vars(each).get(name) is before:
            replace(each, name, better)


def _audited(said: Said) -> Callable[[str, tuple[Any, ...]], None]:
    """Hear what Python itself announces: files, connections and processes."""

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if said.deaf:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str) and flags & (os.O_WRONLY | os.O_RDWR):
                (said.own if _by_a_test(sys._getframe(1)) else said.written).add(path)
                said.say("opened", "open", path)
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
            said.say("argv", event, repr(arguments[:2]))
        elif event == "sqlite3.connect":
            said.say("opened", event, repr(arguments[0]))
        elif event == "socket.connect":
            said.say("opened", event, repr(arguments[1]))

    return heard


def _by_a_test(frame: Any) -> bool:
    """Return whether a test, and nothing of the product between, writes a file."""
    while frame is not None:
        name = frame.f_code.co_filename
        if _is_product(name):
            return False
        if name.startswith(TESTS) and not name.startswith(HERE):
            return True
        frame = frame.f_back
    return False


def _is_outside(path: str) -> bool:
    """Return whether a file is of the rooms that keep the locals of flows from their callers."""
    return _is_product(path) and not path.startswith(FLOWS)


def _is_product(path: str) -> bool:
    return path.startswith(PRODUCT)


def _short(path: str) -> str:
    for folder in PRODUCT:
        if path.startswith(folder):
            return path[len(folder) :]
    return path


def files(folders: Iterator[Path] | list[Path], beside: set[str]) -> Iterator[tuple[str, Path]]:
    """Yield every file below *folders*, and those of *beside* that are still there."""
    seen = set()
    for folder in folders:
        for where, _, names in os.walk(folder):
            for name in names:
                path = Path(where, name)
                seen.add(str(path))
                if path.is_file():  # no pipe, no socket, no link that leads nowhere
                    yield str(path.relative_to(folder)), path
    for name in sorted(beside - seen):
        if os.path.isfile(name) and not name.startswith(("/dev", "/proc")):
            yield name, Path(name)


def read(path: Path, most: int) -> bytes:
    """Return a file's beginning and end, up to *most* bytes; nothing when it went, or may not be read."""
    try:
        with io.open_code(str(path)) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= most:
                return file.read()
            start = file.read(most // 2)
            file.seek(-(most // 2), os.SEEK_END)
            return start + file.read()
    except OSError:
        return b""
