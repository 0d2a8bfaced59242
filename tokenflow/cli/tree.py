"""The command tree, lazily: a command is imported when it is called, and not to be listed."""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from tokenflow._version import __version__
from tokenflow.cli.app import COMMANDS, DISABLE, LEAVE_ALONE, SUMMARY, VERSION
from tokenflow.cli.leaving import as_data, leave
from tokenflow.cli.showing import asked_for_json

COMPLETE: Final = "_TOKENFLOW_COMPLETE"
"""Set by a shell that asks how a line may go on."""


_HELP: Final[Any] = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""A group called without a command, whose help is no error; click before 8.2 knows no such thing."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and suggests one when it is misspelt."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; where JSON was asked for, a failure is one object on a line of stdout, too."""
        try:
            return super().invoke(context)
        except click.exceptions.Abort:
            raise
        except Exception as error:
            if asked_for_json(context) and not isinstance(error, click.exceptions.Exit):
                _tell_programs(error)
            raise

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import and return the command called *name*."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        _read_variables(command, f"TOKENFLOW_{name}")
        return _completing(command) if COMPLETE in os.environ else command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table, importing none; else an option."""
        found = [CompletionItem(name, help=COMMANDS[name][1]) for name in sorted(COMMANDS)]
        rest = click.Command.shell_complete(self, context, incomplete)
        return [*(one for one in found if one.value.startswith(incomplete)), *rest]

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve the command; an unknown one is answered with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            context.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


def _read_variables(command: click.Command, prefix: str) -> None:
    """Let each option be set by a variable called as it is: TOKENFLOW_RUN_STORE for `run --store`.

    Click's own prefix would go by the names of our functions' parameters.
    """
    for name, below in command.commands.items() if isinstance(command, click.Group) else ():
        _read_variables(below, f"{prefix}_{name}")
    for option in command.params:
        if isinstance(option, click.Option):
            longest = max(map(len, option.opts))
            names = [one.lstrip("-") for one in option.opts if one.startswith("--") or len(one) == longest]
            variables = [f"{prefix}_{one}".upper().replace("-", "_") for one in names]
            known = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
            option.envvar = list(dict.fromkeys([*known, *variables]))


@contextmanager
def _without(left_out: tuple[str, ...]) -> Iterator[None]:
    """Leave plugins alone, here and in what is started from here, for as long as the block lasts."""
    wrong = [one for one in left_out if not one.removeprefix("no:") or not one.startswith("no:")]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r}: write no:PLUGIN", param_hint="-p")
    _demand_plugins([one.removeprefix("no:") for one in left_out])
    before = os.environ.get(DISABLE)
    os.environ[DISABLE] = ",".join([*filter(None, [before]), *(one.removeprefix("no:") for one in left_out)])
    try:
        yield
    finally:
        if before is None:
            del os.environ[DISABLE]
        else:
            os.environ[DISABLE] = before


def _demand_plugins(names: list[str]) -> None:
    """Refuse a name that no plugin has: whoever misspells it would run with the plugin."""
    from difflib import get_close_matches

    from tokenflow.hooks.registry import Registry

    known = Registry.installed().known()
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean no:{near[0]}?" if near else f"there is: {', '.join(sorted(known))}"
            raise click.BadParameter(f"no plugin is called {name!r}; {hint}", param_hint="-p")


def _completing(command: click.Command) -> click.Command:
    from tokenflow.cli.completing import completed

    below = command.commands.values() if isinstance(command, click.Group) else ()
    for one in (command, *below):
        completed(one)
    return command


@click.group(cls=LazyGroup, help=SUMMARY, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-p", "left_out", metavar="no:PLUGIN", multiple=True, help=LEAVE_ALONE)
@click.version_option(__version__, message=VERSION)
@click.pass_context
def tokenflow(context: click.Context, left_out: tuple[str, ...]) -> None:
    """Answer for all commands."""
    if left_out:
        context.with_resource(_without(left_out))
    if os.environ.get("FORCE_COLOR") and not os.environ.get("NO_COLOR"):
        context.color = True  # or click takes the colour out of what goes into a pipe


def run_command(arguments: list[str]) -> int:
    """Run a command and return its exit code; an error of ours is one message on stderr."""
    try:
        result = tokenflow.main(args=arguments, prog_name="tokenflow", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        _tell_people(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  # the last stop: whatever is left becomes an exit code
        return leave(error)
    return result if isinstance(result, int) else 0


def _tell_people(error: click.ClickException) -> None:
    """Say a wrong usage as every other error is said, below what the command's usage is."""
    if isinstance(error, _HELP):
        click.echo(error.format_message(), err=True)
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
        click.echo(f"Try '{error.ctx.command_path} --help' for help.\n", err=True)
    click.echo(f"error: {error.format_message()}", err=True)


def _tell_programs(error: Exception) -> None:
    with suppress(OSError):  # a stdout that is full or closed: stderr is told
        click.echo(json.dumps({"version": 1, "error": as_data(error)}, ensure_ascii=False))
