"""What an installation wants kept, and one look after one of it (ruling 17)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from tokenflow.core import flows
from tokenflow.core.errors import (
    AlreadyLive,
    PersonNeeded,
    PromptExpired,
    PromptPending,
    RevisionConflict,
    StoreError,
    StoreTooNew,
    TamperedRow,
    TokenflowError,
    TokenNotFound,
    WrongKey,
)
from tokenflow.core.events import ReacquireWanted, from_json
from tokenflow.core.tokens import Token
from tokenflow.spec import Document, load
from tokenflow.spec.neighbours import beside

if TYPE_CHECKING:
    from tokenflow.engine.desk import Desk

_ITS_OWN: Final = (AlreadyLive, RevisionConflict, StoreTooNew, TamperedRow, WrongKey)
"""What a store says of one row, and of no other."""


@attrs.frozen(kw_only=True)
class Wanted:
    """One entry of a Tokens file."""

    key: str
    lifecycle: str
    """Its name, whatever file it was read from."""
    platform: str
    attributes: Mapping[str, Any]
    scope: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Kept:
    """How one wanted token stands after a look at it."""

    key: str
    state: str | None
    error: TokenflowError | None = attrs.field(default=None, repr=False)
    """Why there is no usable token."""
    overdue: bool = attrs.field(default=False, eq=False)
    """It serves, but should have been acquired anew and could not be yet."""

    @property
    def problem(self) -> str | None:
        """The error in a line, or None."""
        if isinstance(self.error, PromptPending):
            return "a person has to log in"
        return None if self.error is None else str(self.error).splitlines()[0]

    @property
    def url(self) -> str | None:
        """The link a person has to open, or None."""
        return self.error.url if isinstance(self.error, PromptPending) else None

    @property
    def user_code(self) -> str | None:
        """What the person has to enter there, or None."""
        return self.error.user_code if isinstance(self.error, PromptPending) else None

    @property
    def poll(self) -> int | None:
        """Microseconds until it is worth asking whether they did; None: they bring the answer."""
        return self.error.poll if isinstance(self.error, PromptPending) else None


def wanted(documents: Sequence[Document]) -> tuple[Wanted, ...]:
    """Return what Tokens documents ask for; raises SpecError for a lifecycle that cannot be read."""
    names: dict[str, str] = {}

    def name_of(ref: str) -> str:
        if ref not in names:
            names[ref] = load(ref).name
        return names[ref]

    return tuple(
        Wanted(
            key=key,
            lifecycle=name_of(beside(entry["lifecycle"], document.path)),
            platform=entry["acquire"],
            attributes=entry.get("attributes", {}),
            scope=tuple(entry.get("scope", ())),
        )
        for document in documents
        for key, entry in document.data["tokens"].items()
    )


def specs_of(documents: Iterable[Document]) -> list[str]:
    """Return what is opened for Tokens documents: their lifecycles, and issuers in place of shipped ones."""
    return sorted(
        {
            beside(ref, document.path)
            for document in documents
            for ref in (
                *(entry["lifecycle"] for entry in document.data["tokens"].values()),
                *document.data.get("issuers", {}).values(),
            )
        }
    )


def wish_of(desk: "Desk", key: str) -> Wanted | None:
    """Return the wish to acquire anew what *key* holds; None if that takes a person. On the store thread."""
    row = desk.store.load(desk.tenant, key)
    if row is None:
        return None
    token, lifecycle = desk.opened(row)
    acquisition = lifecycle.acquisitions.get(token.platform or "")
    if acquisition is None or acquisition.consent != "none" or acquisition.runs_on != "server":
        return None
    return Wanted(
        key=key,
        lifecycle=lifecycle.name,
        platform=acquisition.platform,
        attributes=token.attributes,
        scope=tuple(sorted(token.scope)),
    )


async def look_after(desk: "Desk", one: Wanted) -> Kept | None:
    """Make sure of one token: serve it, acquire it when it is missing, say what a person must do.

    One that serves and wants to be acquired anew (`reacquire: auto`) is; should that fail, it still serves.
    What stands in the way of one token keeps no other waiting; a StoreError that is not about its own row
    is raised. None: another worker is at it.
    """
    async with desk.leased(one.key) as mine:
        return await _look(desk, one) if mine else None


async def _look(desk: "Desk", one: Wanted) -> Kept:
    held = None
    try:
        held = await _held(desk, one.key)
        if held is not None and not await _wants_another(desk, one.key):
            return Kept(key=one.key, state=held)
        token = await _decided(desk, one.key) if held is None else None
        if token is None:
            token = await desk.at_leisure(
                one.key,
                lambda: flows.acquire(
                    desk.setting,
                    one.key,
                    lifecycle=one.lifecycle,
                    platform=one.platform,
                    attributes=one.attributes,
                    scope=frozenset(one.scope),
                    tenant=desk.tenant,
                ),
            )
        return Kept(key=one.key, state=token.state)
    except StoreError as error:
        if not isinstance(error, _ITS_OWN):
            raise
        return Kept(key=one.key, state=held, error=error)
    except TokenflowError as error:
        return Kept(key=one.key, state=held, error=error if held is None else None, overdue=held is not None)


async def _held(desk: "Desk", key: str) -> str | None:
    """Return the state of a usable token, or None when it has to be acquired."""
    try:
        return (await desk.at_leisure(key, lambda: flows.token(desk.setting, key))).state
    except (TokenNotFound, PersonNeeded):
        return None


async def _decided(desk: "Desk", key: str) -> Token | None:
    """Return what came of a polled login that waits; None when none does. Raises PromptPending."""
    try:
        return await desk.at_leisure(key, lambda: flows.poll(desk.setting, key))
    except PromptExpired:
        return None
    except PromptPending as pending:
        if pending.poll is not None:
            raise
        return None


async def _wants_another(desk: "Desk", key: str) -> bool:
    """Return whether the lifecycle wants a new token in the place of this one, without a person."""
    row = await desk.on_store(lambda: desk.store.load(desk.tenant, key))
    entries = await desk.on_store(lambda: desk.store.history(desk.tenant, key))
    news = (from_json(entry.happened) for entry in entries if row is not None and entry.token_id == row.id)
    return any(isinstance(event, ReacquireWanted) and event.how == "auto" for event in news)
