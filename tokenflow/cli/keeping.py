"""`tokenflow run TOKENS --once | --watch`: the keeper, told to a terminal."""

import signal
import threading
from collections.abc import Sequence
from typing import Any

import attrs
import click

from tokenflow.cli.leaving import FINE, OUT_OF_REACH, PERSON
from tokenflow.cli.showing import as_json
from tokenflow.engine.sync import Engine
from tokenflow.hooks.registry import Registry
from tokenflow.runner.keeping import Kept, keep_once, keep_watching, wanted
from tokenflow.spec import Document


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
    lifecycles = sorted({one.lifecycle for one in wishes})
    options: dict[str, Any] = {} if issuer is None else {"issuer": issuer}
    with Engine.open(lifecycles, store, key=key, registry=registry, **options) as engine:
        if watch:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            keep_watching(engine, wishes, stop, _tell)
            return FINE
        kept = keep_once(engine, wishes)
    if shape == "json":
        as_json({"tokens": [attrs.asdict(one) for one in kept]})
    else:
        for one in kept:
            _tell(one)
    if any(one.url is not None for one in kept):
        return PERSON
    return OUT_OF_REACH if any(one.problem is not None for one in kept) else FINE


def _tell(one: Kept) -> None:
    click.echo(f"{one.key}: {one.state or one.problem}")
    if one.url is not None:
        click.echo(f"  open {one.url}")
