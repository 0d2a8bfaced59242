import time
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.names import OFFERED
from tokenflow.spec import check, check_all, load
from tokenflow.spec.lint import fitting
from tokenflow.spec.lint.idle import covers
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.reading import read


def write(folder: Path, body: Any, parent: str = "facebook-page") -> Path:
    path = folder / "mine.yaml"
    head = {
        "apiVersion": "tokenflow/v1",
        "kind": "Lifecycle",
        "metadata": {"name": "mine", "version": "1.0.0"},
    }
    path.write_text(yaml.safe_dump({**head, "extends": f"builtin:{parent}", **body}, sort_keys=False))
    return path


def codes(folder: Path, body: Any, parent: str = "facebook-page") -> list[str]:
    return [one.code for one in check(write(folder, body, parent), names=OFFERED)]


def condition(folder: Path, *conditions: Any) -> list[str]:
    rule = {
        "id": "mine",
        "applies_to": ["use"],
        "deny_when": list(conditions),
        "because": "Because of a test.",
    }
    return codes(folder, {"rules": [rule]})


@pytest.mark.parametrize(
    "one",
    [
        "facebook_lacks_perm",
        {"guard.facebook_lacks_perm": {"needs": ["CREATE_CONTENT"]}},
        {"token.scope": {"has": "email"}},
        {"token.perms": {"lacks": "ADMINISTER"}},
        {"not": {"token.state": "issued"}},
        {"any": [{"platform.runs_on": "client"}, {"all": [{"request.reads": {"in": ["a", "b"]}}]}]},
        {"parent.whatever": {"known": True}},
    ],
)
def test_a_condition_on_what_there_is_is_clean(tmp_path: Path, one: Any) -> None:
    assert condition(tmp_path, one) == []


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ("facebook_lack_perm", "TF304"),
        ({"guard.nothing": True}, "TF304"),
        ({"token.expires": {"known": True}}, "TF305"),
        ({"app.type": "web"}, "TF305"),
        ({"not": {"platform.os": "ios"}}, "TF305"),
        ({"any": [{"all": [{"request.nothing": 1}]}]}, "TF305"),
        ("guard.facebook_lacks_perm", "TF015"),
        ({"token.scope": {"contains": "x"}}, "TF011"),
        ({"tokn.scope": "x"}, "TF011"),
    ],
)
def test_a_condition_on_what_there_is_not_is_told_however_deep(tmp_path: Path, one: Any, code: Any) -> None:
    assert condition(tmp_path, one) == [code]


def test_an_offset_that_is_no_duration_is_told(tmp_path: Path) -> None:
    timer = {"at": "expires - 7x", "raise": "expire"}
    assert "TF015" in codes(tmp_path, {"states": {"issued": {"timers": {"mine": timer}}}})


def test_a_hard_timer_fires_once(tmp_path: Path) -> None:
    timer = {"at": "expires", "raise": "expire", "hard": True, "every": "1h"}
    assert codes(tmp_path, {"states": {"issued": {"timers": {"expire": timer}}}}) == ["TF109"]


def test_a_state_that_absorbs_what_on_error_raises_is_clean(tmp_path: Path) -> None:
    states = {
        "issued": {
            "absorbs": ["refused"],
            "transitions": {"acquired": {"do": "introspect", "on_error": {"revoked": "refused"}}},
        }
    }
    assert codes(tmp_path, {"states": states}) == []


def test_what_a_transition_sets_is_checked(tmp_path: Path) -> None:
    states = {
        "issued": {
            "transitions": {
                "invalidate": {"to": "invalidated", "set": {"nam": "event.reason", "name": "event.why"}}
            }
        }
    }
    assert codes(tmp_path, {"states": states}) == ["TF305", "TF305"]


