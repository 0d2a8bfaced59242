"""What a person sees in an editor: the same mistakes, what each key means, and what may come next."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.editor.conftest import NODE
from tests.acceptance.editor.server import Complaint, Place, Server
from tests.acceptance.installing import hosts_in
from tests.house import ROOT
from tokenflow.spec import Diagnostic, check
from tokenflow.spec.reading import read
from tokenflow.spec.schema import KINDS
from tokenflow.spec.tree import Node

pytestmark = pytest.mark.xdist_group("editor")  # one server, and each spec opened once

SHIPPED: Final = sorted((ROOT / "specs").glob("*/*.yaml"))
BROKEN: Final = sorted((ROOT / "tests" / "spec" / "broken").glob("*.yaml"))
SCHEMAS: Final = ROOT / "docs" / "schemas"

#: What a schema alone can see; the rest needs more than the file, or more than its shape.
OF_SHAPE: Final = ("TF011", "TF012", "TF013", "TF014", "TF015")

#: Keys under which a plugin or an application has its own words.
FREE: Final = ("with", "body", "answer", "labels", "payload")

#: It is said of a step as a whole; `validate` points at the act too many.
TWO_ACTS: Final = "Matches multiple schemas when only one must validate."

Named = tuple[str, ...]
NUMBERS: Final = itertools.count(1)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def keys(node: Node, above: Named = ()) -> Iterator[tuple[Named, Place]]:
    """Yield each key that the language defines, by its path, and where it is written."""
    for name, child in (node.items or {}).items():
        assert child.key is not None
        yield (*above, name), Place(child.key.line, child.key.col)
        if name not in FREE and not name.startswith("guard."):  # its argument is the plugin's
            yield from keys(child, (*above, name))
    for element in node.elements or ():
        yield from keys(element, above)


@pytest.fixture(scope="session")
def opened(server: Server) -> dict[Path, list[Complaint]]:
    """Open every shipped spec; return what the server says of each."""
    return server.open_all({spec: spec.read_text("utf-8") for spec in SHIPPED})


@pytest.mark.parametrize("spec", SHIPPED, ids=name_of)
def test_a_shipped_spec_opens_without_a_complaint(opened: dict[Path, list[Complaint]], spec: Path) -> None:
    """The schema that its first line names finds nothing wrong with it."""
    assert opened[spec] == []


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("spec", SHIPPED, ids=name_of)
def test_every_key_of_a_shipped_spec_says_what_it_means(server: Server, spec: Path) -> None:
    """The pointer on a key of the language shows a sentence."""
    root = read(spec.read_bytes(), spec.name).root
    assert root is not None

    silent = [path for path, place in keys(root) if not server.hover(spec, place).strip()]

    assert silent == []


def unsaved() -> Path:
    """Return the name of a file that was never opened."""
    return ROOT / f"not-saved-{next(NUMBERS)}.yaml"


def written(server: Server, kind: str, text: str) -> tuple[Path, Place]:
    """Open *text* with the published schema of *kind*; return its file and the place of the bar in it."""
    head = f"# yaml-language-server: $schema={(SCHEMAS / f'{kind}.schema.json').as_uri()}\n"
    lines = (head + text).split("\n")
    line = next(number for number, one in enumerate(lines) if "|" in one)
    place = Place(line + 1, lines[line].index("|") + 1)
    file = unsaved()
    server.open(file, "\n".join(lines).replace("|", ""))
    return file, place


@pytest.mark.parametrize(
    ("kind", "text", "offered"),
    [
        ("lifecycle", "kind: |", {"Lifecycle"}),
        ("lifecycle", "stat|", {"states"}),
        ("lifecycle", "token:\n  |", {"kind", "identity", "attributes", "custody", "sensitivity"}),
        ("lifecycle", "acquire:\n  web:\n    |", {"use", "runs_on", "lifetime", "secrets", "consent"}),
        ("lifecycle", "acquire:\n  web:\n    runs_on: |", {"client", "server"}),
        ("lifecycle", "states:\n  issued:\n    |", {"usable", "final", "timers", "transitions"}),
        ("lifecycle", "states:\n  issued:\n    timers:\n      renew:\n        |", {"at", "raise", "every"}),
        ("lifecycle", "lifetimes:\n  short:\n    if_silent: |", {"assume_typical", "ask_issuer"}),
        ("issuer", "rotation:\n  contract: |", {"none", "grace", "idempotent", "strict"}),
        ("issuer", "errors:\n  - match: {http: 500}\n    class: |", {"transient", "rate_limited", "revoked"}),
        ("tokens", "tokens:\n  reports:\n    |", {"lifecycle", "acquire", "scope"}),
        ("scenario", "steps:\n  - |", {"acquire", "use", "person", "issuer", "advance", "expect"}),
    ],
)
def test_what_may_come_next_is_offered(server: Server, kind: str, text: str, offered: set[str]) -> None:
    """At a key its siblings are offered, each with its meaning; at a value, the values there are."""
    found = server.complete(*written(server, kind, text))

    assert offered <= set(found)
    if "|" in text.replace(": |", ""):
        assert all(found[label] for label in offered)


def kind_of(spec: Path) -> str:
    """Return the kind that *spec* says it is, in small letters; a lifecycle where it says none there is."""
    kind = next(
        (line.split()[1].lower() for line in spec.read_text().splitlines() if line.startswith("kind: ")), ""
    )
    return kind if kind.capitalize() in KINDS else "lifecycle"


def told(spec: Path) -> list[Diagnostic]:
    return [one for one in check(spec) if one.span.file == str(spec)]


@pytest.fixture(scope="session")
def shown(server: Server) -> dict[Path, list[Complaint]]:
    """Open every broken spec; return what the server says of each, at the lines of the file."""
    names = {spec: unsaved() for spec in READABLE}
    found = server.open_all({name: headed(spec) for spec, name in names.items()})
    return {
        spec: [Complaint(Place(one.place.line - 1, one.place.col), one.message) for one in found[name]]
        for spec, name in names.items()
    }


def headed(spec: Path) -> str:
    """Return the text of *spec* under a line that names its published schema."""
    schema = SCHEMAS / f"{kind_of(spec)}.schema.json"
    return f"# yaml-language-server: $schema={schema.as_uri()}\n" + spec.read_text("utf-8")


def of_shape(spec: Path) -> set[Place]:
    """Return the places of mistakes of shape, but those a language server has its own view of.

    Of several of one sort in a line it shows the first.
    """
    found = {
        (one.span.line, one.code): Place(one.span.line, one.span.col)
        for one in reversed(told(spec))
        if one.code in OF_SHAPE and not _of_the_whole(one) and not _bare(one)
    }
    return set(found.values())


def _of_the_whole(one: Diagnostic) -> bool:
    """What the server says of a step, a list or a moment as a whole, if at all, and `validate` of a part."""
    return any(
        what in one.message for what in ("does one thing", "is listed twice", "` is not a duration")
    ) and not one.message.endswith("PT1H30M")


def _bare(one: Diagnostic) -> bool:
    """A key without a value in a {flow mapping}: the server does not take it for a key."""
    return one.code == "TF011" and one.span.text[one.span.end_col - 1 :].lstrip()[:1] in (",", "}")


READABLE: Final = [spec for spec in BROKEN if not {"TF001", "TF010"} & {one.code for one in told(spec)}]


@pytest.mark.parametrize("spec", READABLE, ids=lambda spec: spec.stem)
def test_a_mistake_of_shape_is_shown_where_validate_shows_it(
    shown: dict[Path, list[Complaint]], spec: Path
) -> None:
    """Every mistake that a schema can see is underlined at the line and column that `validate` names."""
    assert of_shape(spec) <= {one.place for one in shown[spec]}


@pytest.mark.parametrize("spec", READABLE, ids=lambda spec: spec.stem)
def test_the_editor_complains_of_nothing_that_validate_lets_pass(
    shown: dict[Path, list[Complaint]], spec: Path
) -> None:
    """Where the server underlines, `validate` has something to say on that line."""
    lines = {one.span.line for one in told(spec)}
    complaints = [one for one in shown[spec] if one.message != TWO_ACTS]

    assert [one for one in complaints if one.place.line not in lines] == []


def test_the_corpus_has_enough_to_compare() -> None:
    """The comparison is of many places, not of none."""
    assert sum(len(of_shape(spec)) for spec in READABLE) >= 20


def test_the_lock_names_no_host() -> None:
    """What is installed comes by name and hash, from whichever registry the machine uses."""
    assert hosts_in(NODE / "package-lock.json") == []
