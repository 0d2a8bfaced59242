"""Every broken spec in broken/ and, beside it, what is said of it, to the letter.

After a change that is meant: python3 -m tests.spec.test_broken, and read the difference.
"""

import os
from pathlib import Path

import pytest

from tests.spec.names import OFFERED
from tokenflow.spec import check, render

HERE = Path(__file__).parent / "broken"
FILES = sorted(path.name for path in HERE.glob("*.yaml"))
PROMISED = {
    *("TF001", "TF002", "TF003", "TF004"),
    *(
        "TF010",
        "TF011",
        "TF012",
        "TF013",
        "TF014",
        "TF015",
        "TF016",
    ),
    *(
        "TF020",
        "TF021",
        "TF022",
    ),
    *(
        "TF100",
        "TF101",
        "TF102",
        "TF103",
        "TF105",
        "TF106",
        "TF107",
    ),
    *(
        "TF108",
        "TF109",
        "TF110",
        "TF111",
        "TF112",
        "TF117",
        "TF118",
    ),
    *("TF120",),
    *(
        "TF201",
        "TF202",
        "TF203",
        "TF204",
        "TF205",
        "TF206",
    ),
    *(
        "TF207",
        "TF208",
        "TF209",
        "TF210",
    ),
    *(
        "TF301",
        "TF302",
        "TF304",
        "TF305",
        "TF306",
    ),
    *("TF403",),
}


def told(name: str) -> str:
    return "\n".join(render(one) for one in check(name, names=OFFERED)) + "\n"


@pytest.mark.parametrize("name", FILES)
def test_what_is_said_of_a_broken_spec_is_what_was_agreed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    assert told(name) == (HERE / name).with_suffix(".txt").read_text("utf-8")


def test_every_code_that_the_language_promises_is_shown_by_a_broken_spec(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(HERE)
    found = {one.code for name in FILES for one in check(name, names=OFFERED)}
    assert found == PROMISED


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("seed-")])
def test_a_spec_that_breaks_one_rule_of_the_seed_is_told_that_and_where(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE)
    assert check(name, names=OFFERED)[0].code in (
        "TF107",
        "TF108",
        "TF202",
        "TF203",
        "TF207",
        "TF208",
        "TF210",
        "TF403",
    )


if __name__ == "__main__":
    os.chdir(HERE)
    for one in FILES:
        Path(one).with_suffix(".txt").write_text(told(one), "utf-8")
