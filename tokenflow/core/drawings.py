"""Pictures of a lifecycle, drawn from the rows its machine holds, so they cannot drift from it."""

from collections.abc import Iterable, Mapping

from tokenflow.core._machine import Row


def mermaid(title: str, states: Mapping[str, bool], initial: str, rows: Iterable[Row]) -> str:
    """Return a Mermaid state diagram. *states* maps each name to whether it is final."""
    lines = ["---", f"title: {title}", "---", "stateDiagram-v2", "  direction LR", f"  [*] --> {initial}"]
    for row in rows:
        lines.append(f"  {row.source} --> {row.target or row.source}: {_label(row)}")
    lines += [f"  {name} --> [*]" for name, final in states.items() if final]
    return "\n".join(lines) + "\n"


def dot(title: str, states: Mapping[str, bool], initial: str, rows: Iterable[Row]) -> str:
    """Return the same picture as DOT, for Graphviz."""
    lines = [f'digraph "{title}" {{', "  rankdir=LR;", '  node [shape=box, style="rounded"];']
    lines += ["  start [shape=point];", f'  start -> "{initial}";']
    lines += [f'  "{name}" [peripheries={2 if final else 1}];' for name, final in states.items()]
    for row in rows:
        label = _label(row).replace('"', "'")
        lines.append(f'  "{row.source}" -> "{row.target or row.source}" [label="{label}"];')
    return "\n".join([*lines, "}"]) + "\n"


def _label(row: Row) -> str:
    command = row.data.get("do")
    guards = " and ".join(condition.text for condition in row.conditions)
    return row.event + (f" / {command}" if command else "") + (f" [{guards}]" if guards else "")
