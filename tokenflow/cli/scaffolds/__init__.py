"""What `tokenflow plugins new` writes: a module for each kind of thing a plugin may offer.

`$name` is the plugin's name, `$title` the same as a word. A test installs each of them and holds it to
the kit, so they are as true as any other source.
"""

import json
import re
from importlib import resources
from importlib.metadata import entry_points
from string import Template
from typing import Final

KINDS: Final = ("acquirer", "command", "deriver", "guard", "issuer", "observer", "secrets", "store")
"""What a plugin may be begun with, each a file of this folder."""

_PROJECT: Final = Template("""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tokenflow-$name"
version = "0.1.0"
description = $description
requires-python = ">=3.11"
dependencies = ["tokenflow-engine"]

[project.optional-dependencies]
testing = ["tokenflow-engine[testing]"]

[project.entry-points.tokenflow]
$name = "tokenflow_$name"

[tool.hatch.build.targets.wheel]
include = ["tokenflow_$name.py"]
""")
_TEST: Final = Template('''\
"""$title is what every plugin is: active, with names of its own, by the front door."""

from tokenflow.testing import plugin_conformance

import tokenflow_$name

Test$title = plugin_conformance(tokenflow_$name)
''')
_STORE_TEST: Final = Template('''\
"""$title is what every plugin is, and its store is what every store is."""

from pathlib import Path

from tokenflow import Store, StoreOrder
from tokenflow.testing import plugin_conformance, store_conformance

import tokenflow_$name

Test$title = plugin_conformance(tokenflow_$name)


def make(folder: Path) -> Store:
    """Open the store of a test: a new one in a new *folder*, the same one in the same."""
    return tokenflow_$name.open_store(StoreOrder(path=str(folder / "tokens")))


TestStore = store_conformance(make)
''')


def bad_name(name: str) -> str | None:
    """Return why a plugin cannot be called *name*, or None: one that is taken would be broken, and break."""
    if re.fullmatch(r"[a-z][a-z0-9_]{0,29}", name) is None:
        return f"{name!r}: a plugin's name is of a-z, 0-9 and _, begins with a letter, and has at most 30"
    if any(point.name == name for point in entry_points(group="tokenflow")):
        return f"{name!r} is the name of an installed plugin"
    return None


def scaffold(name: str, kind: str) -> dict[str, str]:
    """Return file -> text of the plugin *name* (snake_case) that offers a *kind* (one of KINDS)."""
    title = name.title().replace("_", "")
    module = Template(resources.files(__name__).joinpath(f"{kind}.txt").read_text("utf-8"))
    source = module.substitute(name=name, title=title)
    description = source.partition('"""')[2].partition('"""')[0]
    return {
        "pyproject.toml": _PROJECT.substitute(name=name, description=json.dumps(description)),
        f"tokenflow_{name}.py": source,
        f"test_{name}.py": (_STORE_TEST if kind == "store" else _TEST).substitute(name=name, title=title),
    }
