"""Rule M2: what changed between two versions, what it asks of the number, and whom it would strand."""

import copy
import re
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tokenflow.core.errors import SpecError
from tokenflow.core.versions import Range, Version
from tokenflow.spec import Document, check, digest_of, load, render, schema
from tokenflow.spec.changes import Changes, changes, grown
from tokenflow.spec.codes import CODES
from tokenflow.spec.kept import kept
from tokenflow.spec.reading import read
from tokenflow.spec.schema import violations
from tokenflow.spec.tree import Path as Path_
from tokenflow.spec.typed import retyped
from tokenflow.spec.weighing import BUMPS

BASE: Final = """apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: shop, version: 1.0.0}
token:
  kind: user
  identity: [sub]
  custody: {may_live: [server], transport: https}
  attributes: {sub: {type: string, required: true}}
lifetimes: {short: {typical: 1h}}
secrets: {client_secret: {from: "env:SHOP", custody: server}}
acquire:
  server: {use: server.code, runs_on: server, lifetime: short}
  web: {use: web.redirect, runs_on: server, lifetime: short, secrets: [client_secret]}
commands: {refresh: {use: oauth2.refresh, runs_on: server, produces: short}}
events: {acquired: {}, extend: {}, expire: {}, note: {}, invalidate: {}}
initial: requested
states:
  requested: {transitions: {acquired: {to: issued}}, timers: {abandon: {at: entered + 1d, raise: expire}}}
  issued:
    description: In use.
    usable: true
    lifetime: short
    transitions: {extend: {do: refresh, to: issued}, expire: {to: waiting}, note: {then: [{notify: x}]}}
    timers:
      renew: {at: expires - 20%, every: 5m, raise: extend}
      expire: {at: expires, raise: expire, hard: true}
  waiting: {transitions: {extend: {do: refresh, to: issued}, expire: {to: expired}}}
  expired: {final: true, absorbs: [expire, invalidate]}
  invalidated: {final: true, absorbs: [invalidate]}
everywhere: {invalidate: {to: invalidated}}
"""

CASES: Final = [
    # major
    ("  waiting: {", "  parked: {", "major", "state `waiting` is gone"),
    ("    usable: true\n", "", "major", "state `issued` is usable no more"),
    ("  waiting: {", "  waiting: {usable: true, ", "major", "state `waiting` became usable"),
    (", note: {then: [{notify: x}]}", "", "major", "`note` is no longer accepted in `issued`"),
    (
        "absorbs: [expire, invalidate]",
        "absorbs: [invalidate]",
        "major",
        "`expire` is no longer accepted in `expired`",
    ),
    (
        "everywhere: {invalidate: {to: invalidated}}",
        "everywhere: {}",
        "major",
        "`invalidate` is no longer accepted in `requested`, `issued`, `waiting`",
    ),
    ("identity: [sub]", "identity: []", "major", "identity changed from [sub] to []"),
    ("may_live: [server]", "may_live: [server, client]", "major", "tokens may now also live on the client"),
    ("may_live: [server]", "may_live: [client]", "major", "tokens may no longer live on the server"),
    ("transport: https", "transport: none", "major", "tokens may no longer be moved"),
    ("kind: user\n", "kind: user\n  sensitivity: public\n", "major", "tokens became public"),
    ("kind: user\n", "kind: page\n", "major", "kind changed from user to page"),
    (
        "required: true}}",
        "required: true}, org: {type: string, required: true}}",
        "major",
        "attribute `org` is new and required",
    ),
    ("custody: server}", "custody: client}", "major", "secret `client_secret` may now leave the server"),
    (
        "  web: {use: web.redirect, runs_on: server, lifetime: short, secrets: [client_secret]}\n",
        "",
        "major",
        "platform `web` is gone",
    ),
    # minor
    ("  expired: {", "  frozen: {final: true}\n  expired: {", "minor", "state `frozen` is new"),
    ("expire: {to: waiting}", "expire: {to: expired}", "minor", "`expire` in `issued` changed (to)"),
    (
        "{do: refresh, to: issued}, expire: {to: waiting}",
        "{do: refresh, to: issued, when: [{token.sub: x}]}, expire: {to: waiting}",
        "minor",
        "`extend` in `issued` changed (when)",
    ),
    (
        "  waiting: {transitions: {",
        "  waiting: {transitions: {note: {to: issued}, ",
        "minor",
        "`note` is now accepted in `waiting`",
    ),
    ("expires - 20%", "expires - 30%", "minor", "timer `renew` of `issued` changed (at)"),
    (
        "    timers:\n      renew",
        "    timers:\n      late: {at: entered + 1h, raise: note}\n      renew",
        "minor",
        "timer `late` of `issued` is new",
    ),
    ("typical: 1h", "typical: 2h", "minor", "lifetime `short` changed (typical)"),
    (
        "required: true}}",
        "required: true}, org: {type: string, required: true, default: none}}",
        "minor",
        "attribute `org` is new",
    ),
    (
        "  server: {use",
        "  android: {use: android.sdk, runs_on: server, lifetime: short}\n  server: {use",
        "minor",
        "platform `android` is new",
    ),
    ("produces: short}", "produces: short, timeout: 5s}", "minor", "command `refresh` changed (timeout)"),
    ("initial: requested", "initial: waiting", "minor", "tokens begin in another state"),
    # patch
    ("description: In use.", "description: In daily use.", "patch", "only words changed"),
]


