"""What `validate` prints for programs: JSON, SARIF 2.1.0 and GitHub's annotations; one as true as another."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import Call
from tokenflow.cli.reporting import annotations, sarif
from tokenflow.spec import Diagnostic, Related, Span
from tokenflow.spec.codes import CODES

BROKEN = Path(__file__).resolve().parents[1] / "spec" / "broken"
FILES = sorted(BROKEN.glob("*.yaml"))
TEXT = st.text(max_size=30)


@st.composite
def diagnostics(draw: st.DrawFn) -> Diagnostic:
    """Draw a diagnostic of any code, with whatever in its texts."""
    code = draw(st.sampled_from(sorted(CODES)))
    col = draw(st.integers(1, 200))
    span = Span(
        file=draw(
            st.sampled_from(["a.yaml", "b c/ü.yaml", "/whole/path.yaml", "builtin:bearer", "a%2C:1.yaml"])
        ),
        line=draw(st.integers(0, 500)),
        col=col,
        end_col=col + draw(st.integers(0, 40)),
        text=draw(TEXT),
    )
    related = (Related(label=draw(TEXT), span=span),) if draw(st.booleans()) else ()
    return Diagnostic(
        code=code,
        severity=CODES[code].severity,
        message=draw(TEXT),
        span=span,
        help=draw(st.none() | TEXT),
        related=related,
    )


def valid_location(found: Any) -> None:
    """Check a location against what SARIF 2.1.0 requires (§3.29-3.30)."""
    physical = found["physicalLocation"]
    uri = physical["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9._~:/%-]+", uri), uri
    assert urlsplit(uri).scheme in ("", "file", "builtin")
    if region := physical.get("region"):
        assert region["startLine"] >= 1
        assert 1 <= region["startColumn"] <= region["endColumn"]


def valid_log(log: Any) -> None:
    """Check a log against what SARIF 2.1.0 requires of one (§3.13-3.27)."""
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "tokenflow"
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        for key in ("shortDescription", "fullDescription", "help"):
            assert rule[key]["text"]
        assert "```yaml" in rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert isinstance(result["message"]["text"], str)
        for location in (*result["locations"], *result.get("relatedLocations", ())):
            valid_location(location)
        ids = [location["id"] for location in result.get("relatedLocations", ())]
        assert ids == sorted(set(ids))


@given(st.lists(diagnostics(), max_size=5))
def test_a_sarif_log_has_what_the_standard_requires_whatever_was_found(found: list[Diagnostic]) -> None:
    log = json.loads(sarif(found))
    valid_log(log)
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == [one.code for one in found]


@given(diagnostics())
def test_an_annotation_is_one_line_and_ends_nothing_early(one: Diagnostic) -> None:
    """What GitHub reads back is what was said: `%`, line ends, `:` and `,` are escaped where they matter."""
    (line,) = annotations([one])
    assert "\n" not in line
    assert "\r" not in line
    ((head, said),) = re.findall(r"\A::(\w+ .*?)::(.*)\Z", line, re.DOTALL)
    level, _, rest = head.partition(" ")
    assert level == {"error": "error", "warning": "warning", "note": "notice"}[one.severity]
    properties = dict(pair.split("=", 1) for pair in rest.split(","))
    assert unescaped(properties["file"]) == one.span.file
    assert unescaped(properties["title"]).startswith(one.code)
    assert properties.get("line", "0") == str(one.span.line)
    assert unescaped(said) == one.message + ("" if one.help is None else f"\nhelp: {one.help}")


def unescaped(text: str) -> str:
    for mark in "\r\n:,%":
        text = text.replace(f"%{ord(mark):02X}", mark)
    return text


@pytest.mark.parametrize("path", FILES[::5], ids=lambda path: path.stem)
def test_every_form_says_the_same_of_a_broken_spec(tokenflow: Call, path: Path) -> None:
    shape = tokenflow("validate", path, "--format", "json").object
    log = json.loads(tokenflow("validate", path, "--format", "sarif").out)
    lines = tokenflow("validate", path, "--format", "github").out.splitlines()
    valid_log(log)
    codes = [one["code"] for one in shape["diagnostics"]]
    assert codes
    assert codes == [one["ruleId"] for one in log["runs"][0]["results"]]
    assert [[code] for code in codes] == [re.findall(r"title=(TF\d+)", line) for line in lines]


def test_strict_fails_for_a_warning_and_not_for_a_note(tokenflow: Call, tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text(
        "apiVersion: tokenflow/v1\nkind: Tokens\nmetadata: {name: kept}\n"
        "tokens: {reports: {lifecycle: oauth2-app, acquire: server}}\n"
    )
    assert "note [TF609]" in tokenflow("validate", kept).out
    assert tokenflow("validate", "--strict", kept).code == 0
    assert tokenflow("validate", BROKEN / "idle.yaml").code == 0
    said = tokenflow("validate", "--strict", BROKEN / "idle.yaml")
    assert said.code == 1
    assert said.out.endswith("1 file, 1 with errors or warnings\n")


def test_files_given_together_are_seen_together(tokenflow: Call, tmp_path: Path) -> None:
    """An issuer in another folder is unknown to a lifecycle, until both are given."""
    (tmp_path / "elsewhere").mkdir()
    issuer, lifecycle = tmp_path / "elsewhere" / "acme.yaml", tmp_path / "mine.yaml"
    head = "apiVersion: tokenflow/v1\nkind: {}\nmetadata: {{name: {}, version: 1.0.0}}\n"
    issuer.write_text(head.format("Issuer", "acme") + "extends: builtin:sandbox-oauth2\n")
    lifecycle.write_text(head.format("Lifecycle", "mine") + "extends: builtin:oauth2-app\nissuer: acme\n")
    assert "[TF220]" in tokenflow("validate", lifecycle).out
    assert tokenflow("validate", lifecycle, issuer).out == "2 files, all fine\n"
    issuer.rename(tmp_path / "acme.yaml")
    assert tokenflow("validate", lifecycle).code == 0
