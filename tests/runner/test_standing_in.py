"""The sandbox plays any issuer of OAuth 2.0 in a scenario, and changes nothing that decides on a life."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tokenflow.runner.standing_in import stand_ins
from tokenflow.spec import check, load, shipped

SERVED = load("sandbox-oauth2").data["endpoints"]
OWN = {"facebook", "sandbox-oauth2"}


@pytest.mark.parametrize("name", sorted(OWN))
def test_what_the_sandbox_serves_itself_needs_no_other_document(name: str, tmp_path: Path) -> None:
    """Facebook's Graph, and its own OAuth 2.0."""
    assert stand_ins([load(name)], tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(set(shipped("Issuer")) - OWN))
def test_another_issuer_is_played_at_the_sandbox_s_paths(name: str, tmp_path: Path) -> None:
    """Its name, client, rotation and errors stay; only paths and the shape of messages are the sandbox's."""
    before = load(name).data
    aside: dict[str, Any] = {key: None for key in ("requests", "response") if key in before}
    (path,) = stand_ins([load(name)], tmp_path)
    after = load(path).data

    assert check(path) == []
    assert after["metadata"]["name"] == name
    same = before | aside | {"endpoints": after["endpoints"]}
    assert {key: after.get(key) for key in before} == same
    for endpoint, url in after["endpoints"].items():
        if endpoint != "resource":
            assert urlsplit(url).path == urlsplit(SERVED[endpoint]).path


def test_what_is_no_issuer_is_let_be(tmp_path: Path) -> None:
    """Lifecycles come along with it."""
    assert stand_ins([load("google-user"), load("oauth2-app")], tmp_path) == ()
