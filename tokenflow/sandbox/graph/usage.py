"""An app's budget of calls, and the headers that tell how much of it is used (facebook.md §1.0)."""

import json
from collections.abc import Mapping

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.wire import Call, Pairs
from tokenflow.sandbox.world import App, World

from . import carriage, refusals

HOUR = 3600 * SECOND


def spent(world: World, call: Call) -> Pairs:
    """Count *call* against its app and return `X-App-Usage`; refuse it (4) when the hour's budget is gone."""
    app = _of(world, call)
    if app is None or app.calls_per_hour is None:
        return ()
    now = world.clock.now()
    recent = [at for at in world.calls.get(app.app_id, ()) if now - HOUR < at <= now]
    if len(recent) >= app.calls_per_hour:
        raise refusals.rate_limited()
    world.calls[app.app_id] = [*recent, now]
    return usage(app, len(recent) + 1)


def full(world: World, call: Call) -> Pairs:
    """Return the header that goes with a refusal."""
    app = _of(world, call)
    return () if app is None or app.calls_per_hour is None else usage(app, app.calls_per_hour)


def usage(app: App, calls: int) -> Pairs:
    """Write *calls* as percent of the budget."""
    percent = 100 * calls // app.calls_per_hour if app.calls_per_hour else 100
    return (("x-app-usage", json.dumps(shares(percent), separators=(",", ":"))),)


def shares(percent: int) -> Mapping[str, int]:
    """Return the three shares; the sandbox counts calls, and time goes as they go."""
    return {"call_count": percent, "total_time": percent, "total_cputime": percent}


def _of(world: World, call: Call) -> App | None:
    value = carriage.carried(call)
    # A batch is as many calls as it holds; what comes without a token is on nobody's budget.
    if value is None or call.path == "":
        return None
    token = world.token_ids.get(value)
    return world.apps.get(world.tokens[token].app_id if token else value.partition("|")[0])
