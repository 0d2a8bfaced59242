"""What a shell is told that may stand next: names of shipped specs, codes, keys of a store, plugins.

A parameter is completed by what it is called, so that it is the same in every command; a choice
completes itself.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import click
from click.shell_completion import CompletionItem

from tokenflow.core.errors import TokenflowError

Names = Callable[[click.Context], Iterable[str]]


def completed(command: click.Command) -> click.Command:
    """Return *command*, its parameters completed by their names."""
    for parameter in command.params:
        names = _NAMES.get(_called(parameter))
        if names is not None and not isinstance(parameter.type, click.Choice):
            parameter.type = Completed(names, or_a_file=_called(parameter) in _OR_A_FILE)
    return command


class Completed(click.types.StringParamType):
    """Text that completes to one of some names."""

    def __init__(self, names: Names, *, or_a_file: bool) -> None:
        self._names, self._or_a_file = names, or_a_file

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin so; where there are none, and a file will do, leave it to the shell."""
        try:
            found = [CompletionItem(name) for name in self._names(ctx) if name.startswith(incomplete)]
        except TokenflowError:  # a store that is not there, say: the command itself will tell
            found = []
        return found or ([CompletionItem(incomplete, type="file")] if self._or_a_file else [])


def _called(parameter: click.Parameter) -> str:
    """Return what a person calls it: `--store`, or an argument's bare name."""
    return parameter.opts[0]


def _specs(_: click.Context) -> Iterable[str]:
    from tokenflow.spec.shipped import every_name

    return every_name()


def _codes(_: click.Context) -> Iterable[str]:
    from tokenflow.spec.codes import CODES

    return CODES


def _keys(context: click.Context) -> Iterable[str]:
    """Return the keys of the store that the line names."""
    from tokenflow.engine.places import look_into

    store, tenant = context.params.get("store"), context.params.get("tenant") or "default"
    if store is None:
        return ()
    with look_into(store) as opened:
        return list(opened.keys(tenant))


def _names(context: click.Context) -> Iterable[str]:
    """Return what a NAME may be: a key where the command is about a store, else a plugin."""
    about_a_store = any(one.name == "store" for one in context.command.params)
    return _keys(context) if about_a_store else _plugins(context)


def _forms(_: click.Context) -> Iterable[str]:
    """Return the forms tokens are found in."""
    from tokenflow.hooks.manifest import offered

    return sorted(offer.name for offer in offered() if offer.kind == "format")


def _explainable(context: click.Context) -> Iterable[str]:
    return [*_keys(context), *_specs(context), *_codes(context)]


def _plugins(_: click.Context) -> Iterable[str]:
    from importlib.metadata import entry_points

    return sorted({point.name for point in entry_points(group="tokenflow")})


def _starts(of: str) -> Names:
    """Complete from what `tokenflow init` offers, as far as its line has chosen."""

    def names(context: click.Context) -> Iterable[str]:
        from tokenflow.cli.starts import short, starts

        if of == "issuer" and context.command.name != "init":
            return ()  # the URL of a sandbox
        if of == "platform" and context.params.get("specs"):
            return _platforms(context.params["specs"][0])
        chosen = {name: value for name, value in context.params.items() if name != of and value is not None}
        facts = [
            {"issuer": short(one.issuer), "lifecycle": one.lifecycle, "platform": one.platform}
            for one in starts()
        ]
        return sorted(
            {one[of] for one in facts if all(chosen.get(name, it) == it for name, it in one.items())}
        )

    return names


def _platforms(spec: str) -> Iterable[str]:
    """Return the platforms that a lifecycle can be acquired by."""
    from tokenflow.spec import load

    return sorted(load(spec).data.get("acquire", {}))


_NAMES: Final[Mapping[str, Names]] = {
    "files": _specs,
    "specs": _specs,
    "spec": _specs,
    "old": _specs,
    "new": _specs,
    "what": _explainable,
    "key": _keys,
    "--highlight": _keys,
    "name": _names,
    "plugin": _plugins,
    "--as": _forms,
    "--issuer": _starts("issuer"),
    "--lifecycle": _starts("lifecycle"),
    "--platform": _starts("platform"),
}
_OR_A_FILE: Final = frozenset({"files", "specs", "spec", "old", "new", "what", "plugin"})
