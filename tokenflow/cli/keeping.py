"""`tokenflow run TOKENS --once | --watch`: the keeper, told to a terminal."""

import signal
import threading
from collections.abc import Sequence
from typing import Any, Final

import click

from tokenflow.cli.leaving import FINDINGS, FINE, INTERNAL, OUT_OF_REACH, PERSON, exit_code
from tokenflow.cli.showing import as_json
from tokenflow.engine.sync import Engine
from tokenflow.hooks.registry import Registry
from tokenflow.runner.keeping import Kept, keep_once, keep_watching, specs_of, wanted
from tokenflow.spec import Document

_FIRST: Final = (PERSON, OUT_OF_REACH, FINDINGS, INTERNAL)
"""Of several problems, the one whose code is left with."""


def keep(
    documents: Sequence[Document],
    registry: Registry,
    shape: str,
    *,
    store: str,
    key: str | None,
    issuer: str | None,
    watch: bool,
) -> int:
    """Keep the tokens of *documents* alive and return the exit code."""
    wishes = wanted(documents)
    options: dict[str, Any] = {} if issuer is None else {"issuer": issuer}
    found: dict[str, Kept] = {}

    def tell(one: Kept) -> None:
        found[one.key] = one
        _tell(one, err=shape == "json")

    with Engine.open(specs_of(documents), store, key=key, registry=registry, **options) as engine:
        if watch:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            keep_watching(engine, wishes, stop, tell)
        else:
            for one in keep_once(engine, wishes):
                tell(one)
    if shape == "json":
        as_json({"tokens": [_plain(one) for one in found.values()]})
    if watch:
        return FINE
    codes = {exit_code(one.error) for one in found.values() if one.error is not None}
    return next((code for code in _FIRST if code in codes), FINE)


def _tell(one: Kept, *, err: bool) -> None:
    click.echo(f"{one.key}: {one.state or one.problem}", err=err)
    if one.url is not None:
        click.echo(f"  open {one.url}", err=err)


def _plain(one: Kept) -> dict[str, str | None]:
    return {"key": one.key, "state": one.state, "problem": one.problem, "url": one.url}
