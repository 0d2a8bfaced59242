"""`tokenflow inspect`: what is this file that has to do with a token?"""

import sys
from pathlib import Path
from typing import Any, Final

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, as_json, painter

SECRET: Final = click.option(
    "--secret",
    "references",
    multiple=True,
    metavar="NAME=REFERENCE",
    help="What to check a signature with: app_secret=env:FB_APP_SECRET. May be given again.",
)
_LINES: Final = (
    ("kind", "kind"),
    ("app", "app"),
    ("user", "user"),
    ("expires", "ends"),
    ("data_access_expires", "data access ends"),
    ("scope", "scope"),
    ("declined_scope", "declined"),
    ("expired_scope", "expired"),
)


@click.command()
@click.argument("file", type=click.Path(exists=True, allow_dash=True))
@SECRET
@FORMAT
def inspect(file: str, references: tuple[str, ...], shape: str) -> int:
    """Explain FILE: what it is, whose token it has, when that ends, what is odd, and what to do now.

    FILE may be a store of a platform's SDK (Android's shared preferences, iOS's archives), a folder of a
    device image, a cookie, a signed_request, what a page or an issuer answered, an error, a token, or
    a store of tokenflow's; - reads it from stdin. No token is printed: each has a fingerprint, by which
    it can be told from another. Nothing is asked of anybody, and nothing is believed: what a file says of
    a token is not verified but where a signature can be. Leaves with 1 when FILE cannot be explained.
    """
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.inspecting import inspected, plain, specimens

    registry = Registry.installed()
    now = SystemClock()()
    path = None if file == "-" else Path(file)
    found = specimens(path, _piped(file), now, _secrets(references, registry))
    told = inspected(found, registry)
    if path is not None and path.is_dir():  # of a device image, only what has to do with tokens
        told = [one for one in told if one.format is not None]
    facts = [plain(one, now) for one in told]
    if shape == "json":
        as_json({"found": facts})
    else:
        _show(facts)
    return FINE if facts and all("flaw" not in one for one in facts) else FINDINGS


def _piped(file: str) -> bytes:
    from tokenflow.runner.inspecting import LARGEST

    return sys.stdin.buffer.read(LARGEST + 1) if file == "-" else b""


def _secrets(references: tuple[str, ...], registry: Any) -> dict[str, Any]:
    from tokenflow.engine.secrets import SecretReader

    pairs = [reference.partition("=") for reference in references]
    for name, equals, reference in pairs:
        if not (name and equals and reference):
            raise click.BadParameter("it is NAME=REFERENCE, e.g. app_secret=env:FB_APP_SECRET")
    if not pairs:
        return {}
    reader = SecretReader({name: source.read for name, source in registry.secret_sources().items()})
    return {name: reader(reference) for name, _, reference in pairs}


def _show(facts: list[dict[str, Any]]) -> None:
    paint = painter()
    for number, one in enumerate(facts):
        if number:
            click.echo()
        title = one["file"] or "stdin"
        if "flaw" in one:
            form = "" if one["format"] is None else f" ({one['format']})"
            click.echo(f"{paint(title, bold=True)}: {one['flaw']['says']}{form}")
            continue
        click.echo(f"{paint(title, bold=True)}: {one['what']} ({one['format']})")
        for label, value in _rows(one):
            click.echo(f"  {label:<17} {value}")
        for odd in one["odd"]:
            click.echo(f"  {paint('odd', fg='yellow')}{'':<14} {odd}")
        for step in one["next"]:
            click.echo(f"  {'next':<17} {step}")
    if not facts:
        click.echo("nothing here has to do with a token", err=True)


def _rows(one: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [(label, _text(one[name])) for name, label in _LINES if one[name] is not None]
    rows += [(name, _text(value)) for name, value in one["facts"].items()]
    rows += list(one["secrets"].items())
    rows += [("signature", one["signature"])] if one["signature"] else []
    rows += [(name, value) for name, value in one["meaning"].items()]
    return rows + ([("the SDK", one["sdk"])] if one["sdk"] else [])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return value["in"] if value["at"] is None else f"{value['at']}, {value['in']}"
    if isinstance(value, list):
        return " ".join(value) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
