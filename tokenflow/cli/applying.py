"""`tokenflow run --plan FILE`: exactly what the plan lists, told as it is done."""

import signal
import threading
from pathlib import Path
from typing import Any

from tokenflow.cli.leaving import gravest
from tokenflow.cli.plan import read_plan
from tokenflow.cli.planned import applied_as_json, tell_later, teller
from tokenflow.engine.sync import Engine
from tokenflow.hooks.registry import Registry
from tokenflow.runner.applying import apply


def apply_plan(
    path: Path, shape: str, *, store: str, key: str | None, issuer: str | None, watch: bool
) -> int:
    """Apply the plan in a file and return the exit code."""
    plan = read_plan(path)
    options: dict[str, Any] = {} if issuer is None else {"issuer": issuer}
    stop = threading.Event() if watch else None
    if stop is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
    registry = Registry.installed()
    with Engine.open(plan.specs, store, key=key, tenant=plan.tenant, registry=registry, **options) as engine:
        applied = apply(engine, plan, tell=teller(err=shape == "json"), stop=stop)
    if shape == "json":
        applied_as_json(applied)
    else:
        tell_later(applied)
    return gravest(one.error for one in applied)