@pytest.mark.parametrize("comes_over", [True, False])
def test_a_state_that_only_older_tokens_come_to_can_be_reached(tmp_path: Path, comes_over: bool) -> None:
    """What `migrate` leads to is no dead state; without it nothing leads there."""
    states = {"left_over": {"transitions": {"invalidate": {"to": "invalidated"}}}}
    older = {"migrate": [{"from": "<1.0.0", "states": {"gone": "left_over"}}]} if comes_over else {}
    body = {"states": states, **older}
    assert ("TF104" in codes(tmp_path, body)) is not comes_over


def test_an_effect_is_checked(tmp_path: Path) -> None:
    effects = [{"call": "revok"}, {"cascade": "invalidat"}]
    states = {"issued": {"transitions": {"expire": {"to": "expired", "then": effects}}}}
    assert codes(tmp_path, {"states": states}) == ["TF103", "TF102"]


def test_a_lifecycle_may_lend_a_secret_that_only_its_issuer_declares(tmp_path: Path) -> None:
    body = {"remove": ["secrets.app_secret"]}
    assert codes(tmp_path, body) == []


def test_a_public_token_from_a_client_needs_nobody_to_vouch_for_it(tmp_path: Path) -> None:
    acquire = {"by_hand": {"use": "server.static", "runs_on": "client", "consent": "person"}}
    assert codes(tmp_path, {"acquire": acquire}, "facebook-client") == []


def test_an_option_may_name_a_declared_secret_and_may_not_hold_one(tmp_path: Path) -> None:
    assert "TF201" not in codes(tmp_path, {"acquire": {"x": _static("client_token")}}, "facebook-client")
    assert codes(tmp_path, {"acquire": {"x": _static("hunter2-hunter2")}}, "facebook-client") == ["TF201"]


def _static(secret: str) -> dict[str, Any]:
    return {"use": "server.static", "runs_on": "client", "with": {"secret": secret}}


def test_an_abstract_lifecycle_need_not_be_whole() -> None:
    assert check("bearer") == []
    assert load("bearer").data["abstract"] is True


def test_an_abstract_parent_makes_no_abstract_child(tmp_path: Path) -> None:
    assert "abstract" not in load(write(tmp_path, {})).data


LARGE = {
    "wrong events": {
        "events": {f"a{n}": {} for n in range(3_000)},
        "everywhere": {f"b{n}": {"to": "issued"} for n in range(100)},
    },
    "wrong attributes": {"token": {"identity": [f"a{n}" for n in range(5_000)]}},
    "unknown keys": {f"key{n}": n for n in range(9_000)},
    "many states": {
        "states": {f"s{n}": {"usable": True} for n in range(90)},
        "everywhere": {f"e{n}": [{"to": "issued"}] * 20 for n in range(95)},
    },
    "repeated names": {"token": {"identity": ["a"] * 8_000}},
    "removals": {"remove": [f"states.a{n}" for n in range(100)]},
    "looks like secrets": {
        "metadata": {"name": "a", "version": "1.0.0", "labels": {f"l{n}": "eyJ" * 2_000 for n in range(30)}}
    },
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_and_wrong_file_is_told_so_in_little_time(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, LARGE[name])
    begun = time.process_time()
    found = check(path, names=OFFERED)
    assert time.process_time() - begun < 8
    assert len(found) <= 500


@pytest.mark.parametrize(
    "rules",
    [
        {"type": "mapping"},
        {"properties": {"secret": {"$ref": "#/$defs/nowhere"}}},
        {"properties": {"secret": {"pattern": "("}}},
        {"additionalProperties": 7},
        {"required": 7},
    ],
)
def test_a_plugin_s_schema_that_is_none_is_the_plugin_s_fault_and_stops_nobody(
    tmp_path: Path, rules: Any
) -> None:
    names = attrs.evolve(OFFERED, options={**OFFERED.options, "server.static": rules})
    path = write(tmp_path, {}, "facebook-client")
    found = [one for one in check(path, names=names) if one.code == "TF307"]
    assert len(found) == 1
    assert "cannot be read" in found[0].message


@given(st.data())
def test_any_options_against_any_schema_are_told_or_fit(data: Any) -> None:
    """Whatever a plugin's schema says and a spec writes: findings, and no traceback."""
    keyword = st.sampled_from(["type", "enum", "const", "pattern", "required", "minimum", "items", "oneOf"])
    leaf = st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "object", "a", "", "("])
    value = st.recursive(leaf, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keyword, inner))
    rules = data.draw(st.dictionaries(keyword | st.just("properties"), value, max_size=4))
    written = data.draw(st.dictionaries(st.sampled_from(["a", "b"]), value, max_size=3))
    root = read(yaml.safe_dump({"acquire": {"x": {"with": written}}}).encode(), "x.yaml").root
    assert root is not None
    step = ("acquire", "x", "with")
    subject = Subject(root=root, names=OFFERED)
    for one in fitting._violated(rules, written):
        told = fitting._told(subject, "a.b", root.find(step), step, one)
        assert all(found.code == "TF307" for found in told)


