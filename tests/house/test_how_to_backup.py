"""docs/how-to/backup.md: its commands run, in the order of the page, and do what it says."""

import shlex
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.engine.audit_ground import edited
from tests.engine.test_auditing import LIFE, engine_of
from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow.cli.app import run

PAGE: Final = ROOT / "docs" / "how-to" / "backup.md"


@pytest.mark.proves("A3", "A6")
def test_its_commands_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each leaves with 0; before it is adopted the backup has taken the store's place."""
    (tmp_path / "here").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path / "here")
    with engine_of("sqlite:tokens.db") as engine:
        engine.acquire("user/1", **LIFE)
    said = ""
    for line in "".join(code for info, code in blocks(PAGE) if info == "sh").splitlines():
        if "adopt --dry-run" in line:
            with engine_of("sqlite:tokens.db") as engine:
                engine.acquire("user/1", **LIFE)
            Path("tokens.db").unlink()
            shutil.copyfile("kept/tokens.db", "tokens.db")
            Path("tokens.db").chmod(0o600)
        if "erase --person 100 --dry-run" in line:
            edited(
                Path("tokens.db"), "UPDATE tokens SET body = json_set(body, '$.attributes.user_id', '100')"
            )
        assert run(shlex.split(line)[1:]) == 0, line
        said += "".join(capsys.readouterr())
    assert "to be adopted" in said
    assert "adopted: nobody was asked" in said
    assert "erased: user/1" in said
    assert "each is as it was written" in said
