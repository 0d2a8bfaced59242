"""Secrets written where only references belong (TF201). What is found is never repeated."""

from collections.abc import Iterator

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.secrecy import (
    BEFORE_HOST,
    CREDENTIALS,
    IN_QUERY,
    SHORTEST,
    kind_of_secret,
    looks_random,
    stands_for_secret,
)

_ADVICE = "keep it in the environment, a file or a keyring, name it here by reference, and replace this one"
_LEAVE_OUT = {
    BEFORE_HOST: "leave out what stands before the `@`, and replace the password: an issuer learns who "
    "the client is from its secret, named under `secrets` by reference",
    IN_QUERY: "leave it out of the address, which is logged on its way, and replace it; a secret is "
    "named under `secrets` by reference",
    CREDENTIALS: "leave them out, and replace them: tokenflow writes that header itself, from what is named "
    "under `secrets` by reference",
}


def literals(s: Subject) -> Iterator[Diagnostic]:
    """No scalar of the document is a secret, or looks like one. An option may name a declared secret.

    This asks nothing of the document's shape: a secret is told beside whatever else is wrong.
    """
    secrets = s.root.child("secrets")
    declared = secrets.items or {} if secrets is not None else {}
    for path, node in s.root.scalars():
        if not isinstance(node.value, str) or node.value in declared:
            continue
        what = kind_of_secret(node.value)
        if what is not None:
            help = _LEAVE_OUT.get(what, _ADVICE)
            yield s.found("TF201", f"this looks like {what}", *path, help=help)
        elif stands_for_secret(path, node.value) and (path[-1] == "from" or len(node.value) >= SHORTEST):
            key = next(step for step in reversed(path) if isinstance(step, str))
            yield s.found(
                "TF201", f"`{key}` holds a literal; a spec holds references only", *path, help=_ADVICE
            )
        elif looks_random(node.value) and path[:1] != ("metadata",):
            message = "this looks random enough to be a secret"
            yield s.found("TF201", message, *path, help=_ADVICE, severity="warning")
