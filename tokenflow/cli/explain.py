"""`tokenflow explain`: a token, a spec, or a code of the linter, in plain words."""

import re
from collections.abc import Sequence
from typing import Final

import click

from tokenflow.cli.leaving import FINE
from tokenflow.cli.showing import FORMAT, as_json

_CODE: Final = re.compile(r"TF\d{3}", re.IGNORECASE)


@click.command()
@click.argument("what", metavar="WHAT [ISSUER]...", nargs=-1, required=True)
@click.option("--store", help="The store WHAT is a key of, e.g. sqlite:tokens.db; it is only read.")
@click.option("--tenant", default="default", show_default=True, help="Whose token WHAT is.")
@click.option("--resolved", is_flag=True, help="A spec: print it with its parents merged in, and where from.")
@FORMAT
def explain(what: tuple[str, ...], store: str | None, tenant: str, resolved: bool, shape: str) -> int:
    """Explain WHAT: a code such as TF118, a spec, or with --store a token's key.

    With --store, WHAT is always a key of that store, even where a spec has the same name. Without,
    it is a code of the linter, or else a spec (a path, or the name of a shipped one). A token's value
    is never shown, and no key of the store is needed.

    An ISSUER is the file of one that a spec names and that is not around it (beside it, or in issuers/).
    """
    if store is not None:
        if resolved:
            raise click.UsageError("--resolved is for a spec: leave --store out")
        return _token(what[0], what[1:], store, tenant, shape)
    if len(what) == 1 and _CODE.fullmatch(what[0]):
        if resolved:
            raise click.UsageError("--resolved is for a spec")
        return _code(what[0].upper(), shape)
    return _spec(what, resolved, shape)


def _token(key: str, specs: Sequence[str], store: str, tenant: str, shape: str) -> int:
    import attrs

    from tokenflow.cli.explained import show_token
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.explaining import explain as explained
    from tokenflow.runner.looking import looking

    with looking(store, specs, registry=Registry.installed(), tenant=tenant, clock=SystemClock()) as glass:
        found = explained(glass, key)
    if shape == "json":
        as_json({"token": attrs.asdict(found)})
    else:
        show_token(found)
    return FINE


def _spec(specs: Sequence[str], resolved: bool, shape: str) -> int:
    import attrs

    from tokenflow.cli.explained import show_sections
    from tokenflow.engine.opening import read_all
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.describing import describe
    from tokenflow.runner.looking import compiled
    from tokenflow.spec.issuers import subject_of
    from tokenflow.spec.resolved import resolved as as_yaml

    registry = Registry.installed()
    documents = read_all(specs, registry)
    document = subject_of(documents[: len(specs)])
    if resolved:
        if shape == "json":
            as_json({"spec": document.data})
        else:
            click.echo(as_yaml(document), nl=False)
        return FINE
    lifecycle = compiled(documents, registry).get(document.name) if document.kind == "Lifecycle" else None
    sections = describe(document, lifecycle)
    if shape == "json":
        as_json({"spec": document.ref, "sections": [attrs.asdict(one) for one in sections]})
    else:
        show_sections(sections)
    return FINE


def _code(code: str, shape: str) -> int:
    import attrs

    from tokenflow.cli.explained import show_code
    from tokenflow.spec.codes import CODES

    if code not in CODES:
        raise click.BadParameter(
            f"there is no code {code}; docs/reference/lint.md lists them", param_hint="WHAT"
        )
    if shape == "json":
        as_json({"code": attrs.asdict(CODES[code])})
    else:
        show_code(CODES[code])
    return FINE
