"""docs/explanation/facebook.md, its lower half: where each sentence of the seed is written, and played.

Written from markers: `# seed: S12, S13` at the end of a spec's line, `seed: [S12]` in a scenario's step,
`<!-- seed: S33 -->` on the how-to page of a code sample. The upper half is written by hand.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import frozen

from tokenflow import Registry
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.drawings import picture_of, svg
from tokenflow.spec import load

LIST: Final = "docs/explanation/seed.yaml"
PAGE: Final = "docs/explanation/facebook.md"
MARK: Final = "<!-- Below: written by `python3 dev.py docs --write`; change the markers instead. -->\n"
DRAWN: Final = ("user", "page", "app", "client", "mobile", "system-user", "limited")
_LINE: Final = re.compile(r"# seed: (S[0-9]+(?:, S[0-9]+)*)$")
_PAGE: Final = re.compile(r"^<!-- seed: (S[0-9]+(?:, S[0-9]+)*) -->$", re.M)
_SAMPLE: Final = "Code sample"
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@frozen
class Marked:
    """A place that says which sentences it is about."""

    path: str
    """Relative to the project."""
    line: int
    """From 1; 0 for a whole page."""
    says: str
    """How it is called in the map."""
    ids: tuple[str, ...]

    def link(self) -> str:
        """Return it as a link from the map."""
        anchor = f"#L{self.line}" if self.line else ""
        return f"[{self.says}](../../{self.path}{anchor})"


def sentences(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Return heading -> id -> what the sentence says."""
    found: dict[str, dict[str, str]] = yaml.safe_load((root / LIST).read_text(encoding="utf-8"))
    return found


def in_specs(root: Path) -> Iterator[Marked]:
    """Yield the marked lines of the specs."""
    for file in sorted(root.glob("specs/*/*.yaml")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if found := _LINE.search(line):
                yield Marked(str(file.relative_to(root)), number, f"{file.name}:{number}", _ids(found[1]))


def in_steps(root: Path) -> Iterator[Marked]:
    """Yield the marked steps of the scenarios."""
    for file in sorted(root.glob("specs/scenarios/*.yaml")):
        steps = _entry(yaml.compose(file.read_text(encoding="utf-8"), Loader=_LOADER), "steps")
        for number, step in enumerate(steps.value, 1):
            ids, name = _entry(step, "seed"), _entry(step, "name")
            if ids is not None:
                says = f"{file.stem}: {name.value if name else f'step {number}'}"
                path, line = str(file.relative_to(root)), step.start_mark.line + 1
                yield Marked(path, line, says, tuple(each.value for each in ids.value))


def on_pages(root: Path) -> Iterator[Marked]:
    """Yield the how-to pages that are a code sample of the seed."""
    for file in sorted(root.glob("docs/how-to/*.md")):
        for found in _PAGE.finditer(file.read_text(encoding="utf-8")):
            yield Marked(str(file.relative_to(root)), 0, file.name, _ids(found[1]))


def gaps(root: Path) -> Iterator[str]:
    """Yield what is wrong with the map: a sentence that is missing somewhere, a marker that means none."""
    if not (root / LIST).is_file():
        yield f"{LIST}: the sentences of the seed are not there"
        return
    known = {name: text for part in sentences(root).values() for name, text in part.items()}
    specs, steps, pages = [*in_specs(root)], [*in_steps(root)], [*on_pages(root)]
    for name, text in known.items():
        for where, mend in (
            (specs, f"is in no spec; end a line with `# seed: {name}`"),
            (steps, f"is played by no step; mark one with `seed: [{name}]`"),
            (pages if text.startswith(_SAMPLE) else None, f"has no how-to page with <!-- seed: {name} -->"),
        ):
            if where is not None and not any(name in marked.ids for marked in where):
                yield f"{LIST}: {name} ({text}) {mend}"
    for marked in (*specs, *steps, *pages):
        for name in marked.ids:
            if name not in known:
                yield f"{marked.path}:{marked.line}: the seed has no sentence {name}"


def page(root: Path) -> dict[str, str]:
    """Return the page as it should be: what stands above the mark, and the map."""
    if not (root / LIST).is_file():
        return {}
    file = root / PAGE
    above = file.read_text(encoding="utf-8").partition(MARK)[0] if file.is_file() else ""
    return {PAGE: f"{above}{MARK}\n{_map(root)}"}


@cache
def drawings() -> Mapping[str, str]:
    """Return the drawings above the mark, as `tokenflow graph` makes them of the shipped lifecycles."""
    guards = Registry.installed(only_builtin=True).guards()
    drawn = {}
    for kind in DRAWN:
        spec = load(f"facebook-{kind}")
        lifecycle = compile_lifecycle(spec.data, digest=spec.digest, guards=guards)
        drawn[f"docs/explanation/facebook-{kind}.svg"] = svg(picture_of(lifecycle))
    return drawn


def _map(root: Path) -> str:
    specs, steps, pages = [*in_specs(root)], [*in_steps(root)], [*on_pages(root)]
    lines = ["## Sentence by sentence", ""]
    for heading, part in sentences(root).items():
        lines += [f"### {heading}", "", "| | what is said | where a spec says it | which step plays it |"]
        lines += ["|---|---|---|---|"]
        for name, text in part.items():
            said = _links(name, (*specs, *pages))
            lines.append(f"| {name} | {text} | {said} | {_links(name, steps)} |")
        lines.append("")
    return "\n".join(lines)


def _links(name: str, where: Any) -> str:
    return "<br>".join(marked.link() for marked in where if name in marked.ids)


def _ids(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def _entry(node: Any, key: str) -> Any:
    """Return the value of *key* in a composed mapping, or None."""
    return next((value for name, value in node.value if name.value == key), None)
