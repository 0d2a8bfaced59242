"""The front of the command line: its table, and what is answered from it without loading anything.

`--help` and `--version` are asked by people, shells and scripts all day; click alone would make them
four times as slow (ruling 13). So this file imports nothing, and a test holds its help page to click's.
"""

from __future__ import annotations

import sys

from tokenflow._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is a third of a bare start
    from collections.abc import Mapping
    from typing import Final

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "init": ("tokenflow.cli.init:init", "Begin a project: specs that lint clean, and a scenario."),
    "run": ("tokenflow.cli.run:run", "Play scenarios, or keep a Tokens file's tokens alive."),
    "validate": ("tokenflow.cli.validate:validate", "Check spec files and show every mistake with its mend."),
    "diff": ("tokenflow.cli.diff:diff", "Show what changed between two versions of a lifecycle."),
    "migrate": ("tokenflow.cli.migrate:migrate", "Bring live tokens over to a new version of their spec."),
    "test": ("tokenflow.cli.test:test", "Run the example answers of issuers and lifecycles."),
    "simulate": ("tokenflow.cli.simulate:simulate", "Take tokens through virtual time, and see what comes."),
    "plan": ("tokenflow.cli.plan:plan", "Show what would happen to tokens next; change nothing."),
    "explain": ("tokenflow.cli.explain:explain", "Explain a token, a spec, or a code of the linter."),
    "inspect": ("tokenflow.cli.inspect:inspect", "Explain a file that has to do with a token."),
    "graph": ("tokenflow.cli.graph:graph", "Draw a lifecycle's state machine."),
    "doctor": ("tokenflow.cli.doctor:doctor", "Check clock, store, key, plugins and secrets."),
    "token": ("tokenflow.cli.token:token", "Look at tokens in a store."),
    "status": ("tokenflow.cli.status:status", "Say how the tokens in a store are; metrics, too."),
    "revoke": ("tokenflow.cli.revoke:revoke", "End tokens on purpose, at their issuers and here."),
    "reap": ("tokenflow.cli.reap:reap", "Remove from a store what nobody needs any more."),
    "stop-refreshing": ("tokenflow.cli.stopping:stop_refreshing", "Stop refreshing, in an emergency."),
    "resume-refreshing": ("tokenflow.cli.stopping:resume_refreshing", "Let tokens be refreshed again."),
    "backup": ("tokenflow.cli.backup:backup", "Copy a store to a file while it is used."),
    "verify": ("tokenflow.cli.backup:verify", "Open everything a store keeps, and hold it together."),
    "export": ("tokenflow.cli.export:export", "Write the tokens of a store into one encrypted file."),
    "import": ("tokenflow.cli.export:import_", "Take the tokens of such a file into a store."),
    "adopt": ("tokenflow.cli.adopt:adopt", "Let a store be refreshed that is a copy, or was moved."),
    "erase": ("tokenflow.cli.erase:erase", "Erase a person; the audit trail keeps its lines."),
    "audit": ("tokenflow.cli.audit:audit", "Look at what was done to tokens, and prove it."),
    "keys": ("tokenflow.cli.keys:keys", "Look at what seals a store's secrets, and change it."),
    "plugins": ("tokenflow.cli.plugins:plugins", "Look at plugins."),
    "schema": ("tokenflow.cli.schema:schema", "Print the JSON Schema of a kind of document."),
    "completion": ("tokenflow.cli.completion:completion", "Print a script that completes what is typed."),
    "sandbox": (
        "tokenflow.cli.sandbox:sandbox",
        "Run an authority on this machine, to try things with.",
    ),
}
"""command -> (module:object, one line of help)."""

SUMMARY: Final = "Declare in YAML how an access token lives; tokenflow keeps it alive, safely."
VERSION: Final = f"tokenflow, version {__version__}"
DISABLE: Final = "TOKENFLOW_DISABLE_PLUGINS"
"""As `hooks.offers` reads it, which is not loaded for a help page."""
WIDTH: Final = 80
"""The widest page click writes, in columns."""

LEAVE_ALONE: Final = "Leave a plugin alone for this run."
_OPTIONS: Final = {
    "-p no:PLUGIN": LEAVE_ALONE,
    "--version": "Show the version and exit.",
    "-h, --help": "Show this message and exit.",
}


def help_page() -> str:
    """Return the help page as click writes it on a terminal of 80 columns or more."""
    return "\n\n".join(
        [
            "Usage: tokenflow [OPTIONS] COMMAND [ARGS]...",
            f"  {SUMMARY}",
            f"Options:\n{_columns(_OPTIONS)}",
            f"Commands:\n{_columns({name: COMMANDS[name][1] for name in sorted(COMMANDS)})}",
        ]
    )


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    answer = _known(arguments)
    if answer is None:
        from tokenflow.cli.tree import run_command

        return run_command(arguments)
    # Asked for, it is data; shown because nothing was, it is a wrong usage.
    try:
        (sys.stdout if arguments else sys.stderr).write(f"{answer}\n")
        sys.stdout.flush()
    except OSError as error:
        from tokenflow.cli.leaving import leave

        return leave(error)
    return 0 if arguments else 2


def _known(arguments: list[str]) -> str | None:
    """Return the answer that needs no click, or None: it lays out narrower pages, and completes."""
    import os

    if "_TOKENFLOW_COMPLETE" in os.environ:
        return None
    if arguments == ["--version"]:
        return VERSION
    if arguments in ([], ["-h"], ["--help"]) and _is_wide(os.environ.get("COLUMNS")):
        return help_page()
    return None


def _is_wide(columns: str | None) -> bool:
    """Return whether the terminal, or what COLUMNS says of it, takes the widest page."""
    if columns is not None:
        return columns.isdecimal() and int(columns) >= WIDTH
    import os

    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns >= WIDTH  # type: ignore[union-attr]  # None is caught
    except (AttributeError, ValueError, OSError):  # no stdout, a closed one, no terminal
        return True


def _columns(rows: Mapping[str, str]) -> str:
    widest = max(map(len, rows))
    return "\n".join(f"  {name:<{widest}}  {text}" for name, text in rows.items())
