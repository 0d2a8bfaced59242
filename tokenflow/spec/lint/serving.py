"""What an issuer declares, against what is asked of it (TF221, TF233, TF234)."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.lint.using import uses
from tokenflow.spec.schema import schema

_NEAR: Final = 0.85
"""A name is another misspelt from here on; below it an issuer has names of its own."""
_MOST: Final = 200
"""Names compared: comparing words is slow, and files may be hostile."""


def probing(s: Subject) -> Iterator[Diagnostic]:
    """The issuer has the endpoints that its own probe calls."""
    for use in uses(s):
        for endpoint in s.names.endpoints.get(use.name, ()):
            if endpoint not in s.table("endpoints"):
                message = f"`{use.name}` calls the {endpoint}, and none is declared"
                help = f"endpoints: {{{endpoint}: https://...}}"
                yield s.found("TF221", message, *use.path, help=help, lacking=("endpoints", endpoint))


def raised(s: Subject) -> Iterator[Diagnostic]:
    """No event that its issuer's error rules raise is nearly one the lifecycle knows.

    Others are let be: an issuer serves several lifecycles, and not each of them has to know each event.
    """
    told: set[str] = set()
    events = s.table("events")
    for index, rule in enumerate(() if s.issuer is None else s.issuer.data.get("errors", ())):
        name = rule.get("raise", "")
        near = _near(name, events)
        if s.issuer is not None and near and name not in told:
            told.add(name)
            message = f"`{s.data['issuer']}` raises `{name}`, and this lifecycle has no such event"
            note = s.issuer.note("raised there", "errors", index, "raise")
            yield s.found("TF233", message, "issuer", help=f"did you mean `{near}`?", related=note)


def misspelt(s: Subject) -> Iterator[Diagnostic]:
    """No name of its own under `client` or `endpoints` is nearly one that has a meaning."""
    called = {name for needed in s.names.endpoints.values() for name in needed}
    known = {"client": _declared("client"), "endpoints": _declared("endpoints") | called}
    for group, names in known.items():
        for name in s.table(group):
            near = _near(name, names)
            if near and s.is_own(group, name):
                message = f"`{name}` is no known name, and nearly `{near}`"
                yield s.found("TF234", message, group, name, key=True, help=f"did you mean `{near}`?")


def _near(name: str, known: Collection[str]) -> str | None:
    """Return the known name that *name* is another spelling of, if it is not known itself."""
    found = () if name in known else get_close_matches(name, sorted(known)[:_MOST], n=1, cutoff=_NEAR)
    return found[0] if found else None


def _declared(group: str) -> frozenset[str]:
    body: Mapping[str, Any] = schema("Issuer")["properties"][group]
    return frozenset(body["properties"])


OF_LIFECYCLES: Final = (raised,)
OF_ISSUERS: Final = (probing, misspelt)
