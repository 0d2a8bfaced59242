"""The reference pages, written from the source: what is not in the source is not on them.

Only syntax trees and the JSON Schemas are read, so a page is the same on every machine and in every process.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from tests.house.language import language

Tree: TypeAlias = ast.Module | ast.ClassDef
NOTE: Final = "<!-- Written by `python3 dev.py docs --write`; change the docstrings instead. -->"


def hooks(house: Path) -> str:
    """Write docs/reference/hooks.md: each hook with its signature, and each record with its attributes."""
    specs, records = _parse(house / "hooks/specs.py"), _parse(house / "hooks/records.py")
    lines = ["# Hooks", NOTE, _text(specs)]
    for hook in specs.body:
        if isinstance(hook, ast.FunctionDef):
            lines += [f"## {hook.name}", f"```python\n{_signature(hook)}\n```", _text(hook)]
    lines += ["## Records", _text(records)]
    for record in records.body:
        if isinstance(record, ast.ClassDef) and not record.bases:
            lines += [f"### {record.name}", _text(record)]
            lines += ["\n".join(f"- `{written}`{_after(text)}" for _, written, text in _names(record))]
    return _page(lines)


def errors(house: Path) -> str:
    """Write docs/reference/errors.md: the tree as it is drawn, then each error with its code."""
    module = _parse(house / "core/errors.py")
    meaning, tree, promise = _text(module).split("\n\n", 2)
    lines = ["# Errors", NOTE, meaning, f"```text\n{tree}\n```", promise]
    for error in module.body:
        if isinstance(error, ast.ClassDef):
            codes = [written for name, written, _ in _names(error) if name == "code"]
            lines += [f"## {error.name}", *(f"`{code}`" for code in codes), _text(error)]
    return _page(lines)


def front_door(house: Path) -> str:
    """Write docs/reference/front-door.md: each public name, how it is written, and what it means."""
    door = _parse(house / "__init__.py")
    lines = ["# The front door", NOTE, _text(door), "Everything here is imported from `tokenflow`."]
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(door):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tokenflow."):
            room = house.parent.joinpath(*node.module.split("."))
            file = room / "__init__.py" if room.is_dir() else room.with_suffix(".py")
            known = {name: (written, text) for name, written, text in _names(_parse(file))}
            found |= {alias.name: known[alias.name] for alias in node.names}
    for name in sorted(found, key=lambda name: (name.lower(), name)):
        written, text = found[name]
        lines += [f"## {name}", f"```python\n{written}\n```", text]
    return _page(lines)


def lint(house: Path) -> str:
    """Write docs/reference/lint.md: what each code of the linter means, how it is mended, and examples."""
    folder = house / "spec" / "codes"
    lines = [
        "# Codes of the linter",
        NOTE,
        _text(_parse(folder / "__init__.py")),
        "An example without `apiVersion` is a part of a Lifecycle that extends `builtin:facebook-user`, or "
        "of what its `kind` and `extends` say. `tokenflow explain TF118` prints one of these.",
    ]
    found = {
        ast.literal_eval(call.args[0]): call
        for file in folder.glob("*.py")
        for call in ast.walk(_parse(file))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Code"
    }
    for code in sorted(found):
        severity, title = (ast.literal_eval(each) for each in found[code].args[1:])
        said = {each.arg: ast.literal_eval(each.value) for each in found[code].keywords}
        lines += [f"## {code}", f"*{severity}*: **{_shown(title)}.**"]
        lines += [_shown(f"{said['what']} {said['why']}"), f"Mend: {_shown(said['mend'])}"]
        lines += [f"```yaml\n# wrong\n{said['bad']}\n```", f"```yaml\n# right\n{said['good']}\n```"]
    return _page(lines)


def capabilities(house: Path) -> str:
    """Write docs/reference/capabilities.md: what each verb of a handle asks for."""
    module = _parse(house / "engine/access.py")
    table = next(
        node.value for node in module.body if isinstance(node, ast.AnnAssign) and _is(node.target, "VERBS")
    )
    assert table is not None, "VERBS is written out"
    handle = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Handle")
    said = {name: text for name, _, text in _names(module)}
    rows = [f"| `{verb}` | {wanted} |" for verb, wanted in ast.literal_eval(table).items()]
    lines = ["# Capabilities", NOTE, _text(module), _text(handle), said["Capability"], said["VERBS"]]
    return _page([*lines, "\n".join(["| verb | asks for |", "|---|---|", *rows])])


def _is(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


PAGES: Final[Mapping[str, Callable[[Path], str]]] = {
    "docs/reference/capabilities.md": capabilities,
    "docs/reference/hooks.md": hooks,
    "docs/reference/errors.md": errors,
    "docs/reference/front-door.md": front_door,
    "docs/reference/lint.md": lint,
    "docs/reference/language.md": language,
}


def _names(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Yield what *tree* defines: its name, how it is written, and its docstring's first paragraph."""
    for node, after in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
        match node:
            case ast.ClassDef():
                bases = ", ".join(ast.unparse(base) for base in node.bases)
                yield node.name, f"class {node.name}" + (f"({bases})" if bases else ""), _first(_text(node))
            case ast.FunctionDef():
                yield node.name, _signature(node), _first(_text(node))
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name, ast.unparse(node), _first(_said(after))


def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}"


def _text(node: Tree | ast.FunctionDef) -> str:
    return _shown(ast.get_docstring(node) or "")


def _said(node: ast.stmt) -> str:
    """Return the docstring of the attribute before *node*: PEP 257 has it follow the assignment."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _shown(text)
    return ""


def _shown(text: str) -> str:
    """Escape what Markdown would take for HTML, outside of `code`."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else piece.replace("<", "&lt;") for piece in pieces)


def _first(text: str) -> str:
    return text.split("\n\n")[0]


def _after(text: str) -> str:
    return f": {' '.join(text.split())}" if text else ""


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
