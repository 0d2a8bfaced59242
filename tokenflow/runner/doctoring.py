"""Look at everything a token's life stands on, and say of each thing whether it holds and what mends it."""

import asyncio
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata, version
from typing import Any, Final

import attrs

from tokenflow._version import __version__
from tokenflow.core.effects import Request
from tokenflow.core.errors import IssuerUnreachable, SpecError, StoreError, TokenflowError
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import Reading
from tokenflow.core.tokens import SECOND, Instant, Token
from tokenflow.engine.clocks import Clock
from tokenflow.engine.findings import OK, PROBLEM, WARN, Checkable, Finding
from tokenflow.engine.holders import Sources, mode_of, warnings
from tokenflow.engine.keys import look_keyed
from tokenflow.engine.lessons import SHELF as LESSONS
from tokenflow.engine.lessons import read
from tokenflow.engine.opening import read_all
from tokenflow.engine.secrets import SecretReader
from tokenflow.engine.skews import SHELF as SKEWS
from tokenflow.engine.transports import Transport
from tokenflow.hooks.places import HOUSE
from tokenflow.hooks.registry import Registry
from tokenflow.runner.explaining import explain
from tokenflow.runner.looking import Glass, glass
from tokenflow.runner.spans import span
from tokenflow.spec import Document, load, shipped

_LATE: Final = 3600 * SECOND
"""A token that was due so long ago is attended to by nobody."""
_FIRST: Final = 1_577_836_800 * SECOND
"""2020: no machine that runs this has an earlier clock that is right."""
_MOST: Final = 20
"""Tokens in trouble that are named one by one."""


def examine(
    *,
    registry: Registry,
    clock: Clock,
    specs: Sequence[str] = (),
    store: Any = None,
    key: str | None = None,
    tenant: str = "default",
) -> Iterator[Finding]:
    """Yield what is found: of the installation, of *specs*, and of an open *store* where one is given."""
    yield _runtime()
    yield _wall(clock.reading())
    yield from _plugins(registry)
    yield _extras()
    yield from _shipped()
    documents, unread = _documents(specs, registry)
    yield from unread
    yield from _secrets(documents, registry)
    if store is not None:
        seen = glass(store, documents, registry=registry, tenant=tenant, clock=clock)
        yield from _kept(seen, key)


def _runtime() -> Finding:
    return Finding(
        about="runtime", verdict=OK, says=f"tokenflow {__version__} on Python {platform.python_version()}"
    )


def _wall(reading: Reading) -> Finding:
    if reading.wall < _FIRST:
        return Finding(
            about="clock", verdict=PROBLEM, says="the clock is years behind", mend="set it, e.g. by NTP"
        )
    return Finding(
        about="clock", verdict=OK, says=f"up for {span(reading.boot)}, and the wall clock is plausible"
    )


def _plugins(registry: Registry) -> Iterator[Finding]:
    verdicts = {"active": OK, "disabled": WARN, "broken": PROBLEM}
    for line in registry.listing():
        why = f": {line.why}" if line.why else f", {len(line.offers)} offers"
        mend = "upgrade or uninstall it; see `tokenflow plugins list`" if line.status == "broken" else None
        yield Finding(
            about=f"plugin {line.name}", verdict=verdicts[line.status], says=f"{line.status}{why}", mend=mend
        )


def _extras() -> Finding:
    """Extras are conveniences: what is missing is told when it is needed, too."""
    try:
        wanted = metadata(HOUSE).get_all("Requires-Dist") or []
    except PackageNotFoundError:
        return Finding(
            about="extras", verdict=OK, says="tokenflow runs from a folder, not from a distribution"
        )
    extras: dict[str, list[str]] = {}
    for line in wanted:
        name, marked, extra = line.partition("; extra == ")
        if marked:
            extras.setdefault(extra.strip("'\""), []).append(name.split(">")[0].split("=")[0].strip())
    have = sorted(extra for extra, names in extras.items() if all(_installed(name) for name in names))
    lack = sorted(extras.keys() - set(have))
    return Finding(
        about="extras",
        verdict=OK,
        says=f"installed: {', '.join(have) or 'none'}; not installed: {', '.join(lack) or 'none'}",
    )


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _shipped() -> Iterator[Finding]:
    names = [name for kind in ("Lifecycle", "Issuer", "Tokens", "Scenario") for name in shipped(kind)]
    broken = 0
    for name in names:
        try:
            load(f"builtin:{name}")
        except SpecError as error:
            broken += 1
            yield Finding(
                about="specs",
                verdict=PROBLEM,
                says=_line(error),
                mend="reinstall tokenflow: its own spec is broken",
            )
    yield Finding(about="specs", verdict=OK, says=f"{len(names) - broken} shipped specs can be read")


