"""Rule M1: a live token follows the spec it was acquired under, whatever became of the file."""

import json
from pathlib import Path

import pytest

from tests.engine.ground import HOUR, Ground
from tokenflow import Engine, MemoryStore, SpecError
from tokenflow.engine.library import SPECS, find_kept, kept_specs

SPEC = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: shop, version: VERSION}
requires: {tokenflow: ">=0.1", plugins: {oauth2: 1, server: 1}}
extends: builtin:oauth2-rotating
states:
  issued: {timers: {renew: {at: "issued + WHEN", raise: extend}}}
"""


def spec(ground: Ground, version: str, when: str) -> Path:
    path = ground.folder / "shop.yaml"
    path.write_text(SPEC.replace("VERSION", version).replace("WHEN", when))
    return path


def login(ground: Ground, engine: Engine, key: str) -> None:
    engine.acquire(key, lifecycle="shop", platform="server", payload=ground.code())


def renews_at(engine: Engine, key: str) -> int:
    token = engine.explain(key)
    assert token.token.issued_at is not None
    (when,) = (when for when, event in token.deadlines if event == "extend")
    return (when - token.token.issued_at) // 1_000_000


def test_a_changed_file_changes_new_tokens_only(ground: Ground) -> None:
    """Rule M1: after its file was changed a live token keeps its old timers; a new one has the new."""
    with ground.durable(specs=[spec(ground, "1.0.0", "40m")]) as engine:
        login(ground, engine, "old")
        before = renews_at(engine, "old")
    with ground.durable(specs=[spec(ground, "2.0.0", "10m")]) as engine:
        login(ground, engine, "new")
        assert renews_at(engine, "old") == before
        assert renews_at(engine, "new") < before
        assert engine.explain("old").token.lifecycle == "shop@1.0.0"
        ground.pass_time(0.5 * HOUR)
        engine.sweep()
        assert engine.explain("new").token.state == "extended"
        assert engine.explain("old").token.state == "issued"
        ground.pass_time(0.25 * HOUR)
        engine.sweep()
        assert engine.explain("old").token.state == "extended"
        assert engine.explain("old").token.lifecycle == "shop@1.0.0"


def test_a_deleted_file_strands_no_token(ground: Ground) -> None:
    """Rule M1: after its file was deleted a live token is served, extended and ended as before."""
    path = spec(ground, "1.0.0", "40m")
    with ground.durable(specs=[path]) as engine:
        login(ground, engine, "old")
    path.unlink()
    with ground.durable(specs=["oauth2-app"]) as engine:
        assert engine.token("old").state == "issued"
        assert engine.extend("old").state == "extended"
        engine.revoke("old").demand()


def test_an_engine_without_any_spec_keeps_its_tokens(ground: Ground) -> None:
    """An engine that is opened on no spec at all still serves and refreshes what its store keeps."""
    with ground.durable(specs=["oauth2-rotating"]) as engine:
        ground.rotating(engine)
    with ground.durable(specs=[]) as engine:
        assert engine.token("k").state == "issued"
        ground.pass_time(1.5 * HOUR)
        assert engine.token("k").state == "extended"


def test_a_kept_spec_is_found_by_its_version_or_its_digest_where_that_is_one() -> None:
    """Rule M1: a version that was kept with several contents is not guessed at; their digests are told."""
    store, kept = MemoryStore(), {"d1": "1.0.0", "d2": "2.0.0", "d3": "2.0.0"}
    for digest, version in kept.items():
        spec = {"metadata": {"name": "shop", "version": version}, "of": digest}
        store.put(SPECS, digest, json.dumps(spec).encode())

    assert find_kept(store, "shop@1.0.0") == ("d1", kept_specs(store)["d1"])
    assert find_kept(store, "d3") == ("d3", kept_specs(store)["d3"])
    with pytest.raises(SpecError, match="several contents") as several:
        find_kept(store, "shop@2.0.0")
    assert [digest in str(several.value) for digest in kept] == [False, True, True]


def test_a_spec_that_the_store_has_lost_is_named(ground: Ground) -> None:
    """A token whose spec is nowhere kept says which one it is pinned to."""
    with ground.durable(specs=["oauth2-rotating"]) as engine:
        token = ground.rotating(engine)
        engine.desk.store.take("spec", token.digest)
    with ground.durable(specs=[]) as engine, pytest.raises(SpecError, match=r"oauth2-rotating@1\.0\.0"):
        engine.token("k")
