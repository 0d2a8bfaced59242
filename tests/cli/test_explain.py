"""`tokenflow explain`: a code, a spec or a token in plain words, the same as JSON, and never a value."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.cli.conftest import Call
from tests.properties.issuing import APP, CLIENT, ScriptedTransport
from tests.properties.lives import SPECS
from tests.properties.planning import DAY, HOUR, World, world
from tokenflow import Engine, Secret
from tokenflow.core.errors import TokenNotFound
from tokenflow.runner.explaining import explain
from tokenflow.spec import load, shipped
from tokenflow.spec.codes import CODES
from tokenflow.spec.resolved import resolved

CANARY: Final = "CANARY"


@pytest.fixture
def ada() -> Iterator[World]:
    """Ada's token, extended once, and her pages'."""
    with world([("log_in", "fb/ada"), ("derive", "ada"), ("extend", "fb/ada")]) as found:
        yield found


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_explained(tokenflow: Call, code: str) -> None:
    """What, why and how, with an example of each; as JSON the same words; in any case of letters."""
    text, shape = tokenflow("explain", code), tokenflow("explain", code.lower(), "--format", "json")
    one = CODES[code]
    assert (text.code, shape.code) == (0, 0)
    assert text.out.startswith(f"{code} {one.title} ({one.severity})\n")
    words = " ".join(text.out.split())
    for part in (one.what, one.why, one.mend, one.bad, one.good):
        assert " ".join(part.split()) in words
    assert shape.object["code"]["what"] == one.what


@pytest.mark.parametrize("kind", ["Lifecycle", "Issuer", "Tokens", "Scenario"])
def test_every_shipped_spec_is_described(tokenflow: Call, kind: str) -> None:
    """It begins with its name and version; the JSON has the sections the text has."""
    for name in shipped(kind):
        text, shape = tokenflow("explain", name), tokenflow("explain", name, "--format", "json")
        assert text.out.startswith(f"{load(name).ref}: ")
        for section in shape.object["sections"]:
            assert section["title"] in text.out
            assert all(line in text.out for line in section["lines"])


def test_a_lifecycle_is_told_in_plain_words(tokenflow: Call) -> None:
    """How it begins on each platform, what lives how long, what renews and ends it, and who must act."""
    said = tokenflow("explain", "facebook-user").out
    for words in (
        "web: web.redirect on the server, a person agrees, lifetime short, needs app_secret",
        "verified by facebook.debug_token before it is kept",
        "issued: usable, lives 90m",
        "non_expiring: usable, no end by time",
        "extend in issued (at expires - 30%), by facebook.extend, on the server",
        "issued -> expired: expire (at expires)",
        "a person logs in once, by javascript or ",
        "code 10 or 200..299 is ",
    ):
        assert words in said


@pytest.mark.parametrize("name", [*shipped("Lifecycle"), *shipped("Issuer"), *shipped("Scenario")])
def test_the_resolved_document_is_the_document(name: str) -> None:
    """Read again it is the same; every line says the file and the line its key was written at."""
    document = load(name)
    text = resolved(document)
    assert yaml.safe_load(text) == document.data
    for line in text.splitlines():
        assert line.strip().startswith("- ") or "  # builtin:" in line


def test_a_resolved_key_leads_to_where_it_was_written(tokenflow: Call) -> None:
    """The parent's keys name the parent; a secret is a reference."""
    said = tokenflow("explain", "facebook-page", "--resolved")
    states = {line.split(":")[0].strip(): line.rpartition("# ")[2] for line in said.out.splitlines()}
    assert said.code == 0
    assert states["refused"].startswith("builtin:bearer:")
    assert states["on_parent"].startswith("builtin:facebook-page:")
    assert '"env:FB_APP_SECRET"' in said.out
    as_data = tokenflow("explain", "facebook-page", "--resolved", "--format", "json").object["spec"]
    assert as_data == load("facebook-page").data


def test_a_token_is_explained(ada: World) -> None:
    """Where it stands, what ends it next, what may happen, and how it came there."""
    found = explain(ada.glass(), "fb/ada")
    assert found.standing.startswith(
        "a user token of facebook, following facebook-user@1.0.0: `extended` for"
    )
    assert (found.usable, found.why_not, found.person) == (True, None, None)
    assert found.ends_next is not None
    assert (found.ends_next.event, found.ends_next.state) == ("expire", "expired")
    assert {one.event: one.verdict for one in found.legal}["invalidate"] == "yes"
    words = [line.words for line in found.history]
    assert words[0].startswith("acquired by server -> issued")
    assert words[-1] == "the application brought extend, by extend, and issued -> extended"


