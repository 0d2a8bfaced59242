"""The page of each command, written from click: what it takes is asked of the command itself.

An example, and what its JSON holds, stand in `commands.toml`; a test runs each example and holds the
words to it.
"""

import inspect
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs
import click

from tokenflow.cli.app import COMMANDS
from tokenflow.cli.tree import tokenflow

NOTE: Final = "<!-- Written by `python3 dev.py docs --write`; change the command's help instead. -->"
_CODES: Final[Mapping[int, str]] = {
    0: "fine",
    1: "findings",
    2: "usage: nothing was done",
    3: "there are changes",
    4: "the issuer or the store is out of reach, or needs attention",
    5: "a person is needed",
    130: "interrupted",
}
_COMMON: Final = """\
Data goes to stdout, progress to stderr; colour only to a terminal, unless `FORCE_COLOR` is set, and
`NO_COLOR` is stronger. An option may be set by a variable of its name: `TOKENFLOW_RUN_STORE` for
`run --store`. No secret is ever printed.

`--format json` is for programs. Without it are {bare}.
Instants are UTC, written in ISO 8601: `2030-01-01T00:00:00Z`. In what programs take up again they are
integers, in microseconds since 1970:

{micro}

`tokenflow -p no:NAME COMMAND` leaves a plugin alone for a run: it is not imported.
`TOKENFLOW_DISABLE_PLUGINS` names such plugins, separated by commas; `1` is all that did not come with
tokenflow. Where `TOKENFLOW_ALLOW_PLUGINS` is set, a foreign plugin is imported only if it names its
distribution, `acme-tokens` or `acme-tokens==1.2`. `TOKENFLOW_INNER_NETWORKS` (`10.0.0.0/8,...`) names
networks that are not public and may be connected to. `tokenflow completion` lets a shell complete all of
it. What commands leave with is on [one page](../exit-codes.md)."""


IN_MICROSECONDS: Final[Mapping[str, str]] = {
    "plan": "in a plan: below `plan` in JSON, and in the file of `plan --out`",
    "token show": "below `history` in the JSON of `token show`",
    "explain": "in the JSON of `explain` of a token",
    "run": "in the JSON lines of `run --watch`, and in its health file",
    "status": "in the JSON of `status`",
}
"""Commands whose JSON has instants as integers -> where; all else they print is ISO 8601."""


@attrs.frozen
class Chapter:
    """What a page says that click does not know."""

    example: str
    """A command line; STORE is a store's URL."""
    codes: tuple[int, ...]
    """Exit codes, as the page of exit codes explains them."""
    json: Mapping[str, str] = attrs.field(factory=dict)
    """What `--format json` prints beside `version`: key -> meaning."""


CHAPTERS: Final[Mapping[str, Chapter]] = {
    words: Chapter(example=told["example"], codes=tuple(told["codes"]), json=told.get("json", {}))
    for words, told in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
"""Command -> its chapter; below a group, `token list`."""


def leaves() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield each command that does something: its words, itself, and the context its help is written in."""
    top = click.Context(tokenflow, info_name="tokenflow", max_content_width=80, terminal_width=78)
    for name in sorted(COMMANDS):
        command = tokenflow.get_command(top, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=top)
        if isinstance(command, click.Group):
            for inner in command.list_commands(below):
                leaf = command.get_command(below, inner)
                assert leaf is not None
                yield f"{name} {inner}", leaf, click.Context(leaf, info_name=inner, parent=below)
        else:
            yield name, command, below


def file_of(words: str) -> str:
    """Return the name of a command's page."""
    return f"{words.replace(' ', '-')}.md"


def pages() -> dict[str, str]:
    """Return path -> text of every command's page, and of the list of them."""
    found = {
        f"docs/reference/commands/{file_of(words)}": _page(words, command, context)
        for words, command, context in leaves()
    }
    return {"docs/reference/commands/README.md": _list(), **found}


def _list() -> str:
    lines = ["# Commands", NOTE, "What each command takes, prints and leaves with."]
    links = (f"[tokenflow {words}]({file_of(words)}): {_first(command)}" for words, command, _ in leaves())
    lines += ["\n".join(f"- {link}" for link in links), _common()]
    return "\n\n".join(lines) + "\n"


def _common() -> str:
    bare = [
        f"`{words}`"
        for words, command, _ in leaves()
        if not any("--format" in one.opts for one in command.params)
    ]
    micro = "\n".join(f"- {where}" for where in IN_MICROSECONDS.values())
    return _COMMON.format(bare=f"{', '.join(bare[:-1])} and {bare[-1]}", micro=micro)


def _page(words: str, command: click.Command, context: click.Context) -> str:
    chapter = CHAPTERS[words]
    usage = " ".join(["tokenflow", words, *command.collect_usage_pieces(context)])
    lines = [f"# tokenflow {words}", NOTE, _prose(command), f"```text\n{usage}\n```"]
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        lines += ["## Options", "\n".join(_option(one) for one in options)]
    lines += ["## Example", f"```sh\n{chapter.example.replace('STORE', 'sqlite:tokens.db')}\n```"]
    if chapter.json:
        lines += ["## JSON", "`--format json` prints one object, with `version: 1` and:"]
        lines += ["\n".join(f"- `{path}`: {meaning}" for path, meaning in chapter.json.items())]
    lines += ["## Exit codes", "\n".join(f"- {code}: {_CODES[code]}" for code in chapter.codes)]
    return "\n\n".join(lines) + "\n"


def _prose(command: click.Command) -> str:
    """Return the command's help as Markdown: a paragraph that keeps its lines is a block."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(
        _block(one) if one.startswith("\b") else one.replace("<", "&lt;") for one in paragraphs
    )


def _block(paragraph: str) -> str:
    return f"```text\n{paragraph.removeprefix(chr(8)).strip()}\n```"


def _first(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ")


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    takes = ""
    if isinstance(option.type, click.Choice):
        takes = f" `{'|'.join(map(str, option.type.choices))}`"
    elif not option.is_flag:
        takes = f" `{option.metavar or option.name.upper() if option.name else ''}`"
    default = ""
    if isinstance(option.default, str | int) and not option.is_flag:
        default = f" Default: `{option.default}`."
    needed = " Required." if option.required else ""
    variables = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    also = f" Also from {' or '.join(f'`{name}`' for name in variables)}." if variables else ""
    return f"- {names}{takes}: {(option.help or '').replace('<', '&lt;')}{needed}{default}{also}"
