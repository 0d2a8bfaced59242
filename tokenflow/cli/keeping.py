"""`tokenflow run TOKENS --once | --watch`: the keeper, told to a terminal."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any, Final

import click

from tokenflow.cli.answer import command_for
from tokenflow.cli.leaving import FINE, OUT_OF_REACH, gravest
from tokenflow.cli.showing import as_json
from tokenflow.cli.watching import News, Teller, as_plain, say_all, tell, teller
from tokenflow.engine.handles import Keeping
from tokenflow.engine.health import Health
from tokenflow.engine.keeper import PATIENCE
from tokenflow.engine.privacy import keep_memory_private
from tokenflow.engine.sync import Engine
from tokenflow.engine.wishes import specs_of, wanted
from tokenflow.hooks.registry import Registry
from tokenflow.runner.keeping import EVERY, Watch, keep_once, notify, write_health
from tokenflow.spec import Document

_STOPPERS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def keep(
    documents: Sequence[Document],
    registry: Registry,
    shape: str,
    *,
    store: str,
    key: str | None,
    issuer: str | None,
    watch: bool,
    issuers: Sequence[str] = (),
    health: Path | None = None,
) -> int:
    """Keep the tokens of Tokens *documents* alive and return the exit code; *issuers* are files."""
    news: SimpleQueue[News] = SimpleQueue()
    options: dict[str, Any] = {} if issuer is None else {"issuer": issuer}
    if watch and shape == "json":
        options["on_event"] = lambda events: news.put(tuple(events))
    engine = Engine.open([*specs_of(documents), *issuers], store, key=key, registry=registry, **options)
    wishes = wanted(documents)
    files = [document.path for document in documents]
    answer = partial(command_for, files=files, store=store, reference=key, issuer=issuer)
    if watch:
        return _watch(engine, engine.keep(wishes, tell=news.put), news, teller(shape, answer), health)
    with engine:
        found = keep_once(engine, wishes)
    if shape == "json":
        as_json({"tokens": [as_plain(one) for one in found]})
    else:
        for one in found:
            tell(one, answer)
    return gravest(one.error for one in found)


def _watch(
    engine: Engine, keeping: Keeping, news: "SimpleQueue[News]", told: Teller, file: Path | None
) -> int:
    """Keep until a signal comes; a second one ends the process at once, as a kill would."""
    patience = PATIENCE
    keep_memory_private()

    def look(found: Health) -> None:
        news.put(found)
        if file is not None:
            write_health(file, found)
        if found.alive:
            notify("WATCHDOG=1")

    try:
        if file is not None:
            _write(file, engine.health())
        _stop_by_signal(keeping, news)
        keeping.keeper.start().add_done_callback(lambda _: news.put(None))
        notify("READY=1")
        with Watch(engine, look, every=1.0 if sys.stderr.isatty() else EVERY):
            say_all(news, told)
        notify("STOPPING=1")
        if keeping.wait(0):  # raises what ended it, if it was no signal
            return FINE
        patience = 0.0
        click.echo("an exchange in flight was given up; the next start asks what became of it", err=True)
        return OUT_OF_REACH
    finally:
        engine.desk.close(patience)
        if file is not None:
            file.unlink(missing_ok=True)


def _write(file: Path, found: Health) -> None:
    try:
        write_health(file, found)
    except OSError as error:
        raise click.FileError(str(file), f"the health file cannot be written: {error.strerror}") from None


def _stop_by_signal(keeping: Keeping, news: "SimpleQueue[News]") -> None:
    """Have the first signal stop the keeper, and the second the process: nothing waits for it then."""
    late = threading.Timer(PATIENCE, lambda: news.put(None))
    late.daemon = True
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if came:
            os._exit(128 + number)
        came.append(number)
        keeping.stop()
        late.start()

    for number in _STOPPERS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1)
            signal.signal(number, stop)
