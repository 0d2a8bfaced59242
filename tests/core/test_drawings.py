"""Drawings show every row of the table, parse whatever a guard says, and put nothing on top of anything."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.lifecycles import START, lifecycle_of, token_of, user
from tokenflow.core.drawings import Arrow, Box, Picture, Trail, dot, mermaid, picture_of, svg, trail_of
from tokenflow.core.drawings import layout as layouts
from tokenflow.core.drawings.layout import Layout, Link, arrange
from tokenflow.core.events import About, Acquired, Happened, Transitioned
from tokenflow.core.steps import step

STATES: Final = ("end", "state", "a", "issued", "note", "a_much_longer_name_of_a_state")
ODD: Final = 'says: ";" #1; <b>&{x}[y] --> "z"\\'

texts = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=30)
boxes = st.lists(st.sampled_from(STATES), min_size=1, unique=True)


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """Draw a picture with any rows between its states, and any text in its guards."""
    names = draw(boxes)
    name = st.sampled_from(names)
    kinds = st.sampled_from(["usable", "waiting", "final"])
    arrows = []
    for source, target in draw(st.lists(st.tuples(name, name), max_size=14)):
        guards = draw(st.lists(texts.filter(str.strip), max_size=2))
        arrows.append(
            Arrow(
                source=source,
                target=target,
                event=draw(st.sampled_from(["acquired", "extend", "end"])),
                command=draw(st.sampled_from([None, "extend"])),
                timers=tuple(draw(st.lists(st.sampled_from(["at expires - 30%, every 5m"]), max_size=1))),
                guards=tuple(guards),
                stays=source == target,
                passed=draw(st.booleans()),
            )
        )
    return Picture(
        title=draw(texts),
        initial=names[0],
        boxes=tuple(Box(name=one, kind=draw(kinds)) for one in names),
        arrows=tuple(arrows),
    )


@given(pictures())
def test_mermaid_has_a_line_for_each_row_and_no_character_it_would_trip_over(picture: Picture) -> None:
    """Ids are no words of the language, labels hold safe characters and entities that say the label."""
    lines = mermaid(picture).splitlines()
    assert yaml.safe_load("\n".join(lines[1:2]))["title"] == picture.title
    rows = [found for line in lines if (found := re.fullmatch(r"  (\w+) --> (\w+): (.*)", line))]
    assert [arrow.label for arrow in picture.arrows] == [
        re.sub(r"#(\d+);", lambda code: chr(int(code[1])), row[3].removeprefix("✓ ")) for row in rows
    ]
    for row in rows:
        assert {row[1], row[2]}.isdisjoint({"end", "state", "note"})
        assert not re.search(r"[:\"<>{}\\]", row[3])
        assert re.sub(r"#\d+;", "", row[3]).count(";") == 0


@given(pictures())
def test_dot_has_a_statement_for_each_row_with_its_label_quoted(picture: Picture) -> None:
    """Every quoted text ends where it should, and says what it said."""
    quoted = r'"((?:[^"\\]|\\.)*)"'
    found = re.findall(rf"^  {quoted} -> {quoted} \[label={quoted}", dot(picture), re.MULTILINE)
    assert [(arrow.source, arrow.target, arrow.label) for arrow in picture.arrows] == [
        (source, target, re.sub(r"\\(.)", r"\1", label)) for source, target, label in found
    ]


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_the_svg_is_well_formed_and_says_everything(picture: Picture) -> None:
    """It parses as XML, is named and described for screen readers, and holds every state and word."""
    root = ElementTree.fromstring(svg(picture))
    space = "{http://www.w3.org/2000/svg}"
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "title summary")
    assert picture.title == (root.findtext(f"{space}title") or "")
    assert picture.summary == root.findtext(f"{space}desc")
    words = " ".join(text.text or "" for text in root.iter(f"{space}text")).split()
    for box in picture.boxes:
        assert box.name in words
    for arrow in picture.arrows:
        assert {word for line in arrow.lines for word in line.split() if len(word) < 20} <= set(words)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, tuple[float, float]], list[Link]]:
    """Draw boxes and labelled lines of many sizes, with circles and several lines between two boxes."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 9)))]
    sides, name = st.sampled_from([20.0, 60.0, 200.0]), st.sampled_from(names)
    ends = draw(st.lists(st.tuples(name, name).filter(lambda two: two[0] != two[1]), max_size=18))
    links = [Link(source=a, target=b, width=draw(sides), height=draw(sides)) for a, b in ends]
    return {one: (draw(sides), draw(sides)) for one in names}, links


Rectangle = tuple[float, float, float, float]


