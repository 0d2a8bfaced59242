"""Documents that cannot lie: `python -m tests.house.documents [--write]`.

Links lead somewhere, the tutorial's Python compiles, each sentence of the seed has its spec and its step,
each threat has its test, and the reference is what the source says; `--write` writes the reference anew.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.house import ROOT, commands, seed, threats
from tests.house.pages import PAGES
from tokenflow.spec import published
from tokenflow.spec.schema import KINDS

FENCE: Final = re.compile(r"^(?P<ticks>`{3,})(?P<info>[^\n]*)\n(?P<code>.*?)^(?P=ticks)[ ]*$", re.M | re.S)
LINK: Final = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")


def problems(root: Path) -> list[str]:
    """Return what is wrong with the documents under *root*, one line each."""
    return [
        *dead_links(root),
        *python_that_does_not_compile(root),
        *seed.gaps(root),
        *threats.gaps(root),
        *stale_pages(root),
    ]


def dead_links(root: Path) -> Iterator[str]:
    """Yield each relative link that leads to no file."""
    for page in _pages(root):
        prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
        for link in LINK.finditer(prose):
            target = link["to"].partition("#")[0]
            if target and ":" not in target and not (page.parent / target).exists():
                yield f"{page.relative_to(root)}: the link to {target} leads nowhere"


def python_that_does_not_compile(root: Path) -> Iterator[str]:
    """Yield each Python block of the tutorial that is none."""
    for page in sorted(root.glob("docs/tutorial/*.md")):
        for info, code in blocks(page):
            try:
                if info.partition(" ")[0] == "python":
                    compile(code, f"<{info}>", "exec")
            except SyntaxError as error:
                yield f"{page.relative_to(root)}: {error.msg}: {(error.text or info).strip()}"


def reference(root: Path) -> dict[str, str]:
    """Return path -> text of all that is written from the source under *root*, and from the commands."""
    house = root / "tokenflow"
    schemas = {
        f"docs/schemas/{kind.lower()}.schema.json": json.dumps(published(kind), indent=2) + "\n"
        for kind in KINDS
    }
    written = {name: write(house) for name, write in PAGES.items()} | commands.pages() | schemas
    return {**written, **seed.drawings(), **seed.page(root), **threats.page(root)}


def stale_pages(root: Path) -> Iterator[str]:
    """Yield each page of the reference that says something else than the source."""
    for name, text in reference(root).items():
        page = root / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            yield f"{name}: the source says something else; run `python3 dev.py docs --write`"


def write_pages(root: Path) -> None:
    """Write the reference anew."""
    for name, text in reference(root).items():
        page = root / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return a page's fenced blocks: what follows the opening fence, and the code."""
    return [
        (found["info"].strip(), found["code"]) for found in FENCE.finditer(page.read_text(encoding="utf-8"))
    ]


def _pages(root: Path) -> list[Path]:
    """Return the Markdown files outside of hidden folders."""
    shown = [path for path in root.iterdir() if not path.name.startswith(".")]
    return sorted(
        page
        for path in shown
        for page in ([path] if path.is_file() else path.rglob("*.md"))
        if page.suffix == ".md"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_pages(ROOT)
    elif sys.argv[1:]:
        sys.exit(__doc__)
    found = problems(ROOT)
    print("\n".join(found) or "the documents are true")
    sys.exit(bool(found))
