"""Every shipped scenario passes; with any of its expectations falsified it fails, and says where and why."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen

from tests.acceptance.ground import SPECS, printed, tokenflow
from tokenflow import Registry
from tokenflow.runner.playing import HowToPlay, Played, play
from tokenflow.runner.story import read_story
from tokenflow.spec import load

SCENARIOS: Final = sorted((SPECS / "scenarios").glob("*.yaml"))
HALVES: Final = (SCENARIOS[::2], SCENARIOS[1::2])
"""One command each: what it starts for is paid twice, and not for every scenario."""
TELLING: Final = ("state", "usable", "estimated", "access_token", "reason", "platform", "supersedes")
"""What is found of a token is written as it would be expected; dates and lists are not."""


def told(path: Path) -> dict[str, Any]:
    """Return a scenario to be changed, and to be written as JSON, which is YAML too."""
    found: dict[str, Any] = json.loads(json.dumps(load(path).data))
    return found


@frozen
class Lie:
    """One expectation, and another in its place that does not hold."""

    scenario: str
    step: int
    place: tuple[str, ...]
    """Where in the step it stands, e.g. expect, ana, state."""
    truth: Any
    lie: Any

    def __str__(self) -> str:
        return f"{self.scenario}:{self.step}:{'.'.join(self.place)}"

    def told_in(self, story: dict[str, Any]) -> None:
        """Put it into a scenario."""
        where = story["steps"][self.step - 1]
        for name in self.place[:-1]:
            where = where[name]
        where[self.place[-1]] = self.lie

    def is_named(self, wrong: list[str]) -> bool:
        """Say whether some line names what was expected, and what was found."""
        return any(self._names(line) for line in wrong)

    def _names(self, line: str) -> bool:
        match self.place:
            case ("expect", key, name):
                found = f"found {self.truth}" if name in TELLING else "found "
                return line.startswith(f"{key}.{name}: expected {self.lie}") and found in line
            case ("expect_error",):
                found = "no error" if self.truth is None else f"error {self.truth}"
                return line.startswith(f"expected error {self.lie}, found {found}")
            case ("expect_notified",):
                return line.startswith(f"expected notice {self.lie[0]}, found ") and self.truth[0] in line
            case ("expect_warning",):
                return line == f"expected warning {self.lie}, found {self.truth}"
            case ("expect_seen", "has"):
                return line.startswith(f"expected {self.lie[0]} in the answer, found ")
            case _:
                return line == f"expected no {self.lie[0]} in the answer, found it"


def lies(path: Path) -> Iterator[Lie]:
    """Falsify every expectation of a scenario, and of every step without one that it ends well."""
    for number, step in enumerate(told(path)["steps"], 1):
        for key, wanted in step.get("expect", {}).items():
            for name, truth in wanted.items():
                yield Lie(path.stem, number, ("expect", key, name), truth, instead(name, truth))
        error = step.get("expect_error")
        yield Lie(path.stem, number, ("expect_error",), error, "no_such_error")
        if "expect_notified" in step:
            yield Lie(path.stem, number, ("expect_notified",), step["expect_notified"], ["no.such"])
        if "expect_warning" in step:
            yield Lie(path.stem, number, ("expect_warning",), step["expect_warning"], "no-such-rule")
        seen = step.get("expect_seen", {})
        if "has" in seen:
            yield Lie(path.stem, number, ("expect_seen", "has"), seen["has"], ["no_such_field"])
            yield Lie(path.stem, number, ("expect_seen", "lacks"), seen.get("lacks"), seen["has"][:1])


def instead(name: str, truth: Any) -> Any:
    """Return something that *name* of a token is not."""
    match name:
        case "state":
            return "requested"
        case "usable" | "estimated":
            return not truth
        case "expires_in":
            return "17s"
        case "can":
            return ["no_such_event"]
        case "attributes":
            return dict.fromkeys(truth, "nobody's")
        case "supersedes":
            return "nobody"
        case "access_token":
            return "kept" if truth == "forgotten" else "forgotten"
        case "platform":
            return "ios" if truth != "ios" else "web"
        case _:
            assert name == "reason", f"say here what {name} is not"
            return "because"


ALL: Final = {path: tuple(lies(path)) for path in SCENARIOS}
_played: dict[str, Played] = {}


def played(path: Path, folder: Path) -> Played:
    """Play a scenario with all its expectations falsified; once in a process, for that changes no step."""
    if path.stem not in _played:
        falsified = folder / path.name
        story = told(path)
        for lie in ALL[path]:
            lie.told_in(story)
        falsified.write_text(json.dumps(story), encoding="utf-8")
        _played[path.stem] = play(
            read_story(load(falsified)), Registry.installed(), HowToPlay(), lambda _: None, lambda _: None
        )
    return _played[path.stem]


@pytest.mark.parametrize("paths", HALVES, ids=["even", "odd"])
def test_every_shipped_scenario_passes_in_one_command(paths: list[Path]) -> None:
    """`tokenflow run specs/scenarios/*.yaml` exits 0."""
    done = tokenflow("run", *paths)

    assert (done.returncode, done.stdout.count("0 wrong, passed")) == (0, len(paths)), done.stdout


@pytest.mark.parametrize(
    "lie",
    [  # a scenario's on one worker, which plays it once for all of them
        pytest.param(lie, marks=pytest.mark.xdist_group(lie.scenario))
        for each in ALL.values()
        for lie in each
    ],
    ids=str,
)
def test_every_expectation_can_fail(lie: Lie, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A falsified expectation is named in its own step: what was expected, and what was found."""
    path = SPECS / "scenarios" / f"{lie.scenario}.yaml"
    outcome = played(path, tmp_path_factory.mktemp("falsified")).outcomes[lie.step - 1]

    assert lie.is_named(list(outcome.wrong)), outcome.wrong


@pytest.mark.parametrize("paths", HALVES, ids=["even", "odd"])
def test_one_falsified_expectation_of_each_fails_the_command(paths: list[Path], tmp_path: Path) -> None:
    """It exits 1 and names of each scenario the step, what was expected and what was found."""
    for path in paths:
        story = told(path)
        ALL[path][-1].told_in(story)
        (tmp_path / path.name).write_text(json.dumps(story), encoding="utf-8")

    done = tokenflow("run", *(tmp_path / path.name for path in paths))

    reports = re.split(r"^.* steps, 1 wrong, failed$", done.stdout, flags=re.M)
    assert (done.returncode, len(reports)) == (1, len(paths) + 1)
    for path, report in zip(paths, reports, strict=False):
        lie = ALL[path][-1]
        summary = [line for line in report.splitlines() if line.startswith(f"step {lie.step}, ")]
        assert len(summary) == 1, path.name
        assert load(path).data["steps"][lie.step - 1].get("name", "") in summary[0]
        assert lie.is_named([line.strip() for line in report.splitlines()]), path.name


def test_the_json_report_names_it_too(tmp_path: Path) -> None:
    """The step that fails has the line in `wrong`, and no other step has one."""
    path = SPECS / "scenarios" / "native-app.yaml"
    story = told(path)
    ALL[path][0].told_in(story)
    falsified = tmp_path / path.name
    falsified.write_text(json.dumps(story), encoding="utf-8")

    done = tokenflow("run", falsified, "--format", "json")

    report = printed(done)
    assert (done.returncode, report["passed"]) == (1, False)
    wrong = {step["number"]: step["wrong"] for step in report["scenarios"][0]["steps"]}
    assert ALL[path][0].is_named(wrong.pop(1))
    assert not any(wrong.values())