def _documents(specs: Sequence[str], registry: Registry) -> tuple[list[Document], list[Finding]]:
    documents: list[Document] = []
    unread = []
    issuers = [spec for spec in specs if _is_issuer(spec)]
    for spec in specs:
        try:
            read = read_all([spec, *(one for one in issuers if one != spec)], registry)
            documents += [doc for doc in read if doc.name not in {d.name for d in documents}]
        except SpecError as error:
            mend = f"tokenflow validate {spec}"
            unread.append(Finding(about=f"spec {spec}", verdict=PROBLEM, says=_line(error), mend=mend))
    return documents, unread


def _is_issuer(spec: str) -> bool:
    with suppress(SpecError):  # told where it is read
        return load(spec).kind == "Issuer"
    return False


def _secrets(documents: Sequence[Document], registry: Registry) -> Iterator[Finding]:
    """Resolve each reference, and say only whether something is there."""
    reader = SecretReader({name: source.read for name, source in registry.secret_sources().items()})
    for document in documents:
        for name, reference in _references(document):
            about = f"secret {document.name}.{name}"
            try:
                reader(reference)
            except TokenflowError as error:
                yield Finding(about=about, verdict=PROBLEM, says=_line(error), mend=error.mend)
            else:
                yield Finding(about=about, verdict=OK, says="found")


def _references(document: Document) -> Iterator[tuple[str, str]]:
    for place in ("secrets", "client"):
        for name, value in document.data.get(place, {}).items():
            if isinstance(value, dict) and "from" in value:
                yield name, value["from"]


def _kept(seen: Glass, key: str | None) -> Iterator[Finding]:
    """Each part by itself: a damaged page hides none of the others."""
    looks: tuple[Callable[[], Iterable[Finding]], ...] = (
        lambda: seen.store.check(seen.clock()) if isinstance(seen.store, Checkable) else (),
        lambda: _key(seen, key),
        lambda: [_time(seen)],
        lambda: _tokens(seen),
        lambda: _skews(seen),
        lambda: _lessons(seen),
    )
    for look in looks:
        try:
            yield from look()
        except StoreError as error:
            yield Finding(about="store", verdict=PROBLEM, says=_line(error), mend=error.mend)


def _key(seen: Glass, reference: str | None) -> Iterator[Finding]:
    try:
        ring = look_keyed(seen.store, reference, Sources.of(seen.registry))
    except TokenflowError as error:
        yield Finding(about="key", verdict=PROBLEM, says=_line(error), mend=error.mend)
        return
    if ring is None:
        says = "the store is new: a key is made when it is first used"
        yield Finding(about="key", verdict=OK, says=says)
        return
    mode = "" if mode_of(ring.holder) is None else f", mode {mode_of(ring.holder)}"
    where = f"{ring.holder.place} ({ring.holder.scheme}{mode})"
    says = f"the key in {where} opens this store, which seals under term {ring.newest}"
    yield Finding(about="key", verdict=OK, says=says)
    for says, mend in warnings(ring.holder, seen.store):
        yield Finding(about="key", verdict=WARN, says=says, mend=mend)
    if ring.keys.rotating:
        says = f"a rotation to term {ring.newest} was begun and is not done"
        yield Finding(about="key", verdict=WARN, says=says, mend="tokenflow keys rotate --store ...")


def _time(seen: Glass) -> Finding:
    clock, mark = seen.time(), seen.store.mark()
    if clock.held is not None:
        return Finding(
            about="clock",
            verdict=PROBLEM,
            says=f"timers are held: {clock.held}",
            mend="set the clock right, or open the engine with accept_clock=True",
        )
    ago = f"last saved {span(max(clock.now - mark, 0))} ago" if mark else "nothing saved yet"
    return Finding(about="clock", verdict=OK, says=f"not behind the store's high-water mark; {ago}")


