"""What a page token may do, in the old words (`perms`) and the new (`tasks`) (facebook.md §8)."""

from collections.abc import Iterable
from typing import Any, Final

from tokenflow import View

_TASKS_OF: Final = {
    "ADMINISTER": ("MANAGE",),
    "CREATE_CONTENT": ("CREATE_CONTENT",),
    "MODERATE_CONTENT": ("MODERATE", "MESSAGING"),
    "CREATE_ADS": ("ADVERTISE",),
    "BASIC_ADMIN": ("ANALYZE",),
}
"""The tasks a perm stands for."""

_TASK_FOR: Final = {
    "ADMINISTER": "MANAGE",
    "EDIT_PROFILE": "MANAGE",
    "CREATE_CONTENT": "CREATE_CONTENT",
    "MODERATE_CONTENT": "MODERATE",
    "CREATE_ADS": "ADVERTISE",
    "BASIC_ADMIN": "ANALYZE",
}
"""The task that gives a perm. EDIT_PROFILE has none of its own, so only MANAGE is sure to give it,
and holding it gives no task: an editor has EDIT_PROFILE and may not manage."""


def lacks_perm(view: View, argument: Any) -> bool:
    """Return whether the token lacks a perm or task that the request (or the guard's argument) needs.

    A token of which no perms are known has none.
    """
    needs = _names(argument if argument is not None else view.request.get("needs"))
    perms, tasks = _names(view.token.get("perms")), _names(view.token.get("tasks"))
    have = perms | tasks | {task for perm in perms for task in _TASKS_OF.get(perm, ())}
    return not all(need in have or _TASK_FOR.get(need) in tasks for need in needs)


def _names(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(value) if isinstance(value, Iterable) else frozenset()
