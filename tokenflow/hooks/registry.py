"""Which plugin offers a name: found by metadata, imported when asked for, its absence explained.

Rule 1. A disabled plugin is never imported: it is blocked before anything of it runs.
Rule 2. A plugin is imported when a name it may own is looked up. `acme.api_key` is looked for in the
        plugin `acme` first; only when it is not there are all plugins imported.
Rule 3. A broken plugin stops nobody else. It is listed, with its reason, and named by the error of
        whoever looks for something it may own.
Rule 4. Names are looked up, never ordered: a name that two plugins offer belongs to neither.
"""

import logging
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Self, TypeVar

import attrs
import pluggy

from tokenflow.core.conditions import GuardCheck
from tokenflow.core.errors import DuplicateCapability, PluginError, UnknownCapability
from tokenflow.hooks import specs
from tokenflow.hooks.offers import ALLOW, DISABLE, Offer, allowed_by, disabled_by, disables_foreign
from tokenflow.hooks.places import (
    HOUSE,
    Place,
    entry,
    explained,
    files,
    given,
    is_among,
    is_house,
    one_a_name,
)
from tokenflow.hooks.records import (
    API,
    Acquirer,
    Callback,
    CodeExchange,
    Command,
    Deriver,
    Format,
    Guard,
    KeyService,
    Record,
    SecretSource,
    StoreBackend,
)

GROUP: Final = "tokenflow"
"""The entry point group a plugin's distribution declares itself in."""

KINDS: Final[Mapping[type[Record], str]] = MappingProxyType({
    Acquirer: "acquirer",
    Callback: "callback",
    Command: "command",
    CodeExchange: "code_exchange",
    Deriver: "deriver",
    Format: "format",
    Guard: "guard",
    KeyService: "key_service",
    SecretSource: "secret_source",
    StoreBackend: "store",
})  # fmt: skip
"""What may be looked up, and what it is called in `names()`, in listings and in errors."""

_YIELDS: Final[Mapping[str, tuple[type[Record], ...]]] = MappingProxyType({
    "tokenflow_acquirers": (Acquirer,),
    "tokenflow_callbacks": (Callback,),
    "tokenflow_commands": (Command, CodeExchange),
    "tokenflow_derivers": (Deriver,),
    "tokenflow_formats": (Format,),
    "tokenflow_guards": (Guard,),
    "tokenflow_key_services": (KeyService,),
    "tokenflow_secrets": (SecretSource,),
    "tokenflow_stores": (StoreBackend,),
})  # fmt: skip

R = TypeVar(
    "R",
    Acquirer,
    Callback,
    Command,
    CodeExchange,
    Deriver,
    Format,
    Guard,
    KeyService,
    SecretSource,
    StoreBackend,
)
log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class PluginLine:
    """One line of `tokenflow plugins`: a plugin, or one record of it that this tokenflow cannot use."""

    name: str
    origin: str
    """Distribution and version, a file's path, or `given` for a module handed to `Registry.of`."""
    status: Literal["active", "disabled", "broken"]
    offers: tuple[str, ...] = ()
    """`<kind> <name>`, sorted, and `observer`."""
    why: str = ""
    """Why it is disabled or broken, or which of its names another plugin offers too."""


