"""The picture as text that other programs draw: Mermaid and DOT. One arrow for each row."""

import json
import re
from typing import Final

from tokenflow.core.drawings.picture import Box, Picture

_RESERVED: Final = frozenset({
    "as", "class", "classdef", "default", "direction", "end", "choice", "fork", "join", "left", "note",
    "of", "right", "root", "scale", "state", "statediagram", "style", "hide", "empty", "width",
})  # fmt: skip
"""Words of Mermaid's state diagrams: no state can bear them as its id."""

_CLASSES: Final = {
    "usable": "fill:#d3f2dc,stroke:#1f8a4c,color:#10341f",
    "waiting": "fill:#fff1cc,stroke:#b98900,color:#3d2e00",
    "final": "fill:#e6e8eb,stroke:#6a737d,color:#24292f",
    "visited": "stroke:#1f6feb",
    "here": "stroke:#1f6feb,stroke-width:4px",
}
_SAFE: Final = re.compile(r"[A-Za-z0-9 _/=!()\[\],.%+*?@|-]")


def mermaid(picture: Picture) -> str:
    """Return a Mermaid state diagram: states coloured by what they are, an arrow for each row."""
    names = {box.name: _id(box.name) for box in picture.boxes}
    lines = [
        "---",
        f"title: {json.dumps(picture.title, ensure_ascii=False)}",
        "---",
        "stateDiagram-v2",
        "  direction LR",
    ]
    lines += [f'  state "{name}" as {short}' for name, short in names.items() if name != short]
    lines.append(f"  [*] --> {names[picture.initial]}")
    for arrow in picture.arrows:
        mark = "✓ " if arrow.passed else ""
        lines.append(f"  {names[arrow.source]} --> {names[arrow.target]}: {mark}{_plain(arrow.label)}")
    lines += [f"  {names[box.name]} --> [*]" for box in picture.boxes if box.kind == "final"]
    used = {name for box in picture.boxes for name in _classes(box)}
    lines += [f"  classDef {name} {style}" for name, style in _CLASSES.items() if name in used]
    lines += [f"  class {names[box.name]} {name}" for box in picture.boxes for name in _classes(box)]
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    """A state's id: its name, unless that is a word of the language."""
    return f"{name}_state" if name in _RESERVED else name


def _plain(text: str) -> str:
    """Write as an entity whatever might end a label; an entity itself is `#<code>;`."""
    return "".join(one if _SAFE.fullmatch(one) else f"#{ord(one)};" for one in text)


def _classes(box: Box) -> tuple[str, ...]:
    return (
        box.kind,
        *(("visited",) if box.visited and not box.here else ()),
        *(("here",) if box.here else ()),
    )


_FILLS: Final = {"usable": "#d3f2dc", "waiting": "#fff1cc", "final": "#e6e8eb"}


def dot(picture: Picture) -> str:
    """Return the same picture as DOT, for Graphviz; a final state has a double edge."""
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
        f"  start [shape=point]; start -> {_quoted(picture.initial)};",
    ]
    for box in picture.boxes:
        edges = 2 if box.kind == "final" else 1
        shown = f"{box.name}\n{box.note}" if box.note else box.name
        width = ', penwidth=3, color="#1f6feb"' if box.here else ', color="#1f6feb"' if box.visited else ""
        fill = f'fillcolor="{_FILLS[box.kind]}"'
        lines.append(f"  {_quoted(box.name)} [label={_quoted(shown)}, peripheries={edges}, {fill}{width}];")
    for arrow in picture.arrows:
        passed = ', penwidth=2, color="#1f6feb"' if arrow.passed else ""
        ends = f"{_quoted(arrow.source)} -> {_quoted(arrow.target)}"
        lines.append(f"  {ends} [label={_quoted(arrow.label)}{passed}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
