"""`tokenflow plan`: what would fire, be refused, be acquired or migrate; nothing is changed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import CHANGES, FINE
from tokenflow.cli.outputs import Output
from tokenflow.cli.showing import FORMAT, as_json

if TYPE_CHECKING:
    from tokenflow.core.plans import Plan


@click.command()
@click.argument("specs", nargs=-1)
@click.option("--store", required=True, help="The store, e.g. sqlite:tokens.db; it is only read.")
@click.option(
    "--until", default="24h", show_default=True, metavar="SPAN", help="How far to look, e.g. 90m, 7d or P60D."
)
@click.option("--tenant", default="default", show_default=True, help="Whose tokens.")
@click.option(
    "--out",
    type=Output(),
    help="Write the plan to this file (0600), for `tokenflow run --plan FILE`.",
)
@click.option("--exit-code", "tells", is_flag=True, help="Leave with 3 when there are changes, 0 when none.")
@FORMAT
def plan(
    specs: tuple[str, ...],
    store: str,
    until: str,
    tenant: str,
    out: Path | None,
    tells: bool,
    shape: str,
) -> int:
    """Show what would happen to the tokens of a store until --until, and why. Nothing is changed.

    SPECS are Lifecycles (tokens of older versions would come over to them) and Tokens files (what is
    missing would be acquired). Without any, tokens follow the specs they are pinned to. Issuers are
    taken to say yes. No key is needed: values stay sealed.
    """
    from tokenflow.cli.planned import show
    from tokenflow.core.plans import to_json

    found = _made(specs, store, until, tenant)
    if out is not None:
        from tokenflow.runner.private import write_private

        write_private(out, json.dumps(to_json(found), indent=1) + "\n")
        click.echo(f"written to {out}; apply it with: tokenflow run --plan {out} --store {store}", err=True)
    if shape == "json":
        as_json({**to_json(found), "calls": dict(found.calls), "changes": found.changes})
    else:
        show(found)
    return CHANGES if tells and found.changes else FINE


def _made(specs: tuple[str, ...], store: str, until: str, tenant: str) -> "Plan":
    from tokenflow.core.moments import duration
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.engine.opening import spec_names
    from tokenflow.engine.wishes import specs_of, wanted
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.looking import looking
    from tokenflow.runner.planning import plan as make
    from tokenflow.spec import load

    try:
        span = duration(until)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--until") from None
    registry = Registry.installed()
    documents = [load(spec, names=spec_names(registry)) for spec in specs]
    others = sorted({one.kind for one in documents} - {"Lifecycle", "Tokens", "Issuer"})
    if others:
        raise click.UsageError(f"plan takes Lifecycles and Tokens files, not {' and '.join(others)} files")
    tokens = [one for one in documents if one.kind == "Tokens"]
    named = [
        _lasting(spec)
        for spec, one in zip(specs, documents, strict=True)
        if one.kind in ("Lifecycle", "Issuer")
    ]
    opened = list(dict.fromkeys([*(_lasting(ref) for ref in specs_of(tokens)), *named]))
    with looking(store, opened, registry=registry, tenant=tenant, clock=SystemClock()) as glass:
        return make(glass, until=span, wishes=wanted(tokens), specs=opened)


def _lasting(spec: str) -> str:
    """A file by its whole path: a plan may be applied from another folder."""
    path = Path(spec)
    return str(path.resolve()) if path.suffix in (".yaml", ".yml") and path.is_file() else spec


def read_plan(path: Path) -> "Plan":
    """Return the plan in a file; raises Refused("not_a_plan")."""
    from tokenflow.core.errors import Refused
    from tokenflow.core.plans import from_json

    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused("not_a_plan", f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        found = None
    return from_json(found)
