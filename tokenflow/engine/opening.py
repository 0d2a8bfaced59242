"""Open an engine: read the specs, find the plugins, open the store, take the key."""

import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs

from tokenflow.core.compiling import compile_issuer, compile_lifecycle, meanings_of
from tokenflow.core.effects import Exchange, Issuer, Order
from tokenflow.core.events import Happened
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.secret import Secret
from tokenflow.core.setting import AcquireFlow, CommandFlow, DeriveFlow, Setting
from tokenflow.core.tokens import SECOND, Token
from tokenflow.engine.auditing import open_auditor
from tokenflow.engine.cache import Cache
from tokenflow.engine.clocks import Clock, SystemClock
from tokenflow.engine.desk import Desk
from tokenflow.engine.grips import Grip
from tokenflow.engine.guards import Errand, Gate
from tokenflow.engine.holders import Sources
from tokenflow.engine.journals import Journals
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.lessons import Lessons
from tokenflow.engine.library import Library
from tokenflow.engine.locks import FileLocks, ProcessLocks, TokenLocks
from tokenflow.engine.naming import names_of
from tokenflow.engine.outbox import Outbox
from tokenflow.engine.performer import Performer, Strander, forget_locals
from tokenflow.engine.places import open_store
from tokenflow.engine.published import Publications
from tokenflow.engine.secrets import SecretReader
from tokenflow.engine.skews import SHELF as SKEWS
from tokenflow.engine.skews import SkewWatch
from tokenflow.engine.stores import HasFolder, Store
from tokenflow.engine.tenants import Tenants, named
from tokenflow.engine.timekeeping import Timekeeper
from tokenflow.engine.transports import HttpTransport, Transport
from tokenflow.engine.wishes import specs_of, wanted
from tokenflow.hooks.registry import Registry
from tokenflow.spec import Document, Names, load
from tokenflow.spec.issuers import shipped_issuer, with_issuers

T = TypeVar("T")
log = logging.getLogger(__name__)
_TOLERANCE = 5 * 60 * SECOND


@attrs.frozen(kw_only=True)
class Options:
    """How an engine is opened; every one has a default that is right for one machine."""

    tenant: str = attrs.field(default="default", converter=named)
    """Whose tokens; 1 to 200 printable characters, no slash."""
    key: str | None = None
    """Who holds the key of the store: file:/path, systemd:name, keyring:service/user, a plugin's; None: a key
    file made on first use."""
    registry: Registry | None = None
    """None: the plugins that are installed."""
    clock: Clock = attrs.field(factory=SystemClock)
    transport: Callable[[], Transport] = HttpTransport
    """Makes a transport; called on the engine's own loop."""
    issuer: str | None = None
    """Base URL that every endpoint is re-pointed to: the sandbox's, say."""
    app: Mapping[str, Any] = attrs.field(factory=dict)
    """Facts of the registered app, over those of the issuer's document."""
    client_ids: Mapping[str, str] = attrs.field(factory=dict)
    """Client ids by issuer name, over the issuer documents' own."""
    redirect_uri: str | None = None
    secrets: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)
    """Secrets by whole reference, instead of looking there."""
    worker: str | None = None
    """Name under which attempts are begun; None: one of its own for each engine and process.

    Name one only where no two processes run under it: what its predecessor left open is then taken up as
    soon as its request can arrive no more. A forked child has its own name in any case.
    """
    settled: bool = False
    """Nothing that an earlier process of this worker's name sent can still arrive, and that is known.

    Then what it left open is taken up without waiting. A scenario knows that: its issuer does a step once.
    """
    accept_clock: bool = False
    """Believe the wall clock whatever it says (rule T12)."""
    trust_cache: float = 1.0
    """Seconds a token found fresh is handed out before the store is asked again."""
    on_event: Callable[[Sequence[Happened]], None] | None = None
    """Told of events after their commit, as plugins' tokenflow_observe is.

    What a spec notifies of is told at least once: while it raises, again at each sweep and opening, under
    the same `about.delivery`. Everything else is told once.
    """


