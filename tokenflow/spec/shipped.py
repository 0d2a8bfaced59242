"""The specs that come with tokenflow: one door, whether from a wheel, an editable install or a clone.

A wheel holds them as `tokenflow/specs`; a clone, which an editable install points into, has
`specs/` beside the package.
"""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

PREFIX: Final = "builtin:"
FOLDERS: Final = {"Lifecycle": "lifecycles", "Issuer": "issuers", "Tokens": "tokens", "Scenario": "scenarios"}
"""Kind -> folder."""


def folder(kind: str) -> Traversable:
    """Return the folder of the shipped specs of *kind*; KeyError for a kind that is none."""
    inside = resources.files("tokenflow").joinpath("specs", FOLDERS[kind])
    if inside.is_dir():
        return inside
    return Path(str(resources.files("tokenflow"))).parent.joinpath("specs", FOLDERS[kind])


def shipped(kind: str) -> tuple[str, ...]:
    """Return the names of the shipped specs of *kind*, sorted."""
    here = folder(kind)
    if not here.is_dir():
        return ()
    return tuple(
        sorted(one.name.removesuffix(".yaml") for one in here.iterdir() if one.name.endswith(".yaml"))
    )


def find(name: str) -> Traversable | None:
    """Return the shipped spec called *name*, of whatever kind, or None. Names are unique across kinds."""
    return next((folder(kind).joinpath(f"{name}.yaml") for kind in FOLDERS if name in shipped(kind)), None)


def every_name() -> tuple[str, ...]:
    """Return the names of all shipped specs."""
    return tuple(name for kind in FOLDERS for name in shipped(kind))
