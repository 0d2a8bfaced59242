"""`tokenflow graph`: three languages, the way of a token in each, and a file where one is wanted."""

from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import attrs
import pytest

from tests.cli.conftest import Call
from tokenflow import Engine, Secret, Write
from tokenflow.engine.places import look_into
from tokenflow.spec import load, shipped

CLIENT: Final = "facebook-client"
SPACE: Final = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store where one token was acquired and then invalidated."""
    url = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    lent = {"env:FB_CLIENT_TOKEN": Secret("canary"), "env:FB_APP_ID": Secret("1")}
    with Engine.open(
        [CLIENT], url, secrets=lent, client_ids={"facebook": "1"}, redirect_uri="https://x.example/cb"
    ) as engine:
        engine.acquire("embedded", lifecycle=CLIENT, platform="dashboard")
        engine.invalidate("embedded")
    return url


@pytest.mark.parametrize("name", shipped("Lifecycle"))
def test_every_shipped_lifecycle_is_drawn_as_svg(tokenflow: Call, name: str) -> None:
    """One well-formed document with every state's name in it."""
    said = tokenflow("graph", name, "--as", "svg")
    words = {text.text for text in ElementTree.fromstring(said.out).iter(f"{SPACE}text")}
    assert said.code == 0
    assert set(load(name).data["states"]) <= words


@pytest.mark.parametrize(
    ("language", "here"),
    [
        ("mermaid", "class invalidated here"),
        ("dot", '"invalidated" [label="invalidated", peripheries=2, fillcolor="#e6e8eb", penwidth=3'),
        ("svg", 'class="box final here"'),
    ],
)
def test_a_token_is_highlighted(tokenflow: Call, store: str, language: str, here: str) -> None:
    """Where it stands and the way it went, in each language; its store is only read."""
    path = Path(store.partition(":")[2])
    before = path.read_bytes()
    bare = tokenflow("graph", CLIENT, "--as", language)
    said = tokenflow("graph", CLIENT, "--as", language, "--highlight", "embedded", "--store", store)
    assert said.code == 0
    assert here in said.out
    assert here not in bare.out
    assert path.read_bytes() == before


def test_the_way_is_in_the_json(tokenflow: Call, store: str) -> None:
    """requested to issued to invalidated, and nothing else was passed."""
    said = tokenflow("graph", CLIENT, "--highlight", "embedded", "--store", store, "--format", "json")
    picture = said.object["graph"]
    assert {(arrow["source"], arrow["target"]) for arrow in picture["arrows"] if arrow["passed"]} == {
        ("requested", "issued"),
        ("issued", "invalidated"),
    }
    assert [box["name"] for box in picture["boxes"] if box["here"]] == ["invalidated"]


def test_a_drawing_is_written_to_a_file(tokenflow: Call, tmp_path: Path) -> None:
    """What would have been printed, and nothing on stdout."""
    path = tmp_path / "user.svg"
    printed = tokenflow("graph", "facebook-user", "--as", "svg")
    said = tokenflow("graph", "facebook-user", "--as", "svg", "--out", path)
    assert (said.code, said.out) == (0, "")
    assert path.read_text(encoding="utf-8") == printed.out


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (("--highlight", "embedded"), 2),
        (("--store", "sqlite:x.db"), 2),
        (("--highlight", "nobody", "--store", "STORE"), 1),
        (("--highlight", "embedded", "--store", "sqlite:none.db"), 4),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else str(one),
)
def test_what_cannot_be_highlighted_is_said(
    tokenflow: Call, store: str, wrong: tuple[str, ...], code: int
) -> None:
    """With the exit code of its kind."""
    said = tokenflow("graph", CLIENT, *(store if one == "STORE" else one for one in wrong))
    assert (said.code, said.out) == (code, "")


def test_a_state_of_another_lifecycle_is_said(tokenflow: Call, store: str) -> None:
    """A token is not drawn into a picture that lacks its state."""
    with look_into(store) as opened:
        row = opened.load("default", "embedded")
        assert row is not None
        moved = attrs.evolve(row, state="extended", revision=row.revision + 1)
        opened.save([Write(row=moved, expected=row.revision)], mark=0)
    said = tokenflow("graph", CLIENT, "--highlight", "embedded", "--store", store)
    assert (said.code, said.out) == (1, "")
    assert "embedded is `extended`, which facebook-client@1.0.0 does not have" in said.err


def test_a_token_of_another_lifecycle_is_not_drawn_into_this_one(tokenflow: Call, store: str) -> None:
    """Even where both have a state of that name; the one it follows is named."""
    said = tokenflow("graph", "facebook-user", "--highlight", "embedded", "--store", store)
    assert (said.code, said.out) == (1, "")
    assert "embedded follows facebook-client@1.0.0, not facebook-user@1.0.0" in said.err
