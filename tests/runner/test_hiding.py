"""Generated or inline: what is advised follows from where the app's secret is, not from any name."""

from typing import Any

import attrs
import pytest

from tests.spec.names import OFFERED
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.hooks.registry import Registry
from tokenflow.runner.describing import describe
from tokenflow.runner.hiding import hiding
from tokenflow.spec import load, shipped


def lifecycle(name: str, **acquire: Any) -> Lifecycle:
    """A shipped lifecycle, its acquisitions replaced by others, if any."""
    data = dict(load(name, names=OFFERED).data)
    if acquire:
        data["acquire"] = acquire
    return compile_lifecycle(data, digest="", guards=Registry.installed().guards())


def test_the_spec_says_what_either_choice_means() -> None:
    """Inline needs the secret at every call and keeps nothing; generated is stored and ends with it."""
    said = dict(hiding(lifecycle("facebook-app")))
    assert set(said) == {"generated", "inline"}
    assert "needed at every call, and nothing is kept" in said["inline"]
    assert "needed only to get it" in said["generated"]
    assert "ends with the secret" in said["generated"]
    sections = describe(load("facebook-app"), lifecycle("facebook-app"))
    (shown,) = [one.lines for one in sections if one.title == "where its secret is hidden"]
    assert shown == tuple(f"{name}: {advice}" for name, advice in said.items())


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:A", "in the environment (env:A)"),
        ("file:/run/a", "in a file (file:/run/a)"),
        ("systemd:fb", "in a credential (systemd:fb)"),
        ("keyring:a/b", "in the keyring (keyring:a/b)"),
        ("vault:a", "where a plugin finds it (vault:a)"),
    ],
)
def test_it_follows_from_data_under_whatever_name(reference: str, words: str) -> None:
    """Names of ways swapped, it goes with `keep_value`; where the secret is, its reference says."""
    how = lifecycle("facebook-app").spec["acquire"]
    swapped = lifecycle("facebook-app", inline=how["generated"], generated=how["inline"])
    secret = attrs.evolve(swapped.secrets["app_secret"], reference=reference)
    said = dict(hiding(attrs.evolve(swapped, secrets={"app_secret": secret})))
    assert "nothing is kept" in said["generated"]
    assert "stored value" in said["inline"]
    assert all(words in one for one in said.values())


def test_nothing_is_advised_where_there_is_no_choice() -> None:
    """Of all shipped lifecycles only the app's leaves it open."""
    assert [name for name in shipped("Lifecycle") if list(hiding(lifecycle(name)))] == ["facebook-app"]