class OnDemand(Mapping[str, T]):
    """Issuers by name. One that only a pinned spec names is read when a token needs it (rule M1)."""

    def __init__(self, found: Mapping[str, T], find: Callable[[str], T]) -> None:
        """*find* raises SpecError."""
        self._found, self._find = dict(found), find

    def __getitem__(self, name: str) -> T:
        if not name:
            raise KeyError(name)
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@attrs.frozen
class _Plugins:
    """The registry as flows see it: flows by name."""

    registry: Registry

    def acquire(self, name: str) -> AcquireFlow:
        return self.registry.acquirer(name).flow

    def login_in(self, name: str, order: Order) -> str | None:
        once = self.registry.acquirer(name).once
        return None if once is None else once(order)

    def command(self, name: str) -> CommandFlow:
        return self.registry.command(name).flow

    def exchange(self, name: str) -> Exchange:
        return self.registry.code_exchange(name).flow

    def derive(self, name: str) -> DeriveFlow:
        return self.registry.deriver(name).flow


def open_desk(specs: Sequence[str | Path], store: "str | Store", options: Options) -> Desk:
    """Open everything an engine needs; raises SpecError, PluginError, StoreError, SecretNotFound."""
    registry = options.registry or Registry.installed()
    documents = read_all(specs, registry)
    reader = SecretReader({name: source.read for name, source in registry.secret_sources().items()}).given(
        options.secrets
    )
    named = {doc.name: doc for doc in documents if doc.kind == "Issuer"}
    kept = OnDemand(named, lambda name: shipped_issuer(name, spec_names(registry)))
    issuers = OnDemand(
        {name: _issuer(doc, reader, options) for name, doc in named.items()},
        lambda name: _issuer(kept[name], reader, options),
    )
    issuer_data = OnDemand({name: doc.data for name, doc in named.items()}, lambda name: kept[name].data)
    lifecycles = compiled(documents, issuer_data, registry, options.app)
    opened = open_store(store, registry) if isinstance(store, str) else store
    try:
        desk = _desk(
            lifecycles, issuers, issuer_data, opened, registry, reader, options, owns=isinstance(store, str)
        )
        desk.wishes = wanted([doc for doc in documents if doc.kind == "Tokens"])
        return desk
    except BaseException as error:
        if isinstance(store, str):
            opened.close()
        forget_locals(error)  # a key that is none may be one in another spelling
        raise


def compiled(
    documents: Sequence[Document],
    issuers: Mapping[str, Mapping[str, Any]],
    registry: Registry,
    app: Mapping[str, Any],
) -> dict[str, Lifecycle]:
    """Return the lifecycles among *documents* by name; *issuers* are resolved Issuer documents by name."""
    guards = registry.guards()
    return {
        doc.name: compile_lifecycle(
            doc.data,
            digest=doc.digest,
            guards=guards,
            issuer=issuers.get(doc.data.get("issuer", "")),
            app=app,
        )
        for doc in documents
        if doc.kind == "Lifecycle"
    }


