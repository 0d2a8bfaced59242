"""The examples that specs carry: every shipped one holds, and a falsified one is named."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.names import OFFERED
from tests.spec.test_schema import mutants
from tokenflow.runner.examples import Examined, Ran, examine
from tokenflow.spec import Document, check, load, schema, shipped
from tokenflow.spec.schema import violations

SCHEMA = schema("Issuer")
ISSUERS = {name: load(name) for name in shipped("Issuer")}


def changed(name: str, **parts: Any) -> Document:
    """Return a shipped issuer with parts of it replaced."""
    return attrs.evolve(ISSUERS[name], data={**deepcopy(ISSUERS[name].data), **parts})


def said(examined: Examined) -> str:
    """Return all that is wrong, in one text."""
    return "\n".join(problem for ran in examined.failed for problem in ran.problems)


@pytest.mark.parametrize("name", shipped("Issuer"))
def test_every_example_of_a_shipped_issuer_holds_and_every_meaning_has_one(name: str) -> None:
    """`tokenflow test` over all shipped issuers: nothing fails, nothing is bare."""
    found = examine(ISSUERS[name])
    assert [(ran.path, ran.problems) for ran in found.failed] == []
    assert [bare.path for bare in found.bare] == []
    assert len(found.ran) >= len(ISSUERS[name].data["errors"])


@pytest.mark.parametrize("name", shipped("Lifecycle"))
def test_every_example_of_a_shipped_lifecycle_holds(name: str) -> None:
    """A lifecycle's own meanings are judged behind those of its issuer."""
    lifecycle = load(name)
    assert examine(lifecycle, ISSUERS.get(lifecycle.data.get("issuer", ""))).failed == ()


examples = [
    (name, rule, number)
    for name, issuer in ISSUERS.items()
    for rule, spec in enumerate(issuer.data["errors"])
    for number, _ in enumerate(spec["examples"])
]


@settings(deadline=None)
@given(st.sampled_from(examples), st.data())
def test_an_example_under_another_meaning_is_caught(place: tuple[str, int, int], data: st.DataObject) -> None:
    """Put any example under any other meaning of its issuer: it fails, and the meaning it has is named."""
    name, rule, number = place
    others = [index for index in range(len(ISSUERS[name].data["errors"])) if index != rule]
    other = data.draw(st.sampled_from(others))
    errors = deepcopy(ISSUERS[name].data["errors"])
    example = errors[rule]["examples"][number]
    for spec in errors:
        spec.pop("examples", None)
    errors[other]["examples"] = [example]
    ok = {key: said for key, said in ISSUERS[name].data.get("response", {}).items() if key == "ok"}
    (ran,) = examine(changed(name, errors=errors, response=ok)).failed
    assert f"errors.{rule} takes it first" in ran.problems[0] or "matches no meaning" in ran.problems[0]
    assert ran.path == f"errors.{other}.examples.0"


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        ({"body": {"error": "nobody_knows_it"}}, "it matches no meaning, so it is permanent"),
        ({"status": 200, "body": {"access_token": "a"}}, "it is taken for a yes"),
        ({"status": 200, "body": "<html>"}, "it is no answer at all, so it is transient"),
        ({"body": {"error": "busy"}, "retry": "30s"}, "it does not say how long to wait; 30s was expected"),
        (
            {"body": {"error": "busy"}, "headers": {"Retry-After": "60"}, "retry": "30s"},
            "it asks us to wait 1m, not 30s",
        ),
        ({"body": {"error": "first"}}, "errors.0 takes it first: error first, permanent"),
    ],
)
def test_a_falsified_refusal_says_what_is_wrong(example: dict[str, Any], problem: str) -> None:
    """Each way an example can be wrong has its sentence."""
    errors = [
        {"match": {"error": "first"}, "class": "permanent"},
        {"match": {"error": ["busy", "first"]}, "class": "rate_limited", "examples": [example]},
    ]
    found = examine(changed("spotify", errors=errors, response={}))
    assert said(found) == problem
    assert [bare.says for bare in found.bare] == ["error first, permanent"]


GRANT = {"access_token": "a", "expires_in": 3600, "scope": "x y", "team": {"id": 7}}


@pytest.mark.parametrize(
    ("grant", "problem"),
    [
        ({"expires_in": 60}, "expires_in is 3600, not 60"),
        ({"expires_in": "never"}, "expires_in is 3600, not never"),
        ({"refresh_token": True}, "refresh_token is false, not true"),
        ({"refresh_expires_in": 5}, "refresh_expires_in is silent, not 5"),
        ({"scope": ["x"]}, 'scope is ["x", "y"], not ["x"]'),
        ({"attributes": {"team": 8}}, 'attributes is {"team": 7}, not {"team": 8}'),
        ({"expires_at": 5}, "expires_at is 1800003600, not 5"),
        ({"expires_in": 3600, "scope": ["y", "x"], "attributes": {"team": 7}}, ""),
    ],
)
def test_a_falsified_grant_says_what_is_wrong(grant: dict[str, Any], problem: str) -> None:
    """What is left out is not compared, and what is named must be so."""
    response = {"attributes": {"team": "team.id"}, "examples": [{"body": GRANT, "grant": grant}]}
    assert said(examine(changed("spotify", errors=[], response=response))) == problem


def test_an_answer_that_grants_nothing_is_named() -> None:
    """A refusal among the grants fails with the code's own words."""
    example = {"body": {"error": "invalid_grant"}, "grant": {"refresh_token": True}}
    found = examine(changed("spotify", errors=[], response={"examples": [example]}))
    assert said(found) == "the issuer answered 200 (error invalid_grant)"


def test_a_lifecycles_own_meaning_comes_after_its_issuers(tmp_path: Path) -> None:
    """An example that the issuer's meanings take never reaches the lifecycle's own."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        """
apiVersion: tokenflow/v1
kind: Lifecycle
extends: builtin:oauth2-rotating
metadata: {name: mine, version: 1.0.0}
errors:
  - {match: {error: late}, class: transient, examples: [{body: {error: late}}]}
  - {match: {body: {error: invalid_grant}}, class: permanent, examples: [{body: {error: invalid_grant}}]}
  - {match: {body: {why.0: odd}}, class: reconsent, examples: [{body: {why: [odd]}}]}
""",
        "utf-8",
    )
    ran: tuple[Ran, ...] = examine(load(path, names=OFFERED), ISSUERS["sandbox-oauth2"]).ran
    assert [bool(one.problems) for one in ran] == [False, True, False]
    assert ran[1].problems[0].startswith("the issuer's errors.0 takes it first")
    assert (ran[0].place.file, ran[0].place.line) == (str(path), 7)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutants().filter(lambda mutant: mutant[0] == "Issuer"))
def test_a_mutated_issuer_is_refused_or_examined_and_never_a_traceback(tmp_path: Path, mutant: Any) -> None:
    """Whatever the schema lets through compiles, and its examples pass or fail in words."""
    if next(violations(SCHEMA, mutant[1]), None) is not None:
        return
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(mutant[1]), "utf-8")
    if any(one.severity == "error" for one in check(path, names=OFFERED)):
        return
    found = examine(load(path, names=OFFERED))
    assert all(isinstance(problem, str) for ran in found.ran for problem in ran.problems)