@pytest.fixture
def old(tmp_path: Path) -> Document:
    """The version that tokens live by."""
    return document(tmp_path, "old.yaml", BASE)


def document(folder: Path, name: str, text: str) -> Document:
    """Read a spec as it is written: what is compared need not be free of other mistakes."""
    reading = read(text.encode(), str(folder / name))
    assert reading.root is not None, reading.problems
    root = retyped(schema("Lifecycle"), reading.root)
    data = root.data()
    return Document(
        kind=data["kind"],
        name=data["metadata"]["name"],
        version=data["metadata"]["version"],
        data=data,
        digest=digest_of(data),
        path=str(folder / name),
        root=root,
    )


def changed(folder: Path, old: Document, *edits: tuple[str, str], version: str = "2.0.0") -> Changes:
    """Compare with what *edits* and a new version make of the base."""
    text = BASE.replace("version: 1.0.0", f"version: {version}")
    for before, after in edits:
        assert before in text, before
        text = text.replace(before, after, 1)
    return changes(old, document(folder, "new.yaml", text))


def codes(found: Changes) -> list[str]:
    return [one.code for one in found.problems]


@pytest.mark.parametrize(("before", "after", "bump", "what"), CASES, ids=[case[3] for case in CASES])
def test_a_change_is_of_its_class(
    old: Document, tmp_path: Path, before: str, after: str, bump: str, what: str
) -> None:
    """Rule M2: each kind of change asks for its bump, and says what it is and where."""
    found = changed(tmp_path, old, (before, after))
    (one,) = [each for each in found.differences if each.what == what]

    assert (bump, bump) == (one.bump, found.required)
    assert one.why
    assert {Path(one.old.file).name, Path(one.new.file).name} == {"old.yaml", "new.yaml"}


@pytest.mark.parametrize(("before", "after", "bump", "what"), CASES, ids=[case[3] for case in CASES])
def test_a_bump_smaller_than_the_change_is_dishonest(
    old: Document, tmp_path: Path, before: str, after: str, bump: str, what: str
) -> None:
    """The least honest version is accepted, the one below it is TF501."""
    honest = {"major": "2.0.0", "minor": "1.1.0", "patch": "1.0.1"}
    smaller = {"major": "1.9.0", "minor": "1.0.9"}

    assert "TF501" not in codes(changed(tmp_path, old, (before, after), version=honest[bump]))
    if bump in smaller:
        assert "TF501" in codes(changed(tmp_path, old, (before, after), version=smaller[bump]))


