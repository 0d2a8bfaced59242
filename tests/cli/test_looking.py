"""Commands that look and change nothing: validate, graph, token, plugins, schema."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.conftest import Call
from tokenflow import Engine, Secret
from tokenflow.spec import load, shipped

JSONSCHEMA: Any = import_module("jsonschema")
BROKEN: Final = Path(__file__).resolve().parents[1] / "spec" / "broken"
LEAKY: Final = BROKEN / "secrets.yaml"
SECRETS: Final = (
    "hunter2-hunter2",
    "EAACEdEose0cBAnotARealTokenAtAll000",
    "0123456789abcdef0123456789abcdef",
)
CANARY: Final = "canary-of-a-token-0123456789"
CLIENT: Final = "facebook-client"


def test_a_broken_spec_is_shown_at_its_place_with_its_mend(tokenflow: Call) -> None:
    """File, line and column, the line itself, a caret below the word, and help: exit 1."""
    said = tokenflow("validate", BROKEN / "typos.yaml")

    assert (said.code, said.err) == (1, "")
    first, source, caret = said.out.splitlines()[:3]
    assert first.startswith(f"{BROKEN / 'typos.yaml'}:")
    column = int(first.split(":")[2])
    written = source.partition("| ")[2]
    assert caret.partition("| ")[2].index("^") == column - 1
    assert written[column - 1] != " "
    assert "      help: " in said.out
    assert said.out.endswith("1 file, 1 with errors\n")


def test_a_secret_in_a_spec_is_masked_in_every_form(tokenflow: Call) -> None:
    """The place is shown, the secret is not: neither to people nor to programs."""
    for shape in ("text", "json"):
        said = tokenflow("validate", LEAKY, "--format", shape)
        assert said.code == 1
        assert not any(secret in said.out + said.err for secret in SECRETS)


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_json_says_what_the_text_says(tokenflow: Call, path: Path) -> None:
    """One object: code, severity, message, place and help of each diagnostic; the same exit code."""
    text, shape = tokenflow("validate", path), tokenflow("validate", path, "--format", "json")

    assert text.code == shape.code
    found = shape.object["diagnostics"]
    for one in found:
        assert set(one) == {
            "code",
            "severity",
            "message",
            "file",
            "line",
            "column",
            "end_column",
            "help",
            "related",
        }
        assert f"{one['severity']} [{one['code']}] {one['message']}" in text.out
    assert shape.code == int(any(one["severity"] == "error" for one in found))


def test_several_files_are_checked_at_once(tokenflow: Call) -> None:
    """A good one beside two broken ones: all mistakes of both, and the count of files."""
    said = tokenflow("validate", "facebook-user", BROKEN / "typos.yaml", BROKEN / "graph.yaml")

    assert said.code == 1
    assert "typos.yaml:" in said.out
    assert "graph.yaml:" in said.out
    assert said.out.endswith("3 files, 2 with errors\n")


def test_every_shipped_spec_is_fine(tokenflow: Call) -> None:
    """By name, in one call, exit 0."""
    names = [name for kind in ("Lifecycle", "Issuer", "Tokens", "Scenario") for name in shipped(kind)]
    said = tokenflow("validate", *names)

    assert (said.code, said.out) == (0, f"{len(names)} files, all fine\n")


def test_a_file_that_is_not_there_is_a_finding(tokenflow: Call) -> None:
    """It says so, and where shipped specs are found."""
    said = tokenflow("validate", "nowhere.yaml")

    assert (said.code, "there is no such file" in said.out) == (1, True)


@pytest.mark.parametrize("name", shipped("Lifecycle"))
def test_every_shipped_lifecycle_can_be_drawn(tokenflow: Call, name: str) -> None:
    """In both languages, with every state of the spec in it."""
    mermaid, dot = tokenflow("graph", name), tokenflow("graph", name, "--as", "dot")

    assert mermaid.code == dot.code == 0
    assert "stateDiagram-v2" in mermaid.out
    assert dot.out.lstrip().startswith("digraph")
    for state in load(name).data["states"]:
        assert state in mermaid.out
        assert state in dot.out


def test_only_a_lifecycle_can_be_drawn(tokenflow: Call) -> None:
    """A scenario is a finding, in a sentence."""
    said = tokenflow("graph", "whole-life")

    assert (said.code, said.out) == (1, "")
    assert said.err == "error: whole-life is a Scenario; only a Lifecycle has a state machine\n"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with one token in it, whose value is a canary."""
    url = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    lent = {"env:FB_CLIENT_TOKEN": Secret(CANARY), "env:FB_APP_ID": Secret("1234567890")}
    ids = {"facebook": "1234567890"}
    with Engine.open(
        [CLIENT], url, secrets=lent, client_ids=ids, redirect_uri="https://x.example/cb"
    ) as engine:
        engine.acquire("embedded", lifecycle=CLIENT, platform="dashboard")
        assert engine.token("embedded").secret.reveal().endswith(CANARY)
    return url


