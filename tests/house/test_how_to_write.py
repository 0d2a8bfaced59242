"""docs/how-to/write-a-lifecycle.md, followed word for word in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow.spec import check

pytestmark = pytest.mark.xdist_group("write-a-lifecycle")

PAGE: Final = ROOT / "docs/how-to/write-a-lifecycle.md"
LIFECYCLE: Final = "lifecycles/acme-user.yaml"


def shown(said: str, told: str) -> bool:
    """Whether *told* is what a page says was printed; a line `...` stands for any lines, or none."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in said.splitlines()
    )
    return re.fullmatch(pattern, told) is not None


def follow(folder: Path) -> list[str]:
    """Do what the page says, in its order; return what came to something else than it says."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "TOKENFLOW_DISABLE_PLUGINS": "",
    }
    wrong = []
    for info, code in blocks(PAGE):
        _, _, title = info.partition(" title=")
        if title:
            with (folder / title).open("a", encoding="utf-8") as file:
                file.write(code)
        elif info == "console":
            for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", code, re.M):
                done = subprocess.run(
                    ["sh", "-c", command],
                    cwd=folder,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode != 0 or not shown(said, done.stdout):
                    wrong.append(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return wrong


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader of the page has in the end."""
    found = tmp_path_factory.mktemp("acme")
    assert follow(found) == []
    return found


def test_who_follows_the_page_sees_what_it_shows(folder: Path) -> None:
    """Each command leaves with 0 and prints the lines that stand below it."""
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.*")) == [
        "issuer.schema.json",
        "issuers/acme.yaml",
        "lifecycle.schema.json",
        LIFECYCLE,
    ]


def test_its_files_have_no_findings_at_all(folder: Path) -> None:
    """Not a warning, not a note."""
    files = [folder / "issuers/acme.yaml", folder / LIFECYCLE]
    assert [found for file in files for found in check(file)] == []


def test_the_comment_lines_lead_editors_to_a_schema(folder: Path) -> None:
    """Both, as seen from the file they stand in."""
    for file in (folder / "issuers/acme.yaml", folder / LIFECYCLE):
        led = re.findall(r"^# (?:yaml-language-server: )?\$schema[=:] ?(\S+)$", file.read_text(), re.M)
        assert [(file.parent / one).resolve().parent for one in led] == [folder.resolve()] * 2
        assert all((file.parent / one).is_file() for one in led)


def test_what_is_said_of_percentages_is_so(folder: Path) -> None:
    """A renewal twelve minutes before the end is TF118 where tokens live ten minutes."""
    file = folder / "lifecycles/short.yaml"
    text = (folder / LIFECYCLE).read_text().replace("typical: 1h", "typical: 10m")
    file.write_text(text.replace("expires - 20%", "expires - 12m"))
    found = [one.code for one in check(file)]
    file.unlink()
    assert "TF118" in found


def test_the_line_of_a_derived_token_is_one_of_the_language(tmp_path: Path) -> None:
    """As a part of a child of the shipped lifecycle it is like."""
    (line,) = (code for info, code in blocks(PAGE) if info == "yaml")
    head = "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: mine, version: 1.0.0}\n"
    (file := tmp_path / "mine.yaml").write_text(f"{head}extends: builtin:facebook-page\n{line}")
    assert check(file) == []


@pytest.mark.parametrize("told", ["a\nb\n", "a\nx\ny\nb\n"], ids=["nothing between", "lines between"])
def test_a_page_s_dots_stand_for_any_lines_and_for_nothing_else(told: str) -> None:
    """The measure of this file: what differs is seen."""
    assert shown("a\n...\nb\n", told)
    assert not shown("a\nb\n", told + "c\n")
    assert not shown("a\n...\nc\n", told)