def test_guards_are_all_asked_in_three_values(ada: World) -> None:
    """Which condition is true, false, or known only when the event has happened."""
    with world([("log_in", "fb/bob")]) as found:
        (row, other) = next(
            one for one in explain(found.glass(), "fb/bob").legal if one.event == "extend"
        ).rows
        assert (row.state, row.verdict, row.conditions) == (
            "non_expiring",
            "no",
            (("app.marketing_access = standard", "no"),),
        )
        assert (other.state, other.verdict, other.conditions) == ("extended", "yes", ())


def test_what_has_fallen_due_is_told_and_not_done(ada: World) -> None:
    """A token past its end is told as it will be found; the store still holds it as it was."""
    ada.clock.advance(61 * DAY)
    before = ada.store.load("default", "fb/ada")
    found = explain(ada.glass(), "fb/ada")
    assert (found.state, found.usable) == ("expired", False)
    assert found.why_not == "`expired` is final"
    assert found.on_touch[0].startswith("expire: extended -> expired, dated ")
    assert found.person is not None
    assert "engine.acquire('fb/ada', lifecycle='facebook-user', platform='server')" in found.person
    assert ada.store.load("default", "fb/ada") == before


def test_a_child_leads_to_its_parent() -> None:
    """A page token that is over is derived again, nobody logs in for it."""
    with world([("log_in", "fb/ada"), ("derive", "ada"), ("pass", 2 * HOUR)]) as found:
        person = explain(found.glass(), "page/7001/ada").person
        assert person == "it came from fb/ada: derive it again from there"


def test_an_attempt_that_failed_is_told_with_its_answer(ada: World) -> None:
    """By which command, what the issuer answered, and when it is tried again."""
    ada.issuer.mode = "out"
    ada.do(("extend", "fb/ada"))
    found = explain(ada.glass(), "fb/ada")
    assert found.attempt is not None
    assert "extend failed (transient, try 1) and is tried again in" in found.attempt
    assert "extend failed (try 1, transient)" in found.history[-1].words
    assert "503" in found.history[-1].words


def test_a_key_that_is_not_there_is_said_so(ada: World) -> None:
    """It is TokenNotFound, as everywhere, and names a key that is nearly so."""
    with pytest.raises(TokenNotFound, match="did you mean 'fb/ada'"):
        explain(ada.glass(), "fb/aad")
    with pytest.raises(TokenNotFound):
        explain(ada.glass(), "nobody")


@pytest.mark.parametrize("shape", ["text", "json"])
def test_a_token_of_a_store_is_explained_without_its_key(
    tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    """The key file is gone, the values stay sealed, and all else is told; even of a key named like a spec."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    url = f"sqlite:{tmp_path / 'tokens.db'}"
    with world([]) as issuing:
        transport = ScriptedTransport(issuing.issuer)
    with Engine.open(
        SPECS,
        url,
        transport=lambda: transport,
        client_ids={"facebook": APP, "sandbox-oauth2": CLIENT},
        secrets={"env:FB_APP_SECRET": Secret("s"), "env:OAUTH2_CLIENT_SECRET": Secret("s")},
        redirect_uri="https://app.example/back",
        clock=issuing.clock,
    ) as engine:
        payload = {"code": "ada", "redirect_uri": "https://app.example/back"}
        engine.acquire("facebook-user", lifecycle="facebook-user", platform="server", payload=payload)
        assert engine.token("facebook-user").secret.reveal().startswith(CANARY)
    for path in (tmp_path / "data").rglob("*.key"):
        path.unlink()
    said = tokenflow("explain", "facebook-user", "--store", url, "--format", shape)
    assert said.code == 0
    assert CANARY not in said.out + said.err
    if shape == "text":
        assert said.out.startswith("facebook-user is a user token of facebook, following facebook-user@1.0.0")
        assert "what ends it next" in said.out
    else:
        assert said.object["token"]["key"] == "facebook-user"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (("explain", "TF999"), 2),
        (("explain", "TF118", "--resolved"), 2),
        (("explain", "x", "--store", "sqlite:x.db", "--resolved"), 2),
        (("explain", "no-such-spec"), 1),
        (("explain", "x", "--store", "sqlite:none.db"), 4),
    ],
    ids=lambda one: str(one),
)
def test_what_cannot_be_explained_is_said_so(
    tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...], code: int
) -> None:
    """With the exit code of its kind and nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    said = tokenflow(*wrong)
    assert (said.code, said.out) == (code, "")
