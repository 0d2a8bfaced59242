"""Mistakes one could make in the product, as patches by name: each is caught, or the harness is blind.

A campaign is run in an interpreter of its own with one of them sown (`FAULTS_BUG` names it to that one and
to its children); a failure has to be found, and it has to begin as it is said here.
"""

import importlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from tests.faults.report import Report

GATE: Final = 1
_SOWN: Final = "FAULTS_BUG"
_ROOT: Final = Path(__file__).resolve().parents[2]


@attrs.frozen(kw_only=True)
class Bug:
    """One mistake."""

    sow: Callable[[], None]
    """Patch the product, here."""
    campaign: str
    """Which one has to catch it."""
    size: int
    """How much of it is enough."""
    caught_by: tuple[str, ...]
    """How a failure begins that shows it."""
    options: Mapping[str, Any] = {}


BUGS: Final[dict[str, Bug]] = {}


def bug(
    campaign: str, size: int, *caught_by: str, **options: Any
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Enter the decorated patch into the list."""

    def enter(sow: Callable[[], None]) -> Callable[[], None]:
        BUGS[sow.__name__] = Bug(sow=sow, campaign=campaign, size=size, caught_by=caught_by, options=options)
        return sow

    return enter


def sown() -> None:
    """Sow the bug that this process is to have, if any."""
    name = os.environ.get(_SOWN)
    if name is not None:
        _all()[name].sow()


def _all() -> Mapping[str, Bug]:
    importlib.import_module("tests.faults.mistakes")
    return BUGS


def campaign(size: int, seed: int, *, every: bool = False) -> Report:
    """Sow *size* bugs, drawn by the seed, or *every* one; each in processes of its own."""
    bugs = _all()
    names = sorted(bugs)
    if not every:
        random.Random(seed).shuffle(names)
        names = names[:size]
    table, void = {}, list[str]()
    for name in names:
        began = time.monotonic()
        found = _found(name, seed)
        seconds = round(time.monotonic() - began, 1)
        plain = [re.sub(r"^(round|time) \d+: ", "", one) for one in found.failures]
        seen = [one for one in plain if one.startswith(bugs[name].caught_by)]
        table[name] = {
            "campaign": bugs[name].campaign,
            "caught_by": seen[0][:70] if seen else None,
            "seconds": seconds,
        }
        if not seen:
            said = "; ".join((*found.failures, *found.void))[:600]
            void.append(f"{name} was not caught by {bugs[name].campaign}: {said or 'nothing was found'}")
    caught = sum(row["caught_by"] is not None for row in table.values())
    return Report("bugs", {"sown": len(names), "of": len(bugs), "caught": caught, "table": table}, void)


def _found(name: str, seed: int) -> Report:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.bugs", name, str(seed)],
        env={**os.environ, _SOWN: name},
        capture_output=True,
        text=True,
        cwd=_ROOT,
        timeout=300,
        check=False,
    )
    if done.returncode:
        return Report(name, {}, failures=[f"it broke: {done.stderr[-1500:]}"])
    return Report(**json.loads(done.stdout.splitlines()[-1]))


def _main(name: str, seed: int) -> None:
    one = _known()[name]
    one.sow()
    module = importlib.import_module(f"tests.faults.{one.campaign}")
    print(json.dumps(attrs.asdict(module.campaign(one.size, seed, **one.options))))


def _known() -> Mapping[str, Bug]:
    """Return the list as the others have it: this module may be here as a program, and be there once more."""
    found: Mapping[str, Bug] = importlib.import_module("tests.faults.bugs")._all()
    return found


def _sow_all() -> int:
    """Sow every bug in this process, to see that each patch still fits; return how many there are."""
    for one in _known().values():
        one.sow()
    return len(_known())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _main(sys.argv[1], int(sys.argv[2]))
    else:
        print(_sow_all())
