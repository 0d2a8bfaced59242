"""Which document a name means: those given, those around the file that names it, then the shipped ones."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenflow.core import errors
from tokenflow.spec import SpecError, check_all, load
from tokenflow.spec.issuers import shipped_issuer, subject_of, with_issuers
from tokenflow.spec.neighbours import around, beside

PLACES: Final = (
    "lifecycles/acme.yaml",
    "issuers/acme.yaml",
    "lifecycles/issuers/acme.yaml",
    "lifecycles/other.yaml",
    "issuers/other.yml",
    "lifecycles/issuers/other.yaml",
)
"""Where an issuer may be, as seen from lifecycles/, the first first."""


def issuer(path: Path, name: str = "acme", kind: str = "Issuer") -> Path:
    """Write an Issuer document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"apiVersion: tokenflow/v1\nkind: {kind}\nmetadata: {{name: {name}, version: 1.0.0}}\n"
        "extends: builtin:sandbox-oauth2\n"
    )
    return path


def lifecycle(folder: Path, name: str = "acme") -> Path:
    """Write a Lifecycle that names the issuer *name*."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mine.yaml"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: mine, version: 1.0.0}\n"
        f"extends: builtin:oauth2-app\nissuer: {name}\n"
    )
    return path


@given(st.sets(st.sampled_from(PLACES)), st.sets(st.sampled_from(PLACES)))
@settings(max_examples=60, deadline=None)
def test_the_nearest_document_of_that_name_is_the_one(right: set[str], wrong: set[str]) -> None:
    """Of any set of files around a lifecycle, the first of its name is found; one of another name never."""
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        for place in wrong:
            issuer(root / place, "another")
        for place in right:
            issuer(root / place)
        path = lifecycle(root / "lifecycles")
        found = around("Issuer", "acme", path.parent)
        first = next((root / place for place in PLACES if place in right), None)

        assert found.path == first
        assert {str(root / place) for place in PLACES[:3]} <= found.looked
        codes = {one.code for one in check_all([path])[str(path)]}
        assert ("TF220" in codes) == (first is None)
        if first is None:
            with pytest.raises(SpecError, match="TF220"):
                with_issuers([load(path)])
        else:
            assert [one.path for one in with_issuers([load(path)])] == [str(path), str(first)]


def test_a_given_issuer_comes_before_one_around(tmp_path: Path) -> None:
    """What was given together belongs together, whatever lies beside it."""
    near, far = issuer(tmp_path / "a/acme.yaml"), issuer(tmp_path / "b/whatever.yaml")
    path = lifecycle(near.parent)

    assert [one.path for one in with_issuers([load(far), load(path)])] == [str(far), str(path)]


def test_an_issuer_around_comes_before_a_shipped_one(tmp_path: Path) -> None:
    """A document of one's own takes the place of the shipped one of its name; without it, that is used."""
    path = lifecycle(tmp_path, "spotify")
    assert with_issuers([load(path)])[1].path == load("builtin:spotify").path

    own = issuer(tmp_path / "own.yaml", "spotify")
    assert with_issuers([load(path)])[1].path == str(own)


def test_a_folder_of_that_name_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in a document is never a path in the folder one happens to be in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme").mkdir()
    path = lifecycle(Path("acme"))

    with pytest.raises(SpecError, match=r"TF220.* no Issuer document is called `acme`"):
        with_issuers([load(path)])
    with pytest.raises(SpecError, match="no shipped spec is called `acme`"):
        load(beside("acme", "tokens.yaml"))
    with pytest.raises(errors.SpecError, match="no Issuer document called `acme` was given"):
        shipped_issuer("acme")


def test_the_folder_next_to_this_one_is_seen_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`../issuers/` is found although the lifecycle was named without a folder."""
    issuer(tmp_path / "issuers/acme.yaml")
    path = lifecycle(tmp_path / "lifecycles")
    monkeypatch.chdir(path.parent)

    assert with_issuers([load(path.name)])[1].path == "../issuers/acme.yaml"


def test_a_broken_file_of_that_name_tells_its_own_problems(tmp_path: Path) -> None:
    """Who finds acme.yaml unreadable is told that, and not that there is no acme."""
    path = lifecycle(tmp_path)
    (tmp_path / "acme.yaml").write_text("kind: [\n")

    with pytest.raises(SpecError) as caught:
        with_issuers([load(path)])
    assert caught.value.diagnostics[0].span.file.endswith("acme.yaml")


def test_every_way_says_the_same_of_an_issuer_that_is_nowhere(tmp_path: Path) -> None:
    """The linter and what opens documents report one diagnostic: where it was looked for, and the mend."""
    path = lifecycle(tmp_path, "hubspotty")
    with pytest.raises(SpecError) as caught:
        with_issuers([load(path)])

    (one,) = caught.value.diagnostics
    assert check_all([path])[str(path)] == [one]
    assert "in its issuers/ or in ../issuers/" in one.message
    assert one.help is not None
    assert "did you mean `spotify`?" in one.help
    assert "hubspotty.yaml" in one.help


def test_a_command_about_one_document_takes_issuers_beside_it(tmp_path: Path) -> None:
    """In any order; an issuer alone is the subject, and two others are one too many."""
    one, mine = load(issuer(tmp_path / "acme.yaml")), load(lifecycle(tmp_path))

    assert subject_of([one, mine]) == subject_of([mine, one]) == subject_of([mine]) == mine
    assert subject_of([one]) == one
    with pytest.raises(errors.SpecError, match="one document at a time"):
        subject_of([mine, one, mine])
