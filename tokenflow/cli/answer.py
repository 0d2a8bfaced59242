"""`tokenflow token answer`: a login that waits for a person, finished with what the browser brought back."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import click

LONGEST: Final = 64 * 1024
"""Characters of an address that are read; no browser carries more."""
_MEND: Final = "help: give the whole address, as the browser's address bar shows it after the login"


def params_of(text: str) -> dict[str, str]:
    """Return what came back in an address, or in what stands after its `?` or `#`.

    Raises click.ClickException for what is no answer to a login; it never shows what was given.
    """
    address, _, fragment = "".join(text.split()).partition("#")  # a terminal may have wrapped it
    _, asked, query = address.partition("?")
    if not asked and "://" not in address:
        query = address
    pairs = parse_qsl(query, keep_blank_values=True) + parse_qsl(fragment, keep_blank_values=True)
    params = dict(pairs)
    _demand(params, [name for name, _ in pairs])
    return params


def _demand(params: dict[str, str], names: Sequence[str]) -> None:
    twice = sorted({name for name in ("state", "code", "access_token", "error") if names.count(name) > 1})
    if twice:  # RFC 6749 §3.1
        raise click.ClickException(f"`{twice[0]}` is there more than once\n  {_MEND}")
    if not params.get("state"):
        raise click.ClickException(f"there is no `state` in what was given\n  {_MEND}")
    if not {"code", "access_token", "error", "error_code"} & params.keys():
        raise click.ClickException(f"there is neither a `code` nor an `error` in what was given\n  {_MEND}")


def read_answer() -> dict[str, str]:
    """Return what came back, out of stdin; at a terminal the person is asked, and nothing is shown."""
    if sys.stdin.isatty():
        text = click.prompt("the address the browser was sent to (not shown)", hide_input=True, err=True)
    else:
        text = sys.stdin.read(LONGEST)
    return params_of(text)


def read_secret(asks: str, *, from_stdin: bool) -> Any:
    """Return a secret out of stdin, or of a terminal, where nothing is shown."""
    from tokenflow.core.secret import Secret

    if from_stdin or not sys.stdin.isatty():
        return Secret(sys.stdin.read(LONGEST).strip())
    return Secret(click.prompt(asks, hide_input=True, err=True))


def finish(engine: Any, key: str) -> None:
    """Finish the login of *key*: with what the person brought back, or, at a device, once they decided."""
    from tokenflow.core.errors import PromptPending

    try:
        engine.answer(key)
    except PromptPending as pending:
        if pending.poll is None:
            engine.answer(key, read_answer())
            return
        click.echo(f"open {pending.url} and enter {pending.user_code}; waiting for it", err=True)
        engine.desk.decided(key).result()


def demand_no_address(specs: Iterable[str]) -> None:
    """Raise click.UsageError for an address among the arguments, where other users and a history see it."""
    marks = ("://", "code=", "state=", "access_token=")
    if any(mark in one for one in specs for mark in marks):
        raise click.UsageError("an address is read from stdin, never as an argument: it holds a secret code")


def demand_waiting(store: Any, tenant: str, key: str) -> None:
    """Raise TokenNotFound or PromptExpired where no login of *key* is parked in *store*."""
    from tokenflow.core.errors import PromptExpired, TokenNotFound
    from tokenflow.engine.performer import PARKED

    if store.get(PARKED, f"{tenant}/{key}") is not None:
        return
    if store.load(tenant, key) is None:
        raise TokenNotFound(key, among=store.keys(tenant))
    raise PromptExpired(
        f"{key}: no login is waiting",
        mend="it was finished already, or never begun; `tokenflow run TOKENS --once` or --watch begins one",
    )


def command_for(
    key: str, files: Sequence[str], *, store: str, reference: str | None, issuer: str | None
) -> str:
    """Return the command line that finishes the login of *key*."""
    import shlex

    words = ["tokenflow", "token", "answer", key, *files, "--store", store]
    words += [] if reference is None else ["--key", reference]
    words += [] if issuer is None else ["--issuer", issuer]
    return shlex.join(words)