def related(folder: Path, body: Any, code: str, parent: str = "facebook-user") -> list[tuple[str, str]]:
    """Return the labels and source texts that the first finding of *code* points at."""
    found = next(one for one in check(write(folder, body, parent), names=OFFERED) if one.code == code)
    return [(note.label, note.span.text[note.span.col - 1 : note.span.end_col - 1]) for note in found.related]


def test_what_was_removed_is_pointed_at_where_it_was_removed(tmp_path: Path) -> None:
    body = {"remove": ["acquire.ios", "states.issued.timers.expire"]}
    assert related(tmp_path, body, "TF107") == [("removed here", "states.issued.timers.expire")]


def test_what_is_wrong_in_a_parent_points_at_the_line_that_names_it(tmp_path: Path) -> None:
    body = {"lifetimes": {"short": {"typical": "1d"}}, "app": {"marketing_access": {"enum": ["none"]}}}
    assert related(tmp_path, body, "TF306") == [("inherited here", "builtin:facebook-user")]


def test_documents_of_others_are_looked_at_only_when_asked_for(tmp_path: Path) -> None:
    """An engine that opens one spec reads that one; `validate` looks around."""
    path = write(tmp_path, {"issuer": "nobody"}, "oauth2-app")
    assert check(path, names=OFFERED) == []
    assert [one.code for one in check_all([path], names=OFFERED)[str(path)]] == ["TF220"]


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ({"code": 190}, {"code": 190, "subcode": 463}, True),
        ({"code": 190, "subcode": 463}, {"code": 190}, False),
        ({"code": [1, 2, 3]}, {"code": [2, 3]}, True),
        ({"code": [1, 2]}, {"code": [2, 3]}, False),
        ({"http": "5xx"}, {"http": 503}, True),
        ({"http": 503}, {"http": "5xx"}, False),
        ({"http": "5xx"}, {"http": "5xx", "error": "x"}, True),
        ({"error": "a"}, {"code": 1}, False),
        ({"code": "200..299"}, {"code": [200, "250", 299]}, True),
        ({"code": "200..299"}, {"code": [200, 300]}, False),
        ({"code": "200..299"}, {"code": "204..206", "subcode": 1}, True),
        ({"code": "200..299"}, {"code": "204.."}, False),
        ({"code": "0.."}, {"code": [7, "80000.."]}, True),
        ({"code": "200..299"}, {"code": "word"}, False),
        ({"code": [250]}, {"code": "200..299"}, False),
        ({"body": {"a": 1}}, {"body": {"a": 1, "b": 2}}, True),
        ({"body": {"a": 1, "b": 2}}, {"body": {"a": 1}}, False),
    ],
)
def test_a_rule_covers_another_when_it_matches_all_of_it(wide: Any, narrow: Any, covered: Any) -> None:
    assert covers(wide, narrow) is covered
