"""`python -m tests.faults --kills 500`: every campaign of this folder, one after another.

`--kills` sets how many kills there are, and all the other campaigns grow by the same factor over their
gate sizes; `--size NAME=N` sets one of them apart. Ends with 0 when all are ok, with 1 when one failed,
with 2 when one is void.
"""

import argparse
import importlib
import inspect
import json
import pkgutil
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

import tests.faults
from tests.faults.report import Report
from tokenflow import __version__
from tokenflow_sqlite.database import LINKED

_KILLS: Final = "kills"


@attrs.frozen
class Campaign:
    """A module's campaign, and the size it has in the gate."""

    name: str
    gate: int
    run: Callable[..., Report]

    def accepts(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return those *options* that this campaign has parameters for."""
        return {
            name: value for name, value in options.items() if name in inspect.signature(self.run).parameters
        }


def campaigns() -> list[Campaign]:
    """Return every campaign of this folder, by name."""
    names = sorted(one.name for one in pkgutil.iter_modules(tests.faults.__path__))
    modules = {
        name: importlib.import_module(f"tests.faults.{name}")
        for name in names
        if not name.startswith(("_", "test_"))
    }
    return [
        Campaign(name, getattr(module, "GATE", 100), module.campaign)
        for name, module in modules.items()
        if hasattr(module, "campaign")
    ]


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for, print the table, write reliability.json."""
    asked, found = _asked(arguments), campaigns()
    chosen = [one for one in found if one.name in (asked.only or [each.name for each in found])]
    unknown = set(asked.only or ()) - {one.name for one in chosen}
    if unknown:
        sys.exit(
            f"no campaign {', '.join(sorted(unknown))}; there are {', '.join(one.name for one in found)}"
        )
    sizes = _sizes(asked, chosen)
    about = _about(asked.seed)
    print("  ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    told = []
    for one in chosen:
        begun = time.monotonic()
        report = one.run(sizes[one.name], asked.seed, **one.accepts(_options(asked)))
        told.append((one, report, time.monotonic() - begun))
        print(f"{report}\n  seconds: {told[-1][2]:.1f}", flush=True)
    _write(asked.output, about, told, sizes)
    width = max(len(one.name) for one, _, _ in told)
    for one, report, seconds in told:
        print(f"{one.name:{width}}  {sizes[one.name]:>9}  {seconds:>8.1f} s  {report.verdict}")
    print(f"written to {asked.output}")
    verdicts = {report.verdict for _, report, _ in told}
    return 1 if "failed" in verdicts else 2 if "void" in verdicts else 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, help="how many kills; other campaigns grow alike")
    parser.add_argument("--size", action="append", default=[], metavar="NAME=N", help="one campaign's size")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--journal", choices=("truncate", "wal"), default="truncate")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--bugs", action="store_true", help="seed every bug, not only this seed's few")
    parser.add_argument("--output", type=Path, help="where reliability.json goes")
    asked = parser.parse_args(arguments)
    if asked.output is None:
        asked.output = Path(tempfile.mkdtemp(prefix="tokenflow-faults-")) / "reliability.json"
    return asked


def _options(asked: argparse.Namespace) -> dict[str, Any]:
    return {"journal": asked.journal, "processes": asked.processes, "every": asked.bugs}


def _sizes(asked: argparse.Namespace, chosen: Sequence[Campaign]) -> dict[str, int]:
    given = dict(one.split("=", 1) for one in asked.size)
    gates = {one.name: one.gate for one in campaigns()}
    factor = 1.0 if asked.kills is None else asked.kills / gates.get(_KILLS, 300)
    return {one.name: int(given.get(one.name, max(1, round(one.gate * factor)))) for one in chosen}


def _about(seed: int) -> dict[str, Any]:
    """Return what a run is repeated by."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # from PATH, as a developer has it
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return {
        "seed": seed,
        "commit": said.stdout.strip() or "unknown",
        "tokenflow": __version__,
        "python": platform.python_version(),
        "sqlite": ".".join(map(str, LINKED)),
        "system": f"{platform.system()} {platform.release()}",
    }


def _write(
    output: Path,
    about: Mapping[str, Any],
    told: Sequence[tuple[Campaign, Report, float]],
    sizes: Mapping[str, int],
) -> None:
    reports = {
        one.name: {
            "size": sizes[one.name],
            "seconds": round(seconds, 1),
            "verdict": report.verdict,
            "figures": dict(report.figures),
            "void": list(report.void),
            "failures": list(report.failures),
        }
        for one, report, seconds in told
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"version": 1, **about, "campaigns": reports}, indent=2, default=str) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
