"""What comes after `tokenflow init`: the rehearsal, and where there is something to keep, the keeper."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow.cli.starts import Start

_SANDBOX: Final = "http://127.0.0.1:8400"
_REGISTERED: Final = {
    "app_secret": "--app-secret",
    "client_secret": "--client-secret",
    "client_token": "--client-token",
}
"""A secret of a lifecycle -> the option of `tokenflow sandbox` that registers it."""


@attrs.frozen(kw_only=True)
class Stage:
    """Commands that belong together."""

    title: str
    commands: tuple[str, ...]


def variables_of(start: Start) -> list[str]:
    """Return the names of the environment variables that the issuer's and the lifecycle's documents name."""
    facts = [*start.at.get("client", {}).values(), *start.secrets.values()]
    return list(dict.fromkeys(name for fact in facts if (name := _variable(fact)) is not None))


def stages_of(start: Start, folder: Path, tokens: str | None) -> list[Stage]:
    """Return what to do next in *folder*; *tokens* is the Tokens file there, if there is one."""
    go = () if folder == Path() else (f"cd {folder}",)
    play = Stage(title="next", commands=(*go, "tokenflow run"))
    if tokens is None:
        return [play]
    keep = Stage(
        title=f"then set {_listed(variables_of(start))}, and keep it alive",
        commands=(f"tokenflow run {tokens} --store sqlite:tokens.db --watch",),
    )
    if not start.secrets.keys() <= _REGISTERED.keys():
        return [play, keep]
    rehearse = f"tokenflow run {tokens} --store sqlite:play.db --watch --issuer {_SANDBOX}"
    return [
        play,
        keep,
        Stage(
            title="or play with the same variables, at a sandbox that runs beside it",
            commands=(_sandbox(start), rehearse),
        ),
    ]


def _sandbox(start: Start) -> str:
    """Return the line that starts a sandbox where the application is registered as the variables say."""
    client = start.at.get("client", {})
    graph = "graph" in start.at.get("endpoints", {})
    given = {
        "--app-id" if graph else "--client-id": client.get("client_id"),
        **{_REGISTERED[name]: fact for name, fact in start.secrets.items()},
        "--redirect-uri": client.get("redirect_uri"),
    }
    words = [f'{option} "${name}"' for option, fact in given.items() if (name := _variable(fact))]
    contract = start.at.get("rotation", {}).get("contract", "none")
    return " ".join(["tokenflow sandbox", *words, *([] if graph else [f"--rotation {contract}"])])


def _variable(fact: Any) -> str | None:
    """Return X of `{from: env:X}`, or None for anything else."""
    scheme, _, name = fact.get("from", "").partition(":") if isinstance(fact, dict) else ("", "", "")
    return name if scheme == "env" else None


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