def rectangles(found: Layout, links: Sequence[Link]) -> list[Rectangle]:
    """Return (left, top, right, bottom) of every box and every label."""
    taken = [
        (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        for (x, y), width, height in found.boxes.values()
    ]
    for route, link in zip(found.routes, links, strict=True):
        x, y = route.label
        taken.append((x - link.width / 2, y - link.height, x + link.width / 2, y - 1))
    return taken


def overlap(one: Rectangle, other: Rectangle) -> bool:
    edge = 0.01
    return (
        one[0] + edge < other[2]
        and other[0] + edge < one[2]
        and one[1] + edge < other[3]
        and other[1] + edge < one[3]
    )


def faults(boxes: dict[str, tuple[float, float]], links: list[Link]) -> list[str]:
    """Return what is on top of what."""
    found = arrange(boxes, links, "s0")
    taken = rectangles(found, links)
    wrong = [f"{a} on {b}" for n, a in enumerate(taken) for b in taken[n + 1 :] if overlap(a, b)]
    for route in found.routes:
        for number, ((x, y), (right, low)) in enumerate(pairwise(route.points)):
            left, right = min(x, right), max(x, right)
            if number % 2 == 0:
                assert y == low, "level in a column"
                strip = (left, y - 0.1, right, y + 0.1)
            else:
                strip = (left, float("-inf"), right, float("inf"))
            wrong += [f"a line through {one}" for one in taken if overlap(strip, one)]
    return wrong


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_nothing_lies_on_anything(graph: tuple[dict[str, tuple[float, float]], list[Link]]) -> None:
    """No two boxes or labels overlap, and no line crosses a box or a label, in any graph."""
    boxes, links = graph
    assert faults(boxes, links) == []
    found = arrange(boxes, links, "s0")
    for route, link in zip(found.routes, links, strict=True):
        for name, point in ((link.source, route.points[0]), (link.target, route.points[-1])):
            (x, y), width, height = found.boxes[name]
            assert abs(abs(point[0] - x) - width / 2) < 0.01
            assert y - height / 2 < point[1] < y + height / 2


def test_a_layout_that_keeps_no_gaps_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same judgement sees the fault when everything may go where it wishes."""

    def anywhere(column: Sequence[layouts._Spot], wishes: Sequence[float]) -> None:
        for spot, wish in zip(column, wishes, strict=True):
            spot.y = wish

    monkeypatch.setattr(layouts, "_settle", anywhere)
    links = [Link(source="s0", target=name, width=60, height=20) for name in ("s1", "s2")]
    assert faults({"s0": (60, 20), "s1": (60, 20), "s2": (60, 20)}, links) != []


def test_the_same_picture_is_drawn_every_time() -> None:
    """A drawing in a repository changes when its lifecycle does, and only then."""
    assert svg(picture_of(user())) == svg(picture_of(user()))


def test_a_lifecycles_drawing_shows_commands_timers_guards_and_ends() -> None:
    """The user lifecycle's picture holds every row it has, its command and what raises it by time."""
    picture = user().mermaid()
    when = "(at expires - 30%, every 5m)"
    assert f"  issued --> extended: extend {when} / exchange\n" in picture
    assert f"extend {when} / exchange [app.marketing_access = standard]\n" in picture
    assert "  issued --> expired: expire (at expires)\n" in picture
    assert "  [*] --> requested\n" in picture
    assert "  expired --> [*]\n" in picture
    assert "  issued --> [*]\n" not in picture
    assert len(user().chooser.every_row()) == len(re.findall(r"-->.*:", picture))
    assert "peripheries=2" in user().dot()


def test_every_row_is_an_arrow() -> None:
    """What the machine holds and what is drawn are one list, in one order."""
    rows, arrows = user().chooser.every_row(), picture_of(user()).arrows
    assert [(row.event, row.source, row.target or row.source) for row in rows] == [
        (arrow.event, arrow.source, arrow.target) for arrow in arrows
    ]


def test_states_are_shown_as_what_they_are() -> None:
    """Usable, waiting and final; with how long a value lives in it."""
    kinds = {box.name: box.kind for box in picture_of(user()).boxes}
    assert (kinds["requested"], kinds["issued"], kinds["expired"]) == ("waiting", "usable", "final")
    notes = {box.name: box.note for box in picture_of(user()).boxes}
    assert notes["issued"] == "lives 90m"


def test_a_token_is_shown_with_the_way_it_went() -> None:
    """From its history: the states it was in, the arrows it took, and where it stands."""
    lifecycle = user()
    token = token_of(lifecycle, "requested")
    moved = step(lifecycle, token, "refused", now=START, cause="caller")
    about = About.of(token, START)
    came = Acquired(about=about, state="issued", platform="web")
    went = Transitioned(about=about, event="extend", source="issued", state="extended", cause="timer")
    past: tuple[Happened, ...] = (came, went)

    assert trail_of(lifecycle, "refused", moved.happened) == Trail(
        state="refused", passed=frozenset({("requested", "refused")})
    )
    picture = picture_of(lifecycle, trail_of(lifecycle, "extended", past))
    assert {box.name for box in picture.boxes if box.visited} == {"requested", "issued", "extended"}
    assert [box.name for box in picture.boxes if box.here] == ["extended"]
    ways = {(arrow.source, arrow.target) for arrow in picture.arrows if arrow.passed}
    assert ways == {("requested", "issued"), ("issued", "extended")}
    assert 'class="box usable here"' in svg(picture)
    assert "class extended here" in mermaid(picture)
    assert "the token stands in extended" in picture.summary.lower()


def test_a_title_that_is_yaml_is_quoted() -> None:
    """`key: [x` stays a title: unquoted it would be a mapping, or nothing that can be read."""
    picture = Picture(title="key: [x", initial="end", boxes=(Box(name="end", kind="final"),), arrows=())
    head = mermaid(picture).split("---\n")[1]
    assert yaml.safe_load(head) == {"title": "key: [x"}
    assert '  state "end" as end_state\n' in mermaid(picture)


def test_a_guard_may_say_anything() -> None:
    """Quotes, semicolons, entities and tags in a guard's argument end no label."""
    spec = {**user().spec, "states": {**user().spec["states"]}}
    issued = {**spec["states"]["issued"]}
    issued["transitions"] = {"extend": {"to": "extended", "when": [{"token.user_id": ODD}]}}
    spec["states"]["issued"] = issued
    picture = picture_of(lifecycle_of(spec))
    (label,) = (
        arrow.label for arrow in picture.arrows if arrow.event == "extend" and arrow.source == "issued"
    )
    assert ODD in label
    assert ODD not in mermaid(picture)
    assert ODD in "".join(ElementTree.fromstring(svg(picture)).itertext())
