"""What the installed plugins offer, without importing them: as they said when they last were.

To check a spec takes names and option schemas; to import every plugin takes longer than to read the
spec. So what they offered is kept as JSON in the user's cache folder.

Rule 1. It is believed while nothing changed: this Python, this tokenflow, the places packages are
        found in, the distributions there with what they declare, and every file of every plugin.
Rule 2. It is only a cache (see `caching`).
Rule 3. A disabled plugin is not imported to fill it; so it is filled by a run that disables none.
Rule 4. A broken plugin may be well next time, so then nothing is kept.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

import attrs

from tokenflow._version import __version__
from tokenflow.hooks import caching
from tokenflow.hooks.offers import Offer, allowed_by, disabled_by, disables_foreign

Stamp: TypeAlias = list[int] | None
"""A file's time of change and size; None when there is none."""

_FORM: Final = "4"
"""Of what is kept: another number, and what was kept before is not read."""
_DISTRIBUTIONS: Final = (".dist-info", ".egg-info", ".egg-link")


def offered(environ: Mapping[str, str] = os.environ) -> tuple[Offer, ...]:
    """Return what the installed plugins offer, but for those the environment leaves alone."""
    if disables_foreign(environ) or allowed_by(environ) is not None:
        return _asked(environ)[0]
    disabled = disabled_by(environ)
    file, places = _file(environ), _places()
    kept = _read(file, places)
    if kept is None:
        kept, files = _asked(environ)
        if files is not None and not disabled:
            _write(file, {"places": places, "files": files, "offers": [_plain(one) for one in kept]})
    return tuple(one for one in kept if one.plugin not in disabled)


def _asked(environ: Mapping[str, str]) -> tuple[tuple[Offer, ...], dict[str, Stamp] | None]:
    """Import the plugins and return what they offer, and their files; None when one is broken."""
    from tokenflow.hooks.registry import Registry

    registry = Registry.installed(environ=environ)
    offers = registry.offers()
    if any(line.status == "broken" for line in registry.listing()):
        return offers, None
    return offers, {file: _stamp(file) for file in registry.files()}


def _places() -> list[Any]:
    """Return what decides which plugins there are, of which version, as JSON keeps it."""
    return [
        [__version__, sys.version, sys.prefix, [type(one).__qualname__ for one in sys.meta_path]],
        *([place, _distributions(place or os.curdir)] for place in sys.path),
    ]


def _distributions(place: str) -> list[list[Any]]:
    """Return the distributions in a folder, each with the stamp of what it declares."""
    try:
        names = sorted(name for name in os.listdir(place) if name.endswith(_DISTRIBUTIONS))
    except OSError:  # an archive, or nothing
        return [["", _stamp(place)]]
    return [[name, _stamp(os.path.join(place, name, "entry_points.txt"))] for name in names]


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]


def _file(environ: Mapping[str, str]) -> str:
    """Return where the cache of this Python and this search path is."""
    which = hashlib.sha256("\0".join([_FORM, sys.prefix, sys.version, *sys.path]).encode()).hexdigest()[:16]
    return caching.place(f"plugins-{which}.json", environ)


def _read(file: str, places: list[Any]) -> tuple[Offer, ...] | None:
    """Return the offers kept in *file*, or None when it cannot be believed."""
    text = caching.read(file)
    if text is None:
        return None
    kept = json.loads(text)  # what is whole has the form we gave it
    if kept["places"] != places or any(_stamp(one) != stamp for one, stamp in kept["files"].items()):
        return None
    return tuple(_offer(**one) for one in kept["offers"])


def _write(file: str, kept: Mapping[str, Any]) -> None:
    with suppress(TypeError):  # a plugin's schema holds what JSON does not
        caching.write(file, json.dumps(kept).encode())


def _plain(offer: Offer) -> dict[str, Any]:
    plain = attrs.asdict(offer, recurse=False)
    return plain | {"runs_on": None if offer.runs_on is None else sorted(offer.runs_on)}


def _offer(*, runs_on: Iterable[str] | None, endpoints: Iterable[str], **rest: Any) -> Offer:
    return Offer(runs_on=None if runs_on is None else frozenset(runs_on), endpoints=tuple(endpoints), **rest)
