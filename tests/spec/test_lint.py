import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.spec.names import OFFERED
from tokenflow.spec import check, load


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
        {"guard.facebook_lacks_perm": "CREATE_CONTENT"},
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
