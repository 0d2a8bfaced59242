"""Whether a page token may do what a call needs: by a table that the spec holds (facebook.md §8).

A need may be said in any word of the table, and is met by what is held in any other: a perm by a task, a
task by a perm, a login permission by its predecessor or by all its successors, a role by what makes it up.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tokenflow import View

_WORDS: Final = {"type": "array", "items": {"type": "string", "description": "A word."}, "uniqueItems": True}
_PERM: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tasks"],
    "description": "A perm.",
    "properties": {
        "allows": {"type": "string", "description": "What it is for."},
        "tasks": {**_WORDS, "description": "The tasks it stands for."},
        "given_by": {**_WORDS, "description": "Any of these tasks gives it; otherwise any it stands for."},
    },
}
_ROLE: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["names", "perms", "tasks"],
    "description": "A role.",
    "properties": {
        "names": {**_WORDS, "minItems": 1, "description": "What it is called, or was."},
        "perms": {**_WORDS, "description": "The perms that make it up."},
        "tasks": {**_WORDS, "description": "The tasks that make it up."},
    },
}
PERMS_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "needs": {**_WORDS, "description": "What is needed, whatever the call says of itself."},
        "perms": {"type": "object", "additionalProperties": _PERM, "description": "By its name, each perm."},
        "roles": {"type": "array", "items": _ROLE, "description": "The roles, the highest first."},
        "permissions": {
            "type": "object",
            "additionalProperties": {**_WORDS, "minItems": 1, "description": "Its successors."},
            "description": "Login permissions that were replaced, each with what replaced it.",
        },
    },
}
"""The table, as a spec gives it to the guard. A word that is in no table is held, or it is not."""


def lacks_perm(view: View, argument: Any) -> bool:
    """Return whether the token lacks something that the request, or the *argument*, needs.

    A token of which nothing is known has nothing.
    """
    table = argument if isinstance(argument, Mapping) else {}
    needs = _words(table.get("needs", view.request.get("needs")))
    return not needs <= _given(table, *(_words(view.token.get(name)) for name in ("perms", "tasks", "scope")))


def _given(
    table: Mapping[str, Any], perms: frozenset[str], tasks: frozenset[str], scope: frozenset[str]
) -> frozenset[str]:
    """Return every word that what is held comes to."""
    given = perms | tasks | scope
    for perm, row in table.get("perms", {}).items():
        if perm in perms:
            given |= _words(row["tasks"])
        if tasks & _words(row.get("given_by", row["tasks"])):
            given |= {perm}
    for old, successors in table.get("permissions", {}).items():
        if old in scope:
            given |= _words(successors)
        elif scope >= _words(successors):
            given |= {old}
    for role in table.get("roles", ()):
        if given >= _words(role["perms"]) or given >= _words(role["tasks"]):
            given |= _words(role["names"])
    return given


def _words(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(value) if isinstance(value, Iterable) else frozenset()