class Registry:
    """The plugins there are, asked by name. One may be shared by threads; each loads at most once."""

    def __init__(self, places: Iterable[Place], disabled: Mapping[str, str]) -> None:
        self._lock = threading.RLock()
        self._manager = pluggy.PluginManager(specs.PROJECT)
        self._manager.add_hookspecs(specs)
        self._places = one_a_name(places)
        self._disabled = disabled
        for name in disabled:
            self._manager.set_blocked(name)
        self._waiting = {name: place for name, place in self._places.items() if name not in disabled}
        self._offers: dict[tuple[str, str], dict[str, Record]] = defaultdict(dict)
        self._broken: dict[str, str] = {}
        self._too_new: dict[str, tuple[str, str]] = {}

    @classmethod
    def of(cls, *modules: object) -> Self:
        """Return a registry of these plugins and no others: for tests, and for embedding.

        `tokenflow_acme` is called `acme`, as its entry point would be.
        """
        return cls((given(module) for module in modules), {})

    @classmethod
    def installed(
        cls,
        disabled: Iterable[str] = (),
        plugins_dir: Path | None = None,
        only_builtin: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Return a registry of what is installed, and of each `*.py` in *plugins_dir*, none imported yet.

        *disabled*, and the environment's TOKENFLOW_DISABLE_PLUGINS, name plugins to leave alone;
        *only_builtin*, or `1` there, leaves alone all that did not come with tokenflow, and
        TOKENFLOW_ALLOW_PLUGINS all whose distribution it does not name. Raises PluginError when
        *plugins_dir* is not a folder.
        """
        left_out = dict.fromkeys(disabled_by(environ), f"{DISABLE} names it; take it out there")
        left_out |= dict.fromkeys(disabled, "this run disables it; leave it out of `disabled`")
        found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
        only_builtin = only_builtin or disables_foreign(environ)
        allowed = frozenset[str]() if only_builtin else allowed_by(environ)
        if allowed is not None:
            known = [point for point in found if is_house(point) or is_among(point, allowed)]
            names = {point.name for point in known}
            foreign = [point for point in found if point.name not in names]
            why = "this run asked for built-in plugins only"
            left_out |= {
                point.name: why if only_builtin else f"{ALLOW} does not name its distribution"
                for point in foreign
            }
            found = known + foreign
        places = [entry(point) for point in found]
        if plugins_dir is not None and not only_builtin:
            places += files(plugins_dir)
        return cls(places, left_out)

    def acquirer(self, name: str) -> Acquirer:
        """Return the acquirer of that name.

        Like every look-up: raises UnknownCapability, or DuplicateCapability when two plugins offer it.
        """
        return self._find(Acquirer, name)

    def callback(self, name: str) -> Callback:
        """Return the callback of that name."""
        return self._find(Callback, name)

    def command(self, name: str) -> Command:
        """Return the command of that name."""
        return self._find(Command, name)

    def code_exchange(self, name: str) -> CodeExchange:
        """Return the code exchange of that name."""
        return self._find(CodeExchange, name)

    def deriver(self, name: str) -> Deriver:
        """Return the deriver of that name."""
        return self._find(Deriver, name)

    def store(self, scheme: str) -> StoreBackend:
        """Return the store backend of that scheme."""
        return self._find(StoreBackend, scheme)

    def format(self, name: str) -> Format:
        """Return the form tokens are found in of that name."""
        return self._find(Format, name)

    def formats(self) -> Mapping[str, Format]:
        """Return every form tokens are found in, by name; raises DuplicateCapability. Imports all plugins."""
        return self._all(Format)

    def guards(self) -> Mapping[str, GuardCheck]:
        """Return every guard by name; raises DuplicateCapability. Imports all plugins."""
        return {name: guard.check for name, guard in self._all(Guard).items()}

    def key_services(self) -> Mapping[str, KeyService]:
        """Return every key service by scheme; raises DuplicateCapability. Imports all plugins."""
        return self._all(KeyService)

    def secret_sources(self) -> Mapping[str, SecretSource]:
        """Return every source of secrets by scheme; raises DuplicateCapability. Imports all plugins."""
        return self._all(SecretSource)

    def names(self) -> Mapping[str, frozenset[str]]:
        """Return the names on offer of each kind (the values of KINDS). Imports all plugins."""
        with self._lock:
            self._load_all()
            return {kind: frozenset(self._known(kind)) for kind in KINDS.values()}

    def offers(self) -> tuple[Offer, ...]:
        """Return every name on offer as data, sorted by kind and name. Imports all plugins."""
        with self._lock:
            self._load_all()
            return tuple(self._as_data())

    def known(self) -> frozenset[str]:
        """Return what plugins are called, those that are left alone too; imports none."""
        with self._lock:
            return frozenset(self._places.keys() | self._disabled.keys())

    def look(self, name: str) -> tuple[PluginLine, tuple[Offer, ...]]:
        """Return one plugin's line and what it offers, importing no other; raises PluginError."""
        with self._lock:
            known = self._places.keys() | self._disabled.keys()
            if name not in known:
                near = get_close_matches(name, known, n=1)
                mend = (
                    f"did you mean `{near[0]}`?"
                    if near
                    else f"there is: {', '.join(sorted(known)) or 'none'}"
                )
                raise PluginError(f"no plugin is called `{name}`", mend=mend)
            if name in self._waiting:
                self._load(self._waiting[name])
            line = next(line for line in self._lines() if line.name == name)
            return line, tuple(offer for offer in self._as_data() if offer.plugin == name)

    def _as_data(self) -> Iterator[Offer]:
        for (kind, name), owners in sorted(self._offers.items()):
            for plugin, record in sorted(owners.items()):
                yield Offer(
                    plugin=plugin,
                    kind=kind,
                    name=name,
                    runs_on=getattr(record, "runs_on", None),
                    options=getattr(record, "options", None),
                    endpoints=tuple(sorted(getattr(record, "endpoints", ()))),
                    handed=getattr(record, "handed", False),
                )

    def files(self) -> frozenset[str]:
        """Return the files of the plugins imported so far: what would change what they offer."""
        with self._lock:
            tops = {_module_of(plugin).partition(".")[0] for plugin in self._manager.get_plugins()}
        modules = [it for name, it in list(sys.modules.items()) if name.partition(".")[0] in tops]
        return frozenset(file for it in modules if (file := getattr(it, "__file__", None)))

    def observers(self, events: Sequence[Any]) -> bool:
        """Tell every plugin that listens; return whether all heard; a failure is logged and stops nobody."""
        with self._lock:
            self._load_all()
            listening = self._manager.hook.tokenflow_observe.get_hookimpls()
        heard = True
        for implementation in listening:
            try:
                self._call("tokenflow_observe", implementation.plugin_name, events=events)
            except Exception as error:  # noqa: BLE001 - what was committed stays so, whatever a listener makes of it
                heard = False
                # Neither the error's text nor its traceback: a listener may have put an event into it.
                log.error(
                    "the observer of plugin %s failed with %s; it was told of %s",
                    implementation.plugin_name,
                    type(error).__name__,
                    ", ".join(type(event).__name__ for event in events),
                )
        return heard

    def listing(self) -> list[PluginLine]:
        """Return a line for each plugin, and each record that needs a newer tokenflow. Imports all."""
        with self._lock:
            self._load_all()
            return sorted(self._lines(), key=lambda line: line.name)

    def _lines(self) -> Iterator[PluginLine]:
        for name in self._places.keys() | self._disabled.keys():
            origin = self._places[name].origin() if name in self._places else "not installed"
            if name in self._disabled:
                yield PluginLine(name=name, origin=origin, status="disabled", why=self._disabled[name])
            elif name in self._broken:
                yield PluginLine(name=name, origin=origin, status="broken", why=self._broken[name])
            else:
                yield self._active(name, origin)
        for name, (plugin, why) in self._too_new.items():
            yield PluginLine(name=name, origin=self._places[plugin].origin(), status="broken", why=why)

    def _active(self, plugin: str, origin: str) -> PluginLine:
        own = {key: owners for key, owners in sorted(self._offers.items()) if plugin in owners}
        offers = [f"{kind} {name}" for kind, name in own]
        if any(heard.plugin_name == plugin for heard in self._manager.hook.tokenflow_observe.get_hookimpls()):
            offers.append("observer")
        shared = [
            f"{kind} {name} is offered by {other} too"
            for (kind, name), owners in own.items()
            for other in owners.keys() - {plugin}
        ]
        why = "; ".join(shared)
        return PluginLine(name=plugin, origin=origin, status="active", offers=tuple(offers), why=why)

    def _find(self, record: type[R], name: str) -> R:
        kind = KINDS[record]
        with self._lock:
            owner = self._waiting.get(_owner(name))
            if owner is not None:
                self._load(owner)
            if (kind, name) not in self._offers:
                self._load_all()
            return self._only(record, name)

    def _all(self, record: type[R]) -> dict[str, R]:
        with self._lock:
            self._load_all()
            return {name: self._only(record, name) for name in self._known(KINDS[record])}

    def _only(self, record: type[R], name: str) -> R:
        kind = KINDS[record]
        found = self._offers.get((kind, name), {})
        if len(found) > 1:
            owners = " and ".join(f"`{plugin}`" for plugin in sorted(found))
            raise DuplicateCapability(
                f"the {_said(kind)} `{name}` is offered by the plugins {owners}",
                mend=f"disable all but one: {DISABLE}={max(found)}",
            )
        for offer in found.values():
            if isinstance(offer, record):
                return offer
        raise self._unknown(kind, name)

    def _unknown(self, kind: str, name: str) -> UnknownCapability:
        """Say why nobody offers *name*: the likeliest reason first."""
        owner, known, mend = _owner(name), self._known(kind), None
        if name in self._too_new:
            why, mend = f": it {self._too_new[name][1]}", f"upgrade {HOUSE}"
        elif owner in self._disabled:
            why, mend = f": the plugin `{owner}` is disabled", self._disabled[owner]
        elif owner in self._broken:
            why = f": the plugin `{owner}` is broken: {self._broken[owner]}"
        elif others := [other for other in KINDS.values() if (other, name) in self._offers]:
            why = f": `{name}` is {_said(others[0], article=True)}"
        else:
            near = get_close_matches(name, known, n=1)
            silent = ", ".join(sorted({*self._disabled, *self._broken}))
            why = f" (disabled or broken, and not asked: {silent})" if silent else ""
            mend = f"did you mean `{near[0]}`?" if near else f"there is: {', '.join(known) or 'none'}"
        return UnknownCapability(f"no plugin offers the {_said(kind)} `{name}`{why}", mend=mend)

    def _known(self, kind: str) -> list[str]:
        return sorted(name for its_kind, name in self._offers if its_kind == kind)

    def _load_all(self) -> None:
        for place in list(self._waiting.values()):
            self._load(place)

    def _load(self, place: Place) -> None:
        """Import one plugin and note what it offers: all of it, or, when it is broken, why."""
        if self._waiting.pop(place.name, None) is None:
            return  # a plugin that asks for another while it is imported was here first
        try:
            plugin = place.load()
            self._manager.register(plugin, name=place.name)
            self._check_hooks(plugin)
            records = list(self._collect(place.name))
        except KeyboardInterrupt:  # the person at the keyboard, not the plugin: it may be asked for again
            self._manager.unregister(name=place.name)
            self._waiting[place.name] = place
            raise
        except BaseException as error:  # noqa: BLE001 - the wall between a plugin and everybody else
            # SystemExit too: a script that calls sys.exit() when imported must not end its host.
            self._manager.unregister(name=place.name)
            self._broken[place.name] = explained(error)
            log.warning("plugin %s is broken: %s", place.name, self._broken[place.name])
            return
        for kind, record in records:
            if record.api > API:
                self._too_new[record.name] = (place.name, f"needs plugin API {record.api}, this is {API}")
            else:
                self._offers[kind, record.name][place.name] = record

    def _check_hooks(self, plugin: object) -> None:
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            known = [*_YIELDS, "tokenflow_observe"]
            callers = self._manager.get_hookcallers(plugin) or []
            for name in sorted(caller.name for caller in callers if not caller.has_spec()):
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise PluginError(f"unknown hook {name}{hint}") from None
            raise

    def _collect(self, plugin: str) -> Iterator[tuple[str, Record]]:
        seen = set()
        for hook, wanted in _YIELDS.items():
            for batch in self._call(hook, plugin):
                if not isinstance(batch, Iterable):
                    raise PluginError(f"{hook} returns {type(batch).__name__}; it yields {_either(wanted)}")
                for record in batch:
                    if not isinstance(record, wanted):
                        found = type(record).__name__
                        raise PluginError(f"{hook} yields {found}; it yields {_either(wanted)}")
                    if not isinstance(record.name, str):
                        raise PluginError(f"{hook} yields a {type(record).__name__} whose name is no text")
                    kind = next(kind for its_type, kind in KINDS.items() if isinstance(record, its_type))
                    if (kind, record.name) in seen:
                        raise PluginError(f"{hook} yields the {_said(kind)} `{record.name}` twice")
                    seen.add((kind, record.name))
                    yield kind, record

    def _call(self, hook: str, plugin: str, **arguments: Any) -> Any:
        """Call one plugin's implementation alone, so that what goes wrong has an owner."""
        others = [it for name, it in self._manager.list_name_plugin() if name != plugin and it is not None]
        return self._manager.subset_hook_caller(hook, others)(**arguments)


def _module_of(plugin: object) -> str:
    return str(getattr(plugin, "__module__", None) or getattr(plugin, "__name__", ""))


def _owner(name: str) -> str:
    """Return the plugin that is asked first: `acme` for `acme.api_key`, `sqlite` for the scheme `sqlite`."""
    return name.partition(".")[0]


def _said(kind: str, *, article: bool = False) -> str:
    words = kind.replace("_", " ")
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}" if article else words


def _either(types: Iterable[type[Record]]) -> str:
    return " or ".join(its_type.__name__ for its_type in types)
