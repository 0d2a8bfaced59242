"""What `tokenflow init` can begin with: a lifecycle, its issuer, and the platform its token arrives by.

They are read from the shipped specs, so a new one is offered without a word here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import attrs

from tokenflow.core.errors import SpecError
from tokenflow.spec import load, shipped
from tokenflow.spec.words import did_you_mean

_ANY_OAUTH2: Final = "sandbox-oauth2"
"""The issuer whose lifecycles suit every issuer that has none of its own."""
_BY_LINK: Final = frozenset({"web.redirect", "web.implicit", "facebook.device", "oauth2.device"})
"""Acquirers that send a person somewhere; any other that needs one waits for what a client brings."""
_BY_ANOTHER: Final = frozenset({"facebook.redeem", "server.ticket"})
"""Acquirers of what another token's holder gives: nobody begins with them."""


@attrs.frozen(kw_only=True)
class Start:
    """A combination that is offered."""

    issuer: str
    """A shipped issuer."""
    lifecycle: str
    """A shipped lifecycle."""
    platform: str
    at: Mapping[str, Any] = attrs.field(repr=False, eq=False)
    """The issuer's document."""
    of: Mapping[str, Any] = attrs.field(repr=False, eq=False)
    """The lifecycle's document."""

    @property
    def acquisition(self) -> Mapping[str, Any]:
        """`acquire.<platform>` of the lifecycle."""
        found: Mapping[str, Any] = self.of["acquire"][self.platform]
        return found

    @property
    def by_person(self) -> bool:
        """Whether a person has to agree."""
        return self.acquisition.get("consent") == "person"

    @property
    def extends(self) -> bool:
        """Whether what arrives is extended in time: not what never ends."""
        return "extend" in self.of.get("commands", {}) and self.acquisition["lifetime"] != "never"

    @property
    def kept(self) -> bool:
        """Whether the keeper can get such a token: by itself, or with a link for a person."""
        return not self.by_person or self.acquisition["use"] in _BY_LINK

    @property
    def secrets(self) -> Mapping[str, Any]:
        """The lifecycle's secrets, but for those that only other platforms are lent."""
        here = (self.acquisition, *self.of.get("commands", {}).values(), self.of.get("derive", {}))
        lent = {name for step in here for name in step.get("secrets", ())}
        elsewhere = {name for step in self.of["acquire"].values() for name in step.get("secrets", ())}
        declared: Mapping[str, Any] = self.of.get("secrets", {})
        return {name: fact for name, fact in declared.items() if name in lent or name not in elsewhere}


def short(issuer: str) -> str:
    """Return what `--issuer` calls a shipped issuer: `oauth2` is `sandbox-oauth2`."""
    return issuer.removeprefix("sandbox-")


@cache
def starts() -> tuple[Start, ...]:
    """Return every start."""
    lifecycles = {name: load(name).data for name in shipped("Lifecycle")}
    found = []
    for issuer in shipped("Issuer"):
        at = load(issuer).data
        own = [name for name, data in lifecycles.items() if data.get("issuer") == issuer]
        common = [name for name, data in lifecycles.items() if data.get("issuer") == _ANY_OAUTH2]
        found += [
            Start(issuer=issuer, lifecycle=name, platform=platform, at=at, of=lifecycles[name])
            for name in own or common
            for platform, how in lifecycles[name].get("acquire", {}).items()
            if how["use"] not in _BY_ANOTHER
        ]
    return tuple(sorted(found, key=_first))


def _first(start: Start) -> tuple[object, ...]:
    """At each issuer people's tokens come first, and of those the kind that arrives in the most ways."""
    return start.issuer, start.of["token"]["kind"] != "user", -len(start.of["acquire"]), start.lifecycle


def chosen(issuer: str, platform: str, lifecycle: str | None = None) -> Start:
    """Return the first start that fits; raises SpecError naming what there is."""
    here = _matching(starts(), "issuer", issuer, lambda one: short(one.issuer))
    if lifecycle is not None:
        here = _matching(here, "lifecycle", lifecycle, lambda one: one.lifecycle)
    return _matching(here, "platform", platform, lambda one: one.platform)[0]


def _matching(among: Sequence[Start], what: str, wanted: str, of: Callable[[Start], str]) -> list[Start]:
    names = {of(one) for one in among}
    if wanted not in names:
        mend = did_you_mean(wanted, names, otherwise=f"there is: {', '.join(sorted(names))}")
        raise SpecError(f"there is no {what} `{wanted}` to begin with", mend=mend)
    return [one for one in among if of(one) == wanted]
