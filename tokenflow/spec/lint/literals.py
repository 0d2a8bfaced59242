"""Secrets written where only references belong (TF201). What is found is never repeated."""

from collections.abc import Iterator

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.secrecy import kind_of_secret, looks_random, stands_for_secret

_ADVICE = "keep it in the environment, a file or a keyring, name it here by reference, and replace this one"


def literals(s: Subject) -> Iterator[Diagnostic]:
    """No scalar of the document is a secret, or looks like one. An option may name a declared secret."""
    for path, node in s.root.scalars():
        if not isinstance(node.value, str) or node.value in s.table("secrets"):
            continue
        what = kind_of_secret(node.value)
        if what is not None:
            yield s.found("TF201", f"this looks like {what}", *path, help=_ADVICE)
        elif stands_for_secret(path, node.value):
            key = next(step for step in reversed(path) if isinstance(step, str))
            yield s.found(
                "TF201", f"`{key}` holds a literal; a spec holds references only", *path, help=_ADVICE
            )
        elif looks_random(node.value) and path[:1] != ("metadata",):
            message = "this looks random enough to be a secret"
            yield s.found("TF201", message, *path, help=_ADVICE, severity="warning")
