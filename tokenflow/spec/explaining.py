"""Schema violations as diagnostics that say what to write instead."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from tokenflow.spec.codes import CODES
from tokenflow.spec.diagnostics import Diagnostic, Span
from tokenflow.spec.schema import Violation, declared
from tokenflow.spec.secrecy import redact
from tokenflow.spec.tree import Node, Path
from tokenflow.spec.units import spelling
from tokenflow.spec.words import called, did_you_mean, nearest, shown

_FORMS: Final = {
    "duration": "a duration such as 60d, 1h30m, 45s or PT1H30M",
    "moment": "a moment such as `expires`, `expires - 20%` or `entered + 10m`",
    "name": "a snake_case name (a-z, 0-9 and _, starting with a letter)",
    "specName": "a lower-case name with dashes, e.g. facebook-user",
    "pluginRef": "<plugin>.<capability>, e.g. web.redirect",
    "extends": "builtin:NAME, or a path that starts with ./ or ../",
    "versions": "versions such as <2.0.0, or >=1.1 <2",
    "ref": "a shipped spec (facebook-user) or a file (./mine.yaml)",
    "endpoint": "an https URL, or http to a literal loopback address such as http://127.0.0.1:8080",
    "key": "a key such as reports or page/1234567890",
}
"""Definition in the schemas -> what its values look like."""

_ANCHORS: Final = ("entered", "issued", "refreshed", "expires", "last_used", "refresh_expires")
_MOST: Final = 200
"""Unknown keys looked at for a misspelt one."""
_YES: Final = frozenset({"yes", "on", "y", "True", "TRUE", "Yes", "On"})
_NO: Final = frozenset({"no", "off", "n", "False", "FALSE", "No", "Off"})


def explained(node: Node, found: Violation) -> Iterator[Diagnostic]:
    """Yield the diagnostics for one violation of the document *node*."""
    if found.branches:
        yield from _branches(node, found)
        return
    if _misspelt(found):
        return
    maker = _MAKERS.get(found.keyword, _other)
    yield maker(node, found)


def diagnostic(code: str, message: str, span: Span, help: str | None = None) -> Diagnostic:
    """Return a diagnostic that repeats no secret, as severe as its code."""
    return Diagnostic(
        code=code,
        severity=CODES[code].severity,
        message=redact(message),
        span=span,
        help=None if help is None else redact(help),
    )


def _branches(node: Node, found: Violation) -> Iterator[Diagnostic]:
    """Of several alternatives, explain the one the author was after: of the right type, and deepest in."""
    if found.keyword == "oneOf":
        # A step of the wrong type, or with an unknown key, has a message of its own.
        if isinstance(found.value, dict) and all(declared(found.schema, key) for key in found.value):
            yield _one_action(node, found)
        return
    if found.definition == "rule" or all(
        one.keyword == "required" for branch in found.branches for one in branch
    ):
        keys = " or ".join(f"`{one.key}`" for branch in found.branches for one in branch)
        yield diagnostic(
            "TF012", f"missing key {keys}{_inside(found.path)}", node.where(found.path, key=True)
        )
        return
    meant = [branch for branch in found.branches if not _wrong_type(branch, found.path)]
    if not meant:
        text = f"{called(found.value)} does not fit{_inside(found.path)}"
        yield diagnostic("TF013", text, node.where(found.path))
        return
    depth = max(len(one.path) for branch in meant for one in branch)
    best = next(branch for branch in meant if any(len(one.path) == depth for one in branch))
    for one in best:
        yield from explained(node, one)


def _wrong_type(branch: Sequence[Violation], path: Path) -> bool:
    return any(one.keyword in ("type", "const") and one.path == path for one in branch)


def _one_action(node: Node, found: Violation) -> Diagnostic:
    actions = [branch["required"][0] for branch in found.schema["oneOf"]]
    have = [key for key in actions if key in found.value]
    if not have:
        return diagnostic("TF012", f"a step does one of: {', '.join(actions)}", node.where(found.path))
    message = f"a step does one thing, and this one does {len(have)}: {', '.join(have)}"
    return diagnostic("TF011", message, node.where((*found.path, have[1]), key=True), "make it two steps")


def _unknown_key(node: Node, found: Violation) -> Diagnostic:
    key = found.key or ""
    known = sorted(found.schema.get("properties", {}))
    span = node.where((*found.path, key), key=True)
    comma = "inside {...} a comma starts the next key; put quotes around text that contains commas"
    hint = did_you_mean(key, known, otherwise=f"known keys: {', '.join(known)}" if known else None)
    child = node.find((*found.path, key))
    if (" " in key or child.raw == "") and "{" in span.text[: span.col]:
        hint = comma
    if known == ["all", "any", "not"]:
        hint = "a condition reads token, event, app, platform, parent or request, e.g. `token.scope`"
    return diagnostic("TF011", f"unknown key `{shown(key)}`{_inside(found.path)}", span, hint)


def _misspelt(found: Violation) -> bool:
    """Return whether a missing key is there, misspelt: the unknown key has a message that says so."""
    if found.keyword != "required" or found.schema.get("additionalProperties") is not False:
        return False
    known = sorted(found.schema.get("properties", {}))
    unknown = (key for key in found.value if not declared(found.schema, key))
    return any(nearest(key, known) == found.key for key in islice(unknown, _MOST))


def _missing_key(node: Node, found: Violation) -> Diagnostic:
    message = f"missing key `{found.key}`{_inside(found.path)}"
    return diagnostic("TF012", message, node.where(found.path, key=True))


def _wrong(node: Node, found: Violation) -> Diagnostic:
    wanted = found.schema["type"]
    text = " or ".join(_TYPE_WORDS[one] for one in ([wanted] if isinstance(wanted, str) else wanted))
    help = None
    if "boolean" in text or wanted == "boolean":
        help = _true_false(found.value)
    message = f"expected {text} but found {called(found.value)}{_inside(found.path)}"
    return diagnostic("TF013", message, node.where(found.path), help)


_TYPE_WORDS: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true/false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}


def _true_false(value: Any) -> str | None:
    if isinstance(value, str) and value in _YES | _NO:
        return f"YAML 1.2 has no `{value}`; write `{'true' if value in _YES else 'false'}`"
    return None


def _not_one_of(node: Node, found: Violation) -> Diagnostic:
    if found.schema.get("const") is False:
        return diagnostic(
            "TF016", "a final state is not usable", node.where(found.path), "drop `final: true` or this"
        )
    options = found.schema.get("enum", [found.schema.get("const")])
    near = did_you_mean(found.value, options)
    named = found.key is not None
    span = node.where((*found.path, found.key or "") if named else found.path, key=named)
    return diagnostic(
        "TF014", f"`{shown(found.value)}` is not one of {', '.join(map(str, options))}", span, near
    )


def _wrong_form(node: Node, found: Violation) -> Diagnostic:
    if found.definition == "reference":
        return diagnostic(
            "TF201",
            "a secret is named by reference, never written here",
            node.where(found.path),
            "from: env:NAME, file:/path or keyring:service/user; and replace the one that was pasted",
        )
    if found.definition == "endpoint" and str(found.value).startswith("http://"):
        return diagnostic(
            "TF603",
            f"`{shown(found.value)}` would carry codes, tokens and secrets in the clear",
            node.where(found.path),
            "https; http only to a literal loopback address such as http://127.0.0.1:8080",
        )
    if found.key is not None:
        return _wrong_name(node, found)
    fallback = "a version" if found.path[-1:] == ("version",) else "in the expected form"
    form = _FORMS.get(found.definition or "", fallback)
    message = f"`{shown(found.value)}` is not {form}"
    return diagnostic("TF015", message, node.where(found.path), _spelled(found))


def _wrong_name(node: Node, found: Violation) -> Diagnostic:
    """Say which form a key has, or, where some are kept back, why it is none of these."""
    form, said = _FORMS.get(found.definition or ""), found.schema.get("patternErrorMessage")
    span = node.where((*found.path, found.key or ""), key=True)
    if form is None and said:
        return diagnostic(
            "TF015", f"`{shown(found.value)}` cannot stand{_inside(found.path)}", span, str(said)
        )
    return diagnostic(
        "TF015", f"`{shown(found.value)}` is not {form or 'in the expected form'}", span, _renamed(found)
    )


def _renamed(found: Violation) -> str | None:
    if shown(found.value) != str(found.value):  # a name made of a secret would be the secret
        return None
    dash = "-" if found.definition == "specName" else "_"
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", str(found.value)).lower()
    name = re.sub(r"[^a-z0-9]+", dash, words).strip(dash)
    return f"write `{name}`" if name and name[0].isalpha() and name != found.value else None


def _spelled(found: Violation) -> str | None:
    text = str(found.value)
    if found.definition in ("duration", "lifetimeLength"):
        return spelling(text)
    if found.definition == "moment":
        word = re.split(r"[^\w]", text, maxsplit=1)[0]
        near = nearest(word, _ANCHORS)
        rest = re.sub(r" *([+-]) *", r" \1 ", text[len(word) :])
        if near == word and rest == text[len(word) :]:
            return "a percentage has one or two digits, and an offset a unit"
        return f"did you mean `{near}{rest}`?" if near else None
    if found.definition in ("name", "specName"):
        return _renamed(found)
    if re.fullmatch(r"\d+(\.\d+)?", text) and "three parts" in found.schema.get("patternErrorMessage", ""):
        return f"versions have three parts: {text}{'.0' * (2 - text.count('.'))}"
    said = found.schema.get("patternErrorMessage")
    return str(said) if said and found.definition not in _FORMS else None


def _too_many(node: Node, found: Violation) -> Diagnostic:
    if found.schema.get("maxProperties") == 0:
        what = str(found.path[-1]) if found.path else "content"
        return diagnostic(
            "TF016",
            f"a final state has no {what}",
            node.where(found.path, key=True),
            "drop `final: true` or this block",
        )
    most = found.schema.get("maxProperties", found.schema.get("maxItems"))
    many = "entry fits" if most == 1 else "entries fit"
    return diagnostic("TF013", f"at most {most} {many}{_inside(found.path)}", node.where(found.path))


def _too_few(node: Node, found: Violation) -> Diagnostic:
    return diagnostic(
        "TF013", f"nothing{_inside(found.path)}", node.where(found.path), "fill it in, or leave it out"
    )


def _twice(node: Node, found: Violation) -> Diagnostic:
    return diagnostic("TF013", f"`{shown(found.value)}` is listed twice", node.where(found.path))


def _out_of_bounds(node: Node, found: Violation) -> Diagnostic:
    bounds = " and ".join(
        f"{word} {found.schema[key]}"
        for key, word in (("minimum", "at least"), ("maximum", "at most"))
        if key in found.schema
    )
    return diagnostic("TF013", f"`{shown(found.value)}` is not {bounds}", node.where(found.path))


def _length(node: Node, found: Violation) -> Diagnostic:
    if found.definition in ("duration", "lifetimeLength"):
        return _wrong_form(node, found)
    least = found.schema.get("minLength")
    bound = (
        f"at least {least}" if found.keyword == "minLength" else f"at most {found.schema.get('maxLength')}"
    )
    return diagnostic(
        "TF013", f"a text of {bound} characters is wanted{_inside(found.path)}", node.where(found.path)
    )


def _other(node: Node, found: Violation) -> Diagnostic:
    return diagnostic(
        "TF013", f"{called(found.value)} does not fit{_inside(found.path)}", node.where(found.path)
    )


def _inside(path: Path) -> str:
    return f" in `{'.'.join(map(str, path))}`" if path else ""


_MAKERS: Final = {
    "additionalProperties": _unknown_key,
    "required": _missing_key,
    "type": _wrong,
    "enum": _not_one_of,
    "const": _not_one_of,
    "pattern": _wrong_form,
    "maxProperties": _too_many,
    "maxItems": _too_many,
    "minProperties": _too_few,
    "minItems": _too_few,
    "uniqueItems": _twice,
    "minimum": _out_of_bounds,
    "maximum": _out_of_bounds,
    "minLength": _length,
    "maxLength": _length,
}
