"""The verbs of the switch that stops refreshing, in an emergency."""

from concurrent.futures import Future

from tokenflow.core.errors import Refused
from tokenflow.engine.desk import Desk
from tokenflow.engine.library import kept_specs
from tokenflow.engine.switches import Stopped, resume, stop


def stop_refreshing(desk: Desk, because: str, *, issuer: str | None = None) -> "Future[Stopped]":
    """Stop every process on this store, all tenants', from refreshing at *issuer*; None: at any.

    From its return on no process begins to extend, derive, or acquire by itself; what is out is finished, for
    it cannot be called back. Tokens that are held serve to their end, revocation goes on, questions are still
    asked, and a person may still log in. No try is used up by it, and nothing ends sooner. *because* is told
    to whoever is refused. Raises Refused (unknown_issuer, no_reason), StoreError.
    """
    return desk.begin(_stop(desk, because, issuer))


async def _stop(desk: Desk, because: str, issuer: str | None) -> Stopped:
    if not because.strip():
        raise Refused("no_reason", "say why: whoever is refused a token is told", mend="because=...")
    switch = Stopped(issuer=issuer, because=" ".join(because.split()), at=(await desk.look()).now)

    def write() -> None:
        _demand_known(desk, issuer)
        facts = {"issuer": issuer, "because": switch.because}
        desk.audit.write("refreshing stopped", facts=facts)
        stop(desk.store, switch)

    await desk.on_store(write)
    return switch


def _demand_known(desk: Desk, issuer: str | None) -> None:
    """Raise Refused("unknown_issuer") for a name that no lifecycle has: a slip would stop nothing."""
    if issuer is None:
        return
    known = {str(spec.get("issuer", "")) for spec in kept_specs(desk.store).values()}
    known |= {lifecycle.issuer for lifecycle in desk.setting.lifecycles.values()}
    if issuer not in known:
        names = ", ".join(sorted(known - {""})) or "none"
        raise Refused("unknown_issuer", f"no token here is of an issuer {issuer!r}; there are: {names}")


def resume_refreshing(desk: Desk, *, issuer: str | None = None) -> "Future[tuple[Stopped, ...]]":
    """Let refreshing at *issuer* go on, or, with None, at all; return what was stopped until now.

    A switch for every issuer is not lifted for one alone. Raises StoreError.
    """

    def write() -> tuple[Stopped, ...]:
        desk.audit.write("refreshing resumed", facts={"issuer": issuer})
        return resume(desk.store, issuer)

    return desk.begin(desk.on_store(write))