def test_the_place_of_a_change_is_the_key_in_both_files(old: Document, tmp_path: Path) -> None:
    """File, line and column of the timer that changed, in the old file and in the new."""
    (one,) = changed(
        tmp_path, old, ("expires - 20%", "expires - 30%"), ("  kind: user\n", "\n  kind: user\n")
    ).differences

    assert [(Path(each.file).name, each.line, each.col) for each in (one.old, one.new)] == [
        ("old.yaml", 25, 7),
        ("new.yaml", 26, 7),
    ]


def test_changed_content_under_the_same_version_is_named(old: Document, tmp_path: Path) -> None:
    """TF503 at the version, with the least version that would do; not TF501 beside it."""
    found = changed(tmp_path, old, ("expires - 20%", "expires - 30%"), version="1.0.0")

    assert codes(found) == ["TF503"]
    assert not found.honest
    assert re.search(r"new\.yaml:3:\d+: error \[TF503\]", render(found.problems[0]))
    assert found.problems[0].help == "make it 1.1.0"


def test_a_vanished_state_needs_a_mapping_that_takes_the_old_version(old: Document, tmp_path: Path) -> None:
    """TF502 without one, and with one for other versions or other states; none for a final state."""
    rename = [("  waiting: {", "  parked: {"), ("to: waiting", "to: parked")]

    def told(entry: str) -> list[str]:
        return codes(changed(tmp_path, old, *rename, ("everywhere:", f"{entry}\neverywhere:")))

    assert told("") == ["TF502"]
    assert told('migrate: [{from: "<1.0.0", states: {waiting: parked}}]') == ["TF502"]
    assert told('migrate: [{from: "<2.0.0"}]') == ["TF502"]
    assert told('migrate: [{from: "<2.0.0", states: {waiting: parked}}]') == []
    final = changed(tmp_path, old, ("  expired: {", "  over: {"), ("to: expired", "to: over"))
    assert codes(final) == [], "no live token is in a final state"


def test_whether_live_tokens_come_over_is_said(old: Document, tmp_path: Path) -> None:
    """Only a `migrate` entry that takes the old version brings them."""
    entry = 'migrate: [{from: ">=1 <2"}]\neverywhere:'

    assert not changed(tmp_path, old).takes_over
    assert changed(tmp_path, old, ("everywhere:", entry)).takes_over


def test_what_nobody_lives_by_asks_for_nothing(old: Document, tmp_path: Path) -> None:
    """Another title, and the same mapping in another order, are no change."""
    text = BASE.replace("version: 1.0.0}", "version: 1.0.0, title: A shop}").replace(
        "acquired: {}, extend: {}", "extend: {}, acquired: {}"
    )
    found = changes(old, document(tmp_path, "new.yaml", text))

    assert (found.required, found.differences, found.problems, found.honest) == (None, (), (), True)


def test_what_cannot_be_compared_is_said(old: Document) -> None:
    """Another lifecycle, or another kind of document, is no version of it."""
    with pytest.raises(SpecError, match="no version of `shop`"):
        changes(old, load("facebook-user"))
    with pytest.raises(SpecError, match="of kind Issuer"):
        changes(old, load("facebook"))


@pytest.mark.parametrize("name", ["facebook-user", "oauth2-rotating", "facebook-page", "bearer"])
def test_a_kept_spec_is_the_one_it_was_resolved_from(name: str) -> None:
    """What a store keeps compares equal to its file, and its places name the store."""
    whole = load(name)
    stored = kept(whole.data, digest=whole.digest, label="sqlite:x#y")

    assert changes(whole, stored).differences == ()
    assert str(stored.span("states")) == "sqlite:x#y"


RANGES: Final = schema("Lifecycle")["$defs"]["versions"]["pattern"]


