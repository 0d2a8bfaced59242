"""`python -m tests.model [--campaign]`: explore, and print what was found, with a trace of each planted bug.

Ends with 1 when a property does not hold, or a planted bug was not found.
"""

import argparse
import sys
from collections.abc import Iterable

from tests.model.explore import Explored, endless, explore
from tests.model.gates import CAMPAIGN, ENDING, GATE
from tests.model.plants import CONTROLS, PLANTS
from tests.model.setups import Setup, described
from tests.model.world import World


def main(arguments: list[str]) -> int:
    """Explore, print, and return how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--campaign", action="store_true", help="bigger worlds: many minutes")
    parser.add_argument("--traces", action="store_true", help="print how each planted bug was found")
    options = parser.parse_args(arguments)
    wrong = table(CAMPAIGN if options.campaign else GATE)
    wrong += sum(bool(endless(World(setup)).breaches) for setup in ENDING)
    wrong += planted(traces=options.traces)
    return 1 if wrong else 0


def table(setups: Iterable[Setup]) -> int:
    """Print a line for each of *setups*, and its traces; return in how many a property does not hold."""
    wrong = states = 0
    seconds = 0.0
    for setup in setups:
        found = explore(World(setup))
        states, seconds = states + found.states, seconds + found.seconds
        wrong += bool(found.breaches)
        print(f"{described(setup):72} {found.states:>9} states {found.seconds:7.1f} s", flush=True)
        told(found)
    print(f"{'in all':72} {states:>9} states {seconds:7.1f} s; {wrong} with a breach")
    return wrong


def planted(*, traces: bool) -> int:
    """Print what each planted bug breaks; return how many were not found."""
    missed = 0
    for plant in (*PLANTS, *CONTROLS):
        found = explore(plant.world(), first=True)
        caught = plant.breaks in found.breaches
        missed += not caught
        print(f"without {plant.gone}: {plant.breaks if caught else 'NOT FOUND'} ({found.states} states)")
        if traces:
            told(found)
    return missed


def told(found: Explored) -> None:
    """Print each breach and the way to it."""
    for name, trace in found.breaches.items():
        print(f"    {name}:")
        print("".join(f"        {line}\n" for line in trace))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
