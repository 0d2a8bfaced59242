"""Shipped specs with a few mistakes in them: a key dropped, a word misspelt or retyped, two swapped."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from hypothesis import strategies as st

from tokenflow.spec import load, shipped
from tokenflow.spec.reading import read
from tokenflow.spec.schema import KINDS

Place: TypeAlias = tuple[str | int, ...]


def _source(name: str) -> str:
    """Return a shipped document as it is written, `extends` and all."""
    path = load(name).path
    root = read(Path(path).read_bytes(), path).root
    assert root is not None
    return json.dumps(root.data())


SOURCES = {name: _source(name) for kind in KINDS for name in shipped(kind)}
RESOLVED = {name: json.dumps(load(name).data) for name in SOURCES}
MOMENTS = st.sampled_from(
    [
        *("expires", "entered", "refreshed", "refresh_expires", "last_used", "expires - 7d", "expires - 50%"),
        *("entered + 1h", "entered + 0s", "entered - 1d", "issued + 60d", "expires + 10%", "refreshed + 1d"),
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 400),
    MOMENTS,
    st.sampled_from(
        ["never", "30d", "P1D", "1h1h", "P1DT", "0s", "999999999w", "client", "x y", "Ä", "", "5xx"]
    ),
    st.sampled_from([[], {}, ["a", "a"], {"to": "issued"}, {"when": []}, [1], "env:X", 2.5]),
).map(deepcopy)


def places(data: Any, path: Place = ()) -> Iterator[Place]:
    """Yield every place below the root."""
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in below:
        yield (*path, step)
        yield from places(value, (*path, step))


def at(data: Any, path: Place) -> Any:
    for step in path:
        data = data[step]
    return data


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """Draw a shipped document with one to three mistakes in it."""
    name = draw(st.sampled_from(sorted(SOURCES)))
    data = json.loads(draw(st.sampled_from([SOURCES[name], RESOLVED[name]])))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(data), key=str)))
        owner, step = at(data, path[:-1]), path[-1]
        match draw(st.sampled_from(["drop", "misspell", "retype", "swap", "swap", "same"])):
            case "drop":
                del owner[step]
            case "misspell":
                _misspell(draw, owner, step)
            case "retype":
                owner[step] = draw(VALUES)
            case "swap":
                _swap(draw, data, path)
            case "same":
                _same(draw, data, path)
    return data


def _misspell(draw: st.DrawFn, owner: Any, step: str | int) -> None:
    """Take a letter out of a key, or out of a text."""
    word = step if isinstance(owner, dict) and draw(st.booleans()) else owner[step]
    if not isinstance(word, str) or not word:
        return
    cut = draw(st.integers(0, len(word) - 1))
    wrong = word[:cut] + word[cut + 1 :]
    if word is step:
        owner[wrong] = owner.pop(step)
    else:
        owner[step] = wrong


def _swap(draw: st.DrawFn, data: Any, path: Place) -> None:
    """Exchange two values that stand under the same key somewhere: two states, two moments, two commands."""
    alike = [one for one in places(data) if one[-1] == path[-1] and one[: len(path)] != path != one]
    alike = [one for one in alike if path[: len(one)] != one]
    if alike:
        other = draw(st.sampled_from(sorted(alike, key=str)))
        first, second = at(data, path[:-1]), at(data, other[:-1])
        first[path[-1]], second[other[-1]] = second[other[-1]], first[path[-1]]


def _same(draw: st.DrawFn, data: Any, path: Place) -> None:
    """Write what stands under the same key elsewhere: the names are right, and the sense is not."""
    alike = [one for one in places(data) if one[-1] == path[-1]]
    at(data, path[:-1])[path[-1]] = deepcopy(at(data, draw(st.sampled_from(sorted(alike, key=str)))))


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(data: Any) -> str:
    """Return *data* as a spec file."""
    return yaml.dump(data, Dumper=_Plain, sort_keys=False, allow_unicode=True)
