"""What an issuer says by itself is verified with secrets that it shares with this server alone (TF625)."""

from collections.abc import Iterator
from typing import Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject


def lent(s: Subject) -> Iterator[Diagnostic]:
    """A callback is lent secrets that this document declares, and none that clients hold."""
    declared = s.table("secrets")
    for name, body in s.table("callbacks").items():
        for index, secret in enumerate(body.get("secrets", ())):
            place = ("callbacks", name, "secrets", index)
            yield from s.known("TF103", "secret", secret, declared, *place, lacking=("secrets", secret))
            if declared.get(secret, {}).get("custody") == "client":
                message = f"whoever has the client's code has `{secret}`, and may send what `{name}` takes"
                note = s.note("declared for clients", "secrets", secret, "custody")
                yield s.found("TF625", message, *place, related=note)


CHECKS: Final = (lent,)
