"""What every plugin must be: `TestAcme = plugin_conformance(tokenflow_acme)` is its whole test file.

It asks what the registry would stumble over, and what a reader of the plugin may rely on: that its
names are its own, that its flows are flows, and that it leans on the front door only.
"""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final

from tokenflow.hooks import specs
from tokenflow.hooks.formats import Specimen
from tokenflow.hooks.records import API, Acquirer, CodeExchange, Command, Deriver, Format, Record
from tokenflow.hooks.registry import Registry

_HOOKS: Final = (
    "tokenflow_acquirers",
    "tokenflow_callbacks",
    "tokenflow_commands",
    "tokenflow_derivers",
    "tokenflow_formats",
    "tokenflow_guards",
    "tokenflow_key_services",
    "tokenflow_secrets",
    "tokenflow_stores",
)
_FLOWS: Final = (Acquirer, Command, CodeExchange, Deriver)


def plugin_conformance(plugin: ModuleType) -> type:
    """Return a test class for *plugin*: the module that its entry point names."""
    name = plugin.__name__.removeprefix("tokenflow_")

    class Conformance:
        """The sentences a plugin is held to."""

        def test_it_is_active(self) -> None:
            """The registry takes it as it is: no hook is misspelt, no record is of the wrong kind."""
            lines = Registry.of(plugin).listing()
            assert [(line.status, line.why) for line in lines] == [("active", "")]

        def test_it_offers_something_and_each_name_once(self) -> None:
            """It has at least one record or listens, and no two records of a kind share a name."""
            kinds = [(type(record), record.name) for record in _records(plugin)]
            assert kinds or hasattr(plugin, "tokenflow_observe")
            assert len(set(kinds)) == len(kinds)

        def test_its_names_begin_with_its_own(self) -> None:
            """What it offers is called <plugin>.<capability>: it is found without asking everybody."""
            foreign = [one.name for one in _flows(plugin) if one.name.partition(".")[0] != name]
            assert foreign == []

        def test_its_flows_are_generators(self) -> None:
            """A flow says what it wants and does no I/O: calling it runs none of it."""
            eager = [one.name for one in _flows(plugin) if not inspect.isgeneratorfunction(one.flow)]
            assert eager == []

        def test_its_forms_decline_what_is_not_theirs(self) -> None:
            """What recognises a file says yes or no to anything, and raises over none."""
            odd = (b"", bytes(range(256)), b"<", b"{", b"[[[[", b"\xff\xfe", b"a" * 100_000)
            forms = [one for one in _records(plugin) if isinstance(one, Format)]
            said = {one.recognise(Specimen(data=data, now=0)) for one in forms for data in odd}
            assert said <= {True, False}

        def test_it_speaks_this_api(self) -> None:
            """Its records are of the plugin API that this tokenflow speaks, or an older one."""
            assert [one.name for one in _records(plugin) if one.api > API] == []

        def test_it_leans_on_the_front_door(self) -> None:
            """It imports `tokenflow` itself and no room behind it, so that rooms may move."""
            behind = {found for source in _sources(plugin) for found in _behind_the_door(source)}
            assert behind == set()

    Conformance.__name__ = Conformance.__qualname__ = f"Test{name.title().replace('_', '')}"
    return Conformance


def _records(plugin: ModuleType) -> Iterator[Record]:
    for hook in _HOOKS:
        assert hasattr(specs, hook)
        implementation: Any = getattr(plugin, hook, None)
        if implementation is not None:
            yield from implementation()


def _flows(plugin: ModuleType) -> Iterator[Acquirer | Command | CodeExchange | Deriver]:
    return (record for record in _records(plugin) if isinstance(record, _FLOWS))


def _sources(plugin: ModuleType) -> Iterator[str]:
    yield inspect.getsource(plugin)
    for found in iter_modules(getattr(plugin, "__path__", ())):
        yield Path(str(import_module(f"{plugin.__name__}.{found.name}").__file__)).read_text()


def _behind_the_door(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            names = [node.module]
        yield from (name for name in names if name.startswith("tokenflow."))
