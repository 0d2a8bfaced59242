"""What an issuer declares: names that are nearly others, and a probe that has nothing to call."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.mutants import written
from tests.spec.names import OFFERED
from tokenflow.spec import Diagnostic, check, check_all
from tokenflow.spec.schema import schema

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KEYS = schema("Issuer")["properties"]
CLIENT, ENDPOINTS = (sorted(KEYS[group]["properties"]) for group in ("client", "endpoints"))


def issuer(folder: Path, parent: str | None = None, **body: Any) -> Path:
    """Write an issuer called `mine`."""
    head: dict[str, Any] = {
        "apiVersion": "tokenflow/v1",
        "kind": "Issuer",
        "metadata": {"name": "mine", "version": "1.0.0"},
    }
    whole = {"client": {"client_id": "1"}, "endpoints": {"token_endpoint": "https://issuer.example/token"}}
    path = folder / "mine.yaml"
    text = written({**head, **({"extends": f"builtin:{parent}"} if parent else whole), **body})
    path.write_text(text, "utf-8")
    return path


def near(folder: Path, **body: Any) -> list[Diagnostic]:
    return [one for one in check(issuer(folder, **body), names=OFFERED) if one.code == "TF234"]


@FEW
@given(data=st.data())
def test_a_name_with_one_letter_lost_is_told_the_right_one(tmp_path: Path, data: st.DataObject) -> None:
    """Whichever letter is lost, the help is the name that was meant."""
    group, names, value = data.draw(
        st.sampled_from([("client", CLIENT, "1"), ("endpoints", ENDPOINTS, "https://issuer.example/x")])
    )
    meant = data.draw(st.sampled_from(names))
    lost = data.draw(st.integers(1, len(meant) - 1))
    said = near(tmp_path, **{group: {meant[:lost] + meant[lost + 1 :]: value}})
    assert [one.help for one in said] == [f"did you mean `{meant}`?"]


def test_the_names_that_have_a_meaning_are_let_be(tmp_path: Path) -> None:
    """Those that the schema describes, and those that plugins call."""
    called = {name for needed in OFFERED.endpoints.values() for name in needed}
    urls = dict.fromkeys({*ENDPOINTS, *called}, "https://issuer.example/x")
    registered = {name: "none" if name.endswith("_method") else "1" for name in CLIENT}
    assert near(tmp_path, endpoints=urls, client=registered) == []


@pytest.mark.parametrize("name", ["resource", "graph", "login_endpoint", "debug_token_endpoint", "accounts"])
def test_an_endpoint_of_ones_own_is_let_be(tmp_path: Path, name: str) -> None:
    """An issuer may have endpoints that no standard names."""
    assert near(tmp_path, endpoints={name: "https://issuer.example/x"}) == []


@pytest.mark.parametrize("name", ["client_name", "tenant", "audience", "client_uri"])
def test_a_client_key_of_ones_own_is_let_be(tmp_path: Path, name: str) -> None:
    """A plugin may read what it likes of how an application is registered."""
    assert near(tmp_path, client={name: "1"}) == []


def test_a_probe_needs_the_endpoint_it_calls(tmp_path: Path) -> None:
    """Told at the issuer itself, with or without a lifecycle; and where it was removed from a parent."""
    alone = check(issuer(tmp_path, probe="oauth2.introspect"), names=OFFERED)
    assert [one.span.line for one in alone if one.code == "TF221"] != []
    removed = issuer(tmp_path, "sandbox-oauth2", remove=["endpoints.introspection_endpoint"])
    told = [one for one in check(removed, names=OFFERED) if one.code == "TF221"]
    assert [note.label for one in told for note in one.related] == ["removed here"]
    inherited = check(issuer(tmp_path, "sandbox-oauth2"), names=OFFERED)
    assert [one for one in inherited if one.code == "TF221"] == []


@pytest.mark.parametrize(
    ("event", "help"),
    [
        ("invalidat", ["did you mean `invalidate`?"]),
        ("expires", ["did you mean `expire`?"]),
        ("invalidate", []),
        ("consent_withdrawn", []),
    ],
)
def test_an_event_that_is_nearly_the_lifecycles_is_told_there(
    tmp_path: Path, event: str, help: list[str]
) -> None:
    """Once for each name, however many rules raise it; an event of another lifecycle's is let be."""
    rules = [{"match": {"code": code}, "class": "revoked", "raise": event} for code in (1, 2)]
    theirs = issuer(tmp_path, "sandbox-oauth2", errors=rules)
    ours = tmp_path / "ours.yaml"
    ours.write_text(
        json.dumps(
            {
                "apiVersion": "tokenflow/v1",
                "kind": "Lifecycle",
                "metadata": {"name": "ours", "version": "1.0.0"},
                "extends": "builtin:oauth2-app",
                "issuer": "mine",
            }
        ),
        "utf-8",
    )
    said = check_all([ours, theirs], names=OFFERED)[str(ours)]
    assert [one.help for one in said if one.code == "TF233"] == help
