"""What became of one token in a round, by everybody's account, in the order of time: for whoever mends."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.ground import Ground
from tests.faults.trace import Line

if TYPE_CHECKING:
    from tests.faults.judging import Truth

FOLDER = "FAULTS_STORIES"
"""The environment names a folder for them; none are written without."""


def told(name: str, ground: Ground, truth: "Truth", lines: Sequence[Line], failures: Iterable[str]) -> None:
    """Write the story of every token that a failure names."""
    folder = os.environ.get(FOLDER)
    keys = sorted(
        {key for one in failures for key in re.findall(r"\b[a-z]+-\d+\b", one) if key in ground.keys}
    )
    if folder is None or not keys:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    store = ground.store()
    for key in keys:
        labels = {one.label for one in truth.calls if one.key == key}
        story = [
            (line.at, f"{line.pid} {line.kind} {' '.join(line.words)}")
            for line in lines
            if key in line.words or labels & set(line.words)
        ]
        story += [
            (one.at, f"ISSUER {one.status} {one.error or ''} {one.label}")
            for one in truth.calls
            if one.key == key
        ]
        story += [(one.at, f"STORE {one.revision} {one.happened}") for one in store.history("default", key)]
        text = "\n".join(f"{at} {what}" for at, what in sorted(story))
        (Path(folder) / f"{name.replace(' ', '-')}-{key}.txt").write_text(text + "\n")
    store.close()
