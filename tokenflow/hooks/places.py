"""Where plugins are found: entry points, files in a folder, and modules handed over. None is imported here
before it is loaded.
"""

import importlib.util
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

import attrs

from tokenflow.core.errors import DuplicateCapability, PluginError

HOUSE: Final = "tokenflow-engine"
"""The distribution whose plugins are built in."""


@attrs.frozen(kw_only=True)
class Place:
    """A plugin that was found and not imported."""

    name: str
    origin: Callable[[], str]
    load: Callable[[], object]


def one_a_name(places: Iterable[Place]) -> Mapping[str, Place]:
    """Group *places* by name; where two plugins have one name neither is loaded."""
    namesakes: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        namesakes[place.name].append(place)
    return {name: same[0] if len(same) == 1 else _clash(name, same) for name, same in namesakes.items()}


def _clash(name: str, same: Sequence[Place]) -> Place:
    def origin() -> str:
        return " and ".join(sorted(place.origin() for place in same))

    def load() -> object:
        raise DuplicateCapability(
            f"{len(same)} plugins are called `{name}` ({origin()}); uninstall or rename one"
        )

    return Place(name=name, origin=origin, load=load)


def is_house(point: EntryPoint) -> bool:
    """Return whether an entry point came with tokenflow."""
    return point.dist is not None and point.dist.name == HOUSE


def is_among(point: EntryPoint, allowed: frozenset[str]) -> bool:
    """Return whether an entry point's distribution is named, alone or with the version that is installed."""
    dist = point.dist
    return dist is not None and bool(allowed & {dist.name, f"{dist.name}=={dist.version}"})


def entry(point: EntryPoint) -> Place:
    """Return where an entry point leads."""

    def origin() -> str:
        return "unknown" if point.dist is None else f"{point.dist.name} {point.dist.version}"

    return Place(name=point.name, origin=origin, load=point.load)


def given(module: object) -> Place:
    """Return a place for a module that is already here."""
    name = getattr(module, "__name__", type(module).__name__).rpartition(".")[2]
    return Place(name=name.removeprefix("tokenflow_"), origin=lambda: "given", load=lambda: module)


def files(folder: Path) -> list[Place]:
    """Return a place for each `*.py` in *folder*; raises PluginError when it is not a folder."""
    if not folder.is_dir():
        raise PluginError(f"the plugins folder {folder} is not a folder")
    found = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]
    return [Place(name=path.stem, origin=partial(str, path), load=partial(_run, path)) for path in found]


def _run(path: Path) -> object:
    """Import a file under a name of its own, so that `json.py` in the folder hides nobody's json."""
    name = f"tokenflow_local_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a path that ends in .py has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def explained(error: BaseException) -> str:
    """Return `Type: message (file:line)` on one line; our own errors need neither type nor place."""
    message = " ".join(str(error).split())
    if isinstance(error, PluginError):
        return message
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen")
    ]
    return f"{type(error).__name__}: {message} ({frames[-1].filename}:{frames[-1].lineno})"