def _desk(
    lifecycles: Mapping[str, Lifecycle],
    issuers: Mapping[str, Issuer],
    issuer_data: Mapping[str, Any],
    store: Store,
    registry: Registry,
    reader: SecretReader,
    options: Options,
    *,
    owns: bool,
) -> Desk:
    cipher = open_keyed(store, options.key, Sources(reader, registry.key_services()))
    audit = open_auditor(store, cipher, options.clock)
    tolerance = max((one.backward_tolerance for one in lifecycles.values()), default=_TOLERANCE)
    time = Timekeeper(options.clock, store, backward_tolerance=tolerance, accept_clock=options.accept_clock)
    library = Library(lifecycles, issuer_data, registry.guards(), options.app, store)
    opener = os.getpid()
    cache = Cache(options.trust_cache)
    lessons = Lessons(store, options.tenant)
    publications = Publications(options.clock)
    gate = Gate(issuers, lambda name: meanings_of(issuer_data[name]), options.clock)

    def listen(events: Sequence[Happened]) -> bool:
        heard = True
        if options.on_event is not None:
            try:
                options.on_event(events)
            except Exception as error:  # noqa: BLE001  # it is saved already: no listener makes it fail
                log.warning("on_event failed with %s", type(error).__name__)
                heard = False
        return registry.observers(events) and heard

    def hear(events: Sequence[Happened]) -> bool:
        heard = listen(events)
        for hearer in tuple(desk.hearers):
            hearer.happened(events)
        return heard

    outbox = Outbox(store, options.tenant, hear)
    folder = cast(HasFolder, store).folder if "folder" in store.capabilities else None
    locks: TokenLocks = ProcessLocks() if folder is None else FileLocks(folder / "locks")

    def saved(tokens: Sequence[Token]) -> None:
        for token in tokens:
            cache.saved(token)
        for hearer in tuple(desk.hearers):
            hearer.saved(tokens)

    def performer(pool: ThreadPoolExecutor, strand: Strander) -> Performer:
        worker = (options.worker if os.getpid() == opener else None) or uuid.uuid4().hex
        segments = None if folder is None else folder / "journals"
        return Performer(
            tenant=options.tenant,
            worker=worker,
            settled=options.settled and worker == options.worker,
            store=store,
            cipher=cipher,
            audit=audit,
            transport=Errand(gate, _watched(options, issuers, store, pool)),
            time=time,
            read_secret=reader,
            library=library,
            lessons=lessons,
            publications=publications,
            journals=Journals.opened(store, options.tenant, cipher, segments, worker),
            grip=Grip(locks, options.tenant),
            strand=strand,
            tell=outbox.tell,
            saved=saved,
            store_thread=pool,
        )

    desk = Desk(
        setting=Setting(lifecycles=lifecycles, issuers=issuers, plugins=_Plugins(registry)),
        store=store,
        cache=cache,
        clock=options.clock,
        tenant=options.tenant,
        owns_store=owns,
        comes_back=options.worker is not None,
        audit=audit,
        gate=gate,
        outbox=outbox,
        callback_flow=lambda name: registry.callback(name).flow,
        make_performer=performer,
    )
    desk.tenants = Tenants(desk, listen)
    outbox.deliver()  # what a process that died, or a listener that failed, has left to tell
    return desk


def _watched(
    options: Options, issuers: Mapping[str, Issuer], store: Store, pool: ThreadPoolExecutor
) -> SkewWatch:
    """Return a transport that notes in the store when an issuer's clock parts from ours."""

    def note(host: str, word: bytes) -> None:
        pool.submit(store.put, SKEWS, host, word)

    return SkewWatch(options.transport(), clock=options.clock, issuers=issuers, note=note)


def spec_names(registry: Registry) -> Names:
    """Return the names a spec may use; `names_of(offered())` has them without importing a plugin."""
    return names_of(registry.offers())


def read_all(specs: Sequence[str | Path], registry: Registry) -> list[Document]:
    """Read *specs*, what Tokens documents among them name, and the issuers lifecycles name.

    An Issuer among *specs* comes before any other of its name. Raises SpecError.
    """
    names = spec_names(registry)
    documents = [load(spec, names=names) for spec in specs]
    given = {one.name for one in documents if one.kind == "Issuer"}
    further = (load(spec, names=names) for spec in specs_of(one for one in documents if one.kind == "Tokens"))
    documents += [one for one in further if one.kind != "Issuer" or one.name not in given]
    return with_issuers(documents, names)


def _issuer(doc: Document, reader: SecretReader, options: Options) -> Issuer:
    client = dict(doc.data.get("client", {}))
    if doc.name in options.client_ids:
        client["client_id"] = options.client_ids[doc.name]
    if options.redirect_uri is not None:
        client["redirect_uri"] = options.redirect_uri
    facts = {name: _public(value, reader) for name, value in client.items()}
    client_id = facts.pop("client_id", "")
    issuer = compile_issuer(doc.data, client_id=client_id, base=options.issuer)
    app = {**issuer.app, **options.app}
    return attrs.evolve(issuer, app=app, client=facts)


def _public(value: Any, reader: SecretReader) -> str:
    """A fact of the client may be named by reference too; it is no secret."""
    return reader(value["from"]).reveal() if isinstance(value, Mapping) else str(value)


def library_in(store: Store, specs: Sequence[str | Path], registry: Registry) -> Library:
    """Return the lifecycles of *specs*, and those the tokens in *store* are pinned to: to look, no engine."""
    documents = read_all(specs, registry)
    named = {doc.name: doc.data for doc in documents if doc.kind == "Issuer"}
    issuers = OnDemand(named, lambda name: shipped_issuer(name, spec_names(registry)).data)
    return Library(compiled(documents, issuers, registry, {}), issuers, registry.guards(), {}, store)
