"""The checks of the documents see what they are for."""

import re
import shutil
from pathlib import Path

import pytest

from tests.house import ROOT
from tests.house.documents import problems, write_pages
from tests.house.seed import gaps


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project whose documents are in order."""
    for page in ("docs/tutorial", "docs/how-to"):
        (tmp_path / page).mkdir(parents=True)
    for source in ("__init__.py", "_version.py", "core", "engine", "hooks", "spec"):
        whole = ROOT / "tokenflow" / source
        if whole.is_dir():
            shutil.copytree(whole, tmp_path / "tokenflow" / source)
        else:
            (tmp_path / "tokenflow").mkdir(exist_ok=True)
            shutil.copy(whole, tmp_path / "tokenflow" / source)
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copytree(ROOT / "docs/images", tmp_path / "docs/images")
    (tmp_path / "docs/explanation").mkdir()
    for page in ("seed.yaml", "facebook.md"):
        shutil.copy(ROOT / "docs/explanation" / page, tmp_path / "docs/explanation")
    for page in ("android", "ios", "javascript", "receive-from-the-web", "hand-tokens-over"):
        shutil.copy(ROOT / f"docs/how-to/{page}.md", tmp_path / "docs/how-to")
    write_pages(tmp_path)
    shutil.copy(ROOT / "docs/reference/exit-codes.md", tmp_path / "docs/reference")
    for page in ("change-a-spec", "describe-an-issuer", "keep-tokens-alive", "simulate", "write-a-lifecycle"):
        shutil.copy(ROOT / f"docs/how-to/{page}.md", tmp_path / "docs/how-to")
    return tmp_path


def test_documents_in_order_have_no_problems(root: Path) -> None:
    (root / "README.md").write_text(
        "[how](docs/how-to) [page](docs/reference/hooks.md#x) [out](https://a.example)\n"
    )

    assert problems(root) == []


def test_a_link_that_leads_nowhere_is_seen(root: Path) -> None:
    (root / "docs/how-to/a.md").write_text("Read [this](../gone.md).\n")

    assert problems(root) == ["docs/how-to/a.md: the link to ../gone.md leads nowhere"]


def test_a_link_that_is_only_shown_is_no_link(root: Path) -> None:
    (root / "a.md").write_text("Write `[this](gone.md)`.\n\n```\n[that](gone.md)\n```\n")

    assert problems(root) == []


def test_python_in_the_tutorial_that_does_not_compile_is_seen(root: Path) -> None:
    (root / "docs/tutorial/a.md").write_text("```python title=a.py\ndef f(:\n```\n")

    assert problems(root) == ["docs/tutorial/a.md: invalid syntax: def f(:"]


def test_a_hook_whose_signature_changed_makes_its_page_stale(root: Path) -> None:
    specs = root / "tokenflow/hooks/specs.py"
    specs.write_text(specs.read_text().replace("(events: Sequence[Any])", "(batch: Sequence[Any])"))

    assert problems(root) == [
        "docs/reference/hooks.md: the source says something else; run `python3 dev.py docs --write`"
    ]


def test_every_hook_is_on_its_page_with_its_exact_signature(root: Path) -> None:
    source = (ROOT / "tokenflow/hooks/specs.py").read_text()
    signatures = [
        line.split(":  #")[0].rstrip(":") for line in source.splitlines() if line.startswith("def ")
    ]
    page = (root / "docs/reference/hooks.md").read_text()

    assert len(signatures) == 10
    assert [signature for signature in signatures if f"```python\n{signature}\n```" not in page] == []


def test_the_schemas_are_published_as_they_are(root: Path) -> None:
    """For editors that read them from the repository; one that is changed in one place only is seen."""
    assert sorted(path.name for path in (root / "docs/schemas").iterdir()) == [
        f"{kind}.schema.json" for kind in ("issuer", "lifecycle", "scenario", "tokens")
    ]
    (root / "docs/schemas/issuer.schema.json").write_text("{}")

    assert problems(root) == [
        "docs/schemas/issuer.schema.json: the source says something else; run `python3 dev.py docs --write`"
    ]


def test_a_command_without_its_page_is_seen(root: Path) -> None:
    (root / "docs/reference/commands/validate.md").unlink()
    found = problems(root)

    assert "docs/reference/commands/README.md: the link to validate.md leads nowhere" in found
    assert any(one.startswith("docs/reference/commands/validate.md: ") for one in found)


def test_a_sentence_that_loses_its_marker_is_seen(root: Path) -> None:
    """In the specs, in the steps, and on the page of a code sample; a marker that means none is seen too."""
    spec = root / "specs/lifecycles/facebook-system-user.yaml"
    spec.write_text(spec.read_text().replace("# seed: S43", "# seed: S99"))
    story = root / "specs/scenarios/refusals.yaml"
    story.write_text(story.read_text().replace("    seed: [S05]\n", ""))
    page = root / "docs/how-to/ios.md"
    page.write_text(page.read_text().replace("<!-- seed: S34 -->", ""))

    found = [re.sub(r"\(.*?\) |:[0-9]+:", "", one) for one in gaps(root)]

    assert found == [
        "docs/explanation/seed.yaml: S05 is played by no step; mark one with `seed: [S05]`",
        "docs/explanation/seed.yaml: S34 has no how-to page with <!-- seed: S34 -->",
        "docs/explanation/seed.yaml: S43 is in no spec; end a line with `# seed: S43`",
        "specs/lifecycles/facebook-system-user.yaml the seed has no sentence S99",
    ]