@pytest.mark.parametrize("shape", ["text", "json"])
@pytest.mark.parametrize("arguments", [("list",), ("show", "embedded")], ids=" ".join)
def test_looking_at_a_token_never_shows_its_value(
    tokenflow: Call, store: str, arguments: tuple[str, ...], shape: str
) -> None:
    """Neither value nor ciphertext; only that one is kept, sealed."""
    said = tokenflow("token", *arguments, "--store", store, "--format", shape)

    assert said.code == 0
    assert "embedded" in said.out
    assert "issued" in said.out
    assert CANARY not in said.out + said.err


def test_a_token_is_told_with_its_history(tokenflow: Call, store: str) -> None:
    """What it is, where it stands, and what happened, oldest first."""
    text = tokenflow("token", "show", "embedded", "--store", store)
    shape = tokenflow("token", "show", "embedded", "--store", store, "--format", "json").object

    assert "acquired by dashboard -> issued, no expiry" in text.out
    assert shape["token"]["value"] == "kept, sealed"
    assert shape["token"]["attributes"]["app_id"] == "1234567890"
    assert next(event["happened"] for event in shape["history"]) == "Acquired"


def test_a_key_that_is_not_there_is_a_finding(tokenflow: Call, store: str) -> None:
    """Exit 1, in a sentence, nothing on stdout."""
    said = tokenflow("token", "show", "nobody", "--store", store)

    assert (said.code, said.out) == (1, "")
    assert "no token is kept under 'nobody'" in said.err


def test_another_tenant_s_tokens_are_not_seen(tokenflow: Call, store: str) -> None:
    """A tenant sees its own keys only."""
    assert (
        tokenflow("token", "list", "--store", store, "--tenant", "other", "--format", "json").object["tokens"]
        == []
    )


def test_a_store_that_is_not_there_is_not_made(tokenflow: Call, tmp_path: Path) -> None:
    """To look is not to make: exit 4, and no file afterwards."""
    said = tokenflow("token", "list", "--store", f"sqlite:{tmp_path / 'none.db'}")

    assert (said.code, said.out) == (4, "")
    assert list(tmp_path.glob("none*")) == []


def test_plugins_are_listed_with_what_they_offer(tokenflow: Call) -> None:
    """The seven guests and the store, as text and as an object."""
    text, shape = tokenflow("plugins", "list"), tokenflow("plugins", "list", "--format", "json").object
    names = [one["name"] for one in shape["plugins"]]

    assert names == sorted(names)
    assert set(names) >= {"android", "facebook", "ios", "javascript", "oauth2", "server", "sqlite", "web"}
    assert all(one["status"] == "active" for one in shape["plugins"])
    assert [line.split()[0] for line in text.out.splitlines() if not line.startswith(" ")] == names
    assert "    store sqlite\n" in text.out


@pytest.mark.parametrize("kind", ["lifecycle", "issuer", "tokens", "scenario"])
def test_a_schema_is_printed_as_json(tokenflow: Call, kind: str) -> None:
    """A JSON Schema for editors, with nothing around it."""
    said = tokenflow("schema", kind)
    schema = json.loads(said.out)

    assert said.code == 0
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert said.err == ""


@pytest.mark.parametrize("kind", ["lifecycle", "issuer", "tokens", "scenario"])
def test_a_schema_is_the_same_in_both_drafts_but_for_its_name(tokenflow: Call, kind: str) -> None:
    """Each says which it is, and a validator of that draft takes it."""
    newer, older = (
        json.loads(tokenflow("schema", kind, "--draft", draft).out) for draft in ("2020-12", "07")
    )

    JSONSCHEMA.Draft202012Validator.check_schema(newer)
    JSONSCHEMA.Draft7Validator.check_schema(older)
    assert older.pop("$schema") == "http://json-schema.org/draft-07/schema#"
    assert newer.pop("$schema") == "https://json-schema.org/draft/2020-12/schema"
    assert older == newer