@given(st.one_of(st.from_regex(RANGES, fullmatch=True), st.text("<>=.0129- x", max_size=12)))
def test_the_schema_takes_what_is_a_range(text: str) -> None:
    """What the schema lets through can be read when a token comes over, and what it refuses cannot."""
    assert (re.fullmatch(RANGES, text) is not None) == _is_range(text)


def _is_range(text: str) -> bool:
    try:
        Range.parse(text)
    except ValueError:
        return False
    return " ".join(text.split()) == text


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("{from: latest}", "TF015"),
        ('{from: "<2.0.0", states: {waiting: nowhere}}', "TF101"),
        ('{from: "<2.0.0", states: {waiting: issued}}', None),
    ],
)
def test_a_migrate_entry_that_leads_nowhere_is_a_mistake(
    entry: str, code: str | None, tmp_path: Path
) -> None:
    """What it takes is a range of versions, and where it leads is a state."""
    text = "apiVersion: tokenflow/v1\nkind: Lifecycle\nextends: builtin:facebook-user\n"
    path = tmp_path / "mine.yaml"
    path.write_text(f"{text}metadata: {{name: mine, version: 2.0.0}}\nmigrate: [{entry}]\n")

    found = [one.code for one in check(path) if one.severity == "error"]
    assert found == ([] if code is None else [code])


LIFECYCLES: Final = {name: load(name) for name in ("facebook-user", "facebook-page", "oauth2-rotating")}


def _places(value: Any, path: Path_ = ()) -> list[Path_]:
    """Return every place below the root."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inner for found in [(*path, key), *_places(one, (*path, key))]]


@given(st.data())
@settings(max_examples=60)
def test_every_change_that_has_the_shape_is_told(data: st.DataObject) -> None:
    """Drop a key or swap two values of a shipped spec: told when the content is another, and only then."""
    old = LIFECYCLES[data.draw(st.sampled_from(sorted(LIFECYCLES)))]
    body = copy.deepcopy(old.data)
    places = _places(body)
    path = data.draw(st.sampled_from(places))
    above: Any = body
    for key in path[:-1]:
        above = above[key]
    if data.draw(st.booleans()):
        del above[path[-1]]
    else:
        other: Any = old.data
        for key in data.draw(st.sampled_from(places)):
            other = other[key]
        above[path[-1]] = copy.deepcopy(other)
    assume({"token", "initial", "events", "states"} <= body.keys())
    assume(not list(violations(schema("Lifecycle"), body)) and body["metadata"]["name"] == old.name)
    new = kept(body, digest=digest_of(body), label="new")

    found = changes(old, new)
    assert (found.required is not None) == bool(found.differences) == (old.digest != new.digest)
    assert all(one.what and one.why and one.bump in BUMPS for one in found.differences)
    if old.digest != new.digest and old.version == new.version:
        assert "TF503" in codes(found)


numbers = st.integers(0, 3)
versions = st.builds(Version, numbers, numbers, numbers)


@given(versions, versions)
def test_a_version_grows_by_its_leftmost_number_that_does(old: Version, new: Version) -> None:
    """Never backwards, and before 1.0.0 one step stands for the next greater one."""
    found = grown(old, new)

    assert (found is None) == (new <= old)
    if found is not None and old.major > 0:
        assert found == ("major" if new.major > old.major else "minor" if new.minor > old.minor else "patch")
    if found is not None and new.major == 0:
        assert found == ("major" if new.minor > old.minor else "minor")


@pytest.mark.parametrize("code", ["TF501", "TF502", "TF503"])
def test_the_examples_of_each_code_are_true(code: str, tmp_path: Path) -> None:
    """What the reference shows as wrong is found wrong, and its mend is right."""

    def told(body: str) -> list[str]:
        text = f"apiVersion: tokenflow/v1\nkind: Lifecycle\nextends: builtin:facebook-user\n{body}\n"
        (tmp_path / "new.yaml").write_text(text)
        return codes(changes(load("facebook-user"), load(tmp_path / "new.yaml")))

    entry: Any = CODES[code]
    assert code in told(entry.bad)
    assert told(entry.good) == []
