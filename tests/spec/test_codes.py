"""Each code says what it is, and is what it says: its bad example has it, its good one has not."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from tests.spec.names import OFFERED
from tokenflow.hooks.records import API
from tokenflow.spec import Diagnostic, check_all, load
from tokenflow.spec.changes import changes
from tokenflow.spec.codes import CODES, Code, whole
from tokenflow.spec.lint import requirements
from tokenflow.spec.schema import KINDS

ROOMS = Path(__file__).parents[2] / "tokenflow" / "spec"
CHANGES = sorted(code for code in CODES if code.startswith("TF5"))


ACME = whole("kind: Issuer\nmetadata: {name: acme, version: 1.0.0}\nremove: [probe]")
"""The issuer some examples speak of."""
MISSPELT = whole(
    "kind: Issuer\nmetadata: {name: misspelt, version: 1.0.0}\n"
    "errors: [{match: {error: gone}, class: revoked, raise: invalidat}]"
)
"""Another, whose rule raises what no lifecycle knows."""


def found(folder: Path, snippet: str) -> list[Diagnostic]:
    path = folder / "example.yaml"
    (folder / "acme.yaml").write_text(ACME, encoding="utf-8")
    (folder / "misspelt.yaml").write_text(MISSPELT, encoding="utf-8")
    path.write_text(whole(snippet), encoding="utf-8")
    return check_all([path, "sandbox-oauth2"], names=OFFERED)[str(path)]


@pytest.mark.parametrize("code", [code for code in CODES if code not in CHANGES])
def test_the_bad_example_of_a_code_has_it_and_the_good_one_has_not(tmp_path: Path, code: str) -> None:
    bad, good = found(tmp_path, CODES[code].bad), found(tmp_path, CODES[code].good)
    assert code in {one.code for one in bad}
    assert {one.severity for one in bad if one.code == code} == {CODES[code].severity}
    assert code not in {one.code for one in good}
    assert [one.code for one in good if one.severity == "error"] == []


@pytest.mark.parametrize("code", CHANGES)
def test_the_bad_example_of_a_change_has_its_code_beside_the_shipped_version(
    tmp_path: Path, code: str
) -> None:
    for snippet, has in ((CODES[code].bad, True), (CODES[code].good, False)):
        (tmp_path / "next.yaml").write_text(whole(snippet), encoding="utf-8")
        problems = changes(load("facebook-user"), load(tmp_path / "next.yaml", names=OFFERED)).problems
        assert (code in {one.code for one in problems}) is has
        assert {one.severity for one in problems} <= {"error"}


@pytest.mark.parametrize("one", CODES.values(), ids=lambda one: one.code)
def test_a_code_is_explained_in_whole_sentences(one: Code) -> None:
    assert re.fullmatch(r"TF[0-6][0-9]{2}", one.code)
    assert one.severity in ("error", "warning", "note")
    assert one.title[0].isupper() or one.title[0] == "`"
    assert not one.title.endswith(".")
    for text in (one.what, one.why):
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith((".", ")."))
    assert one.mend
    assert one.bad != one.good


@pytest.mark.parametrize("one", CODES.values(), ids=lambda one: one.code)
def test_an_example_is_short_enough_to_be_read(one: Code) -> None:
    for snippet in (one.bad, one.good):
        assert len(snippet.splitlines()) <= 10
        assert all(len(line) <= 110 for line in snippet.splitlines())


def test_a_part_becomes_a_document_of_its_kind_and_a_document_stays() -> None:
    assert yaml.safe_load(whole("clock: {skew: 1s}")) == {
        "apiVersion": "tokenflow/v1",
        "kind": "Lifecycle",
        "metadata": {"name": "example", "version": "1.0.0"},
        "extends": "builtin:facebook-user",
        "clock": {"skew": "1s"},
    }
    assert yaml.safe_load(whole("kind: Issuer\nclock: {skew: 1s}"))["extends"] == "builtin:sandbox-oauth2"
    assert {yaml.safe_load(whole(f"kind: {kind}"))["kind"] for kind in KINDS} == set(KINDS)
    assert whole("apiVersion: tokenflow/v1") == "apiVersion: tokenflow/v1"


def test_every_code_in_the_source_is_explained_and_every_explained_one_is_in_the_source() -> None:
    """What a check says has a page, and no page is of a check that is gone."""
    said = {
        node.value
        for file in ROOMS.rglob("*.py")
        if "codes" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and re.fullmatch(r"TF\d{3}", str(node.value))
    }
    assert said == set(CODES)


def test_each_rule_of_the_best_practice_names_its_section() -> None:
    for code, one in CODES.items():
        if code.startswith("TF6"):
            assert re.search(r"RFC (9700|6750|8252) §\d", one.why), code


def test_the_plugin_api_a_spec_may_require_is_the_hooks_own() -> None:
    assert requirements.API == API