def _tokens(seen: Glass) -> Iterator[Finding]:
    now, troubles, live = seen.time().now, 0, 0
    for key in seen.store.keys(seen.tenant):
        found, lives = _token(seen, key, now)
        live += lives
        if found is None:
            continue
        troubles += 1
        if troubles <= _MOST:
            yield found
    if troubles > _MOST:
        yield Finding(about="tokens", verdict=WARN, says=f"and {troubles - _MOST} more tokens in trouble")
    yield Finding(about="tokens", verdict=OK, says=f"{live} live tokens, {troubles} in trouble")


def _token(seen: Glass, key: str, now: Instant) -> tuple[Finding | None, bool]:
    """Return what is wrong with one token, if anything, and whether it is live."""
    about = f"token {key}"
    try:
        token = seen.demand(key)
        lifecycle = seen.lifecycle(token)
        if lifecycle.states[token.state].final:
            return None, False
        return _trouble(seen, about, token, lifecycle, now), True
    except TokenflowError as error:
        return Finding(about=about, verdict=PROBLEM, says=_line(error), mend=error.mend), True


def _trouble(seen: Glass, about: str, token: Token, lifecycle: Lifecycle, now: Instant) -> Finding | None:
    row = seen.store.load(seen.tenant, token.key)
    due = None if row is None else row.due_at
    if token.attempt is not None and token.attempt.uncertain:
        says = f"{token.attempt.command or token.attempt.event} may or may not have been carried out"
        return Finding(
            about=about, verdict=WARN, says=says, mend=f"tokenflow explain {token.key} --store ..."
        )
    if due is not None and now - due > _LATE:
        says = f"due since {span(now - due)}, and nobody attends to it"
        mend = "keep it: tokenflow run TOKENS --store ... --watch"
        return Finding(about=about, verdict=WARN, says=says, mend=mend)
    person = explain(seen, token.key).person
    if person is not None:
        return Finding(about=about, verdict=WARN, says=person)
    return None


def _skews(seen: Glass) -> Iterator[Finding]:
    for host in seen.store.names(SKEWS):
        try:
            word = json.loads(seen.store.get(SKEWS, host) or b"{}")
        except ValueError:
            continue  # a word lost is measured again with the next answer
        if word.get("apart"):
            way = "ahead of" if word["offset"] > 0 else "behind"
            says = f"its clock is {span(abs(word['offset']))} {way} ours"
            mend = "if it is ours that is wrong, set it; ends it names are taken the shorter way"
            yield Finding(about=f"issuer {host}", verdict=WARN, says=says, mend=mend)


def _lessons(seen: Glass) -> Iterator[Finding]:
    prefix = f"{seen.tenant}/"
    for name in seen.store.names(LESSONS):
        learned = read(seen.store.get(LESSONS, name))
        if name.startswith(prefix) and learned.life is not None:
            promised = "" if learned.promised is None else f", and are promised {span(learned.promised)}"
            says = f"values lately lived {span(learned.life)}{promised}; they are renewed sooner"
            yield Finding(about=f"lifetime {name.removeprefix(prefix)}", verdict=WARN, says=says)


def reach(documents: Sequence[Document], transport: Transport, base: str | None = None) -> Iterator[Finding]:
    """Yield whether the issuers among *documents* answer at all: one request each, without any secret."""
    for document in documents:
        endpoints = document.data.get("endpoints", {}) if document.kind == "Issuer" else {}
        url = base or next(
            (endpoints[name] for name in ("token_endpoint", "graph") if name in endpoints), None
        )
        url = url or next(iter(endpoints.values()), None)
        if url is not None:
            yield asyncio.run(_answers(document.name, url, transport))


async def _answers(name: str, url: str, transport: Transport) -> Finding:
    try:
        response = await transport.send(Request(method="GET", url=url))
    except IssuerUnreachable as error:
        return Finding(about=f"issuer {name}", verdict=PROBLEM, says=_line(error), mend=error.mend)
    finally:
        await transport.close()
    return Finding(about=f"issuer {name}", verdict=OK, says=f"it answers ({response.status})")


def worst(findings: Sequence[Finding]) -> str:
    """Return the gravest verdict."""
    verdicts = {one.verdict for one in findings}
    return next((one for one in (PROBLEM, WARN) if one in verdicts), OK)


def plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as plain data."""
    return [attrs.asdict(one) for one in findings]


def _line(error: TokenflowError) -> str:
    return str(error).partition("\n")[0]
