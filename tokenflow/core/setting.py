"""What flows run in: the compiled specs, and the plugins' flows by name. They hold no globals."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from tokenflow.core.effects import Code, Exchange, Flow, Issuer, Order
from tokenflow.core.errors import Refused, SpecError
from tokenflow.core.lifecycles import Acquisition, CommandSpec, Derivation, Lifecycle
from tokenflow.core.policies import lend
from tokenflow.core.tokens import Grant, Inspection, Token


class Capabilities(Protocol):
    """Flows that plugins offer, looked up by name; raises UnknownCapability."""

    def acquire(self, name: str) -> "AcquireFlow":
        """Return the flow of an acquirer."""

    def login_in(self, name: str, order: Order) -> str | None:
        """Return the name of the login that an order's payload holds, where the acquirer takes each once."""

    def command(self, name: str) -> "CommandFlow":
        """Return the flow of a command."""

    def exchange(self, name: str) -> Exchange:
        """Return the flow of a code exchange."""

    def derive(self, name: str) -> "DeriveFlow":
        """Return the flow of a deriver."""


class AcquireFlow(Protocol):
    """A plugin's way to get a first token."""

    def __call__(self, order: Order, /) -> Flow[Grant]:
        """Return what arrived."""


class CommandFlow(Protocol):
    """A plugin's call to the issuer."""

    def __call__(self, order: Order, /) -> Flow[Grant | Inspection | Code | None]:
        """Return a new value, what the issuer says, a code for another to redeem, or nothing."""


class DeriveFlow(Protocol):
    """A plugin's way to get child tokens."""

    def __call__(self, order: Order, /) -> Flow[Sequence[Grant]]:
        """Return one grant a child."""


@attrs.frozen(kw_only=True)
class Setting:
    """The specs an engine was opened with, and what its plugins can do."""

    lifecycles: Mapping[str, Lifecycle]
    issuers: Mapping[str, Issuer]
    plugins: Capabilities

    def lifecycle(self, name: str) -> Lifecycle:
        """Return a lifecycle by name; raises SpecError naming those there are."""
        if name not in self.lifecycles:
            known = ", ".join(sorted(self.lifecycles)) or "none"
            raise SpecError(f"no lifecycle {name!r} was opened; there are: {known}")
        return self.lifecycles[name]

    def issuer_of(self, lifecycle: Lifecycle) -> Issuer:
        """Return the issuer a lifecycle names; one it does not name has no endpoints.

        Its answers are read with what the lifecycle's own error meanings look at, too.
        """
        issuer = self.issuers.get(lifecycle.issuer) or Issuer(name=lifecycle.issuer or "none", client_id="")
        if not lifecycle.clues:
            return issuer
        return attrs.evolve(issuer, response=attrs.evolve(issuer.response, clues=lifecycle.clues))

    def acquisition(self, lifecycle: Lifecycle, platform: str) -> Acquisition:
        """Return `acquire.<platform>`; raises Refused naming the platforms there are."""
        if platform not in lifecycle.acquisitions:
            known = ", ".join(sorted(lifecycle.acquisitions)) or "none"
            raise Refused(
                "unknown_platform", f"{lifecycle.ref} is not acquired by {platform!r}; it is by: {known}"
            )
        return lifecycle.acquisitions[platform]

    def acquisition_order(
        self,
        lifecycle: Lifecycle,
        acquisition: Acquisition,
        key: str,
        *,
        payload: Any,
        attributes: Mapping[str, Any],
        scope: frozenset[str],
    ) -> Order:
        """Return what an acquirer is asked to do, with the secrets its place may use."""
        options = dict(acquisition.options)
        exchange = options.pop("exchange", None)
        return Order(
            key=key,
            issuer=self.issuer_of(lifecycle),
            platform=acquisition.platform,
            runs_on=acquisition.runs_on,
            attributes=attributes,
            scope=scope or frozenset(acquisition.scope),
            options=options,
            secrets=lend(lifecycle, acquisition.secrets, acquisition.runs_on),
            payload=payload,
            exchange=self.plugins.exchange(exchange) if exchange is not None else None,
        )

    def command_order(self, lifecycle: Lifecycle, command: CommandSpec, token: Token, place: str) -> Order:
        """Return what a command is asked to do for a held *token* from *place*; raises Refused."""
        return Order(
            key=token.key,
            issuer=self.issuer_of(lifecycle),
            platform=token.platform or "",
            runs_on=place,
            attributes=token.attributes,
            scope=token.scope,
            options=command.options,
            secrets=lend(lifecycle, command.secrets, place),
            token=token,
        )

    def verify_order(self, lifecycle: Lifecycle, token: Token, grant: Grant) -> Order:
        """Return what a verifying command is asked: it runs on the server, with all the spec's secrets."""
        return Order(
            key=token.key,
            issuer=self.issuer_of(lifecycle),
            platform=token.platform or "",
            attributes={**token.attributes, **grant.attributes},
            scope=token.scope,
            secrets=lend(lifecycle, lifecycle.secrets, "server"),
            token=token,
            grant=grant,
        )

    def probe_order(self, lifecycle: Lifecycle, token: Token) -> Order:
        """Return what a probe is asked about *token*: on the server, with all the spec's secrets."""
        return Order(
            key=token.key,
            issuer=self.issuer_of(lifecycle),
            platform=token.platform or "",
            attributes=token.attributes,
            scope=token.scope,
            secrets=lend(lifecycle, lifecycle.secrets, "server"),
            token=token,
        )

    def derive_order(
        self,
        lifecycle: Lifecycle,
        derivation: Derivation,
        parent: Token,
        place: str,
        only: Mapping[str, Any],
    ) -> Order:
        """Return what a deriver is asked to do with a *parent* token; *only*: for the one child it tells."""
        return Order(
            key=parent.key,
            issuer=self.issuer_of(lifecycle),
            runs_on=place,
            attributes=parent.attributes,
            scope=parent.scope,
            secrets=lend(lifecycle, derivation.secrets, place),
            token=parent,
            only=only,
        )
