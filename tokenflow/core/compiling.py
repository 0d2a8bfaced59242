"""From a resolved document (plain data, already checked by the spec room) to a Lifecycle."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tokenflow.core._machine import Chooser, Row
from tokenflow.core.breakers import GENEROUS, BreakerRule, Budget
from tokenflow.core.conditions import GuardCheck, compile_conditions
from tokenflow.core.effects import Issuer
from tokenflow.core.errors import SpecError
from tokenflow.core.issuers import Clue, Proof, Requests, Shape
from tokenflow.core.lifecycles import (
    Acquisition,
    CommandSpec,
    Derivation,
    Lifecycle,
    Lifetime,
    Meaning,
    Retry,
    Rule,
    SecretSpec,
    State,
    Substitute,
)
from tokenflow.core.moments import Timer, duration
from tokenflow.core.news import CallbackSpec
from tokenflow.core.tokens import SECOND

Data = Mapping[str, Any]
_DEFAULT_SKEW: Final = "60s"
_DEFAULT_TOLERANCE: Final = "5m"
_LOST_ANSWER: Final = {"none": "repeat", "grace": "repeat", "idempotent": "repeat", "strict": "probe"}
"""What a refresh without an answer comes to, by rotation contract; grace repeats only within its window."""


def compile_lifecycle(
    data: Data,
    *,
    digest: str,
    guards: Mapping[str, GuardCheck],
    issuer: Data | None = None,
    app: Data | None = None,
) -> Lifecycle:
    """Compile a resolved Lifecycle document.

    *issuer* is the resolved Issuer document it names: its secrets, app facts and error meanings come
    first, the lifecycle's own only add (ruling 17). *app* overrides facts of the registered app.
    Raises KeyError for a guard that *guards* does not hold.
    """
    issuer = issuer or {}
    token, clock = data["token"], data.get("clock", {})
    custody = token.get("custody", {})
    secrets = {**issuer.get("secrets", {}), **data.get("secrets", {})}
    facts = {name: spec.get("default") for name, spec in data.get("app", {}).items()}
    rows = tuple(_rows(data, guards))
    meanings = tuple(_meaning(spec) for spec in (*issuer.get("errors", ()), *data.get("errors", ())))
    return Lifecycle(
        name=data["metadata"]["name"],
        version=data["metadata"]["version"],
        digest=digest,
        kind=token["kind"],
        issuer=data.get("issuer", ""),
        sensitivity=token.get("sensitivity", "secret"),
        identity=tuple(token.get("identity", ())),
        attributes=token.get("attributes", {}),
        may_live=frozenset(custody.get("may_live", ("server",))),
        transport=custody.get("transport", "https"),
        app={**facts, **issuer.get("app", {}), **(app or {})},
        secrets={
            n: SecretSpec(reference=s["from"], custody=s.get("custody", "server")) for n, s in secrets.items()
        },
        lifetimes={name: _lifetime(name, spec) for name, spec in data.get("lifetimes", {}).items()},
        skew=duration(clock.get("skew", _DEFAULT_SKEW)),
        backward_tolerance=duration(clock.get("backward_tolerance", _DEFAULT_TOLERANCE)),
        acquisitions={n: _acquisition(n, s, guards) for n, s in data.get("acquire", {}).items()},
        derivation=_derivation(data["derive"], guards) if "derive" in data else None,
        commands={name: _command(name, spec) for name, spec in data.get("commands", {}).items()},
        events={name: _defaults(spec or {}) for name, spec in data["events"].items()},
        initial=data["initial"],
        states={name: _state(name, spec or {}, rows) for name, spec in data["states"].items()},
        rules=tuple(_rule(spec, guards) for spec in data.get("rules", ())),
        meanings=meanings,
        clues=clues_of(meanings),
        hand_over=_substitute(data["hand_over"], guards) if "hand_over" in data else None,
        chooser=Chooser(
            {n: bool((s or {}).get("final")) for n, s in data["states"].items()}, data["initial"], rows
        ),
        spec=data,
    )


def compile_issuer(data: Data, *, client_id: str, base: str | None = None) -> Issuer:
    """Compile a resolved Issuer document; *base* re-points every endpoint, keeping its path.

    That is how one spec speaks to the real issuer and to the sandbox: `--issuer URL`.
    """
    rotation = data.get("rotation", {})
    contract = rotation.get("contract", "none")
    client = {name: value for name, value in data.get("client", {}).items() if isinstance(value, str)}
    endpoints = data.get("endpoints", {})
    return Issuer(
        name=data["metadata"]["name"],
        client_id=client_id,
        client=client,
        endpoints={name: url if base is None else _rebase(url, base) for name, url in endpoints.items()},
        app=data.get("app", {}),
        rotation=contract,
        grace=duration(rotation["grace"]) if "grace" in rotation else 0,
        lost_answer=rotation.get("lost_answer", _LOST_ANSWER[contract]),
        probe=data.get("probe"),
        requests=_requests(data.get("requests", {})),
        response=_shape(data.get("response", {}), meanings_of(data)),
        skew=duration(data.get("clock", {}).get("skew", _DEFAULT_SKEW)),
        callbacks=_callbacks(data),
        budget=_budget(data.get("budget")),
        breaker=_breaker(data.get("breaker", {})),
    )


def _callbacks(data: Data) -> dict[str, CallbackSpec]:
    """Return the callbacks, each with the references of the secrets it is lent; raises SpecError."""
    secrets = data.get("secrets", {})
    found = {}
    for name, spec in data.get("callbacks", {}).items():
        lent = spec.get("secrets", ())
        for missing in (one for one in lent if one not in secrets):
            raise SpecError(
                f"issuer {data['metadata']['name']}: `{name}` is lent `{missing}`, which is not declared",
                mend=f"secrets: {{{missing}: {{from: ...}}}}",
            )
        references = {one: secrets[one]["from"] for one in lent}
        found[name] = CallbackSpec(use=spec["use"], secrets=references, options=spec.get("with", {}))
    return found


def _budget(spec: Data | None) -> Budget:
    return GENEROUS if spec is None else Budget(calls=spec["calls"], per=max(duration(spec["per"]), SECOND))


def _breaker(spec: Data) -> BreakerRule:
    known: dict[str, int] = {name: spec[name] for name in ("failures",) if name in spec}
    known |= {name: max(duration(spec[name]), SECOND) for name in ("rest", "longest") if name in spec}
    return BreakerRule(**known)


def _rebase(url: str, base: str) -> str:
    path = url.split("://", 1)[1].partition("/")[2]
    return f"{base.rstrip('/')}/{path}".rstrip("/")


def _rows(data: Data, guards: Mapping[str, GuardCheck]) -> Iterator[Row]:
    """A state's own entry shadows everywhere's; a final state has no way out (rules E1, F4)."""
    for source, spec in data["states"].items():
        if (spec or {}).get("final"):
            continue
        own = (spec or {}).get("transitions") or {}
        shared = {event: rows for event, rows in (data.get("everywhere") or {}).items() if event not in own}
        for event, entry in (*own.items(), *shared.items()):
            for index, edge in enumerate(entry if isinstance(entry, list) else [entry]):
                when = compile_conditions(edge.get("when", ()), guards)
                yield Row(event, source, edge.get("to"), when, edge, index)


def _state(name: str, spec: Data, rows: tuple[Row, ...]) -> State:
    timers = (spec.get("timers") or {}).items()
    return State(
        name=name,
        usable=bool(spec.get("usable")),
        final=bool(spec.get("final")),
        lifetime=spec.get("lifetime"),
        absorbs=frozenset(spec.get("absorbs", ())),
        timers=tuple(Timer.from_spec(timer, entry, place) for place, (timer, entry) in enumerate(timers)),
        accepts=tuple(dict.fromkeys(row.event for row in rows if row.source == name)),
    )


def _lifetime(name: str, spec: Data) -> Lifetime:
    typical = None if spec["typical"] == "never" else duration(spec["typical"])
    return Lifetime(
        name=name,
        typical=typical,
        at_least=duration(spec["at_least"]) if "at_least" in spec else None,
        at_most=duration(spec["at_most"]) if "at_most" in spec else None,
        if_silent=spec.get("if_silent", "assume_typical"),
    )


def _acquisition(platform: str, spec: Data, guards: Mapping[str, GuardCheck]) -> Acquisition:
    return Acquisition(
        platform=platform,
        use=spec["use"],
        runs_on=spec["runs_on"],
        verify=spec.get("verify"),
        lifetime=spec.get("lifetime"),
        secrets=tuple(spec.get("secrets", ())),
        consent=spec.get("consent", "none"),
        kept_by=spec.get("kept_by", "tokenflow"),
        keep_value=spec.get("keep_value", True),
        scope=tuple(spec.get("scope", ())),
        when=compile_conditions(spec.get("when", ()), guards),
        options=spec.get("with", {}),
    )


def _derivation(spec: Data, guards: Mapping[str, GuardCheck]) -> Derivation:
    unlisted = spec.get("unlisted", {})
    return Derivation(
        parents=_paths(spec["from"]),
        advice=spec.get("advice"),
        use=spec["use"],
        when=compile_conditions(spec.get("when", ()), guards),
        runs_on=tuple(spec.get("runs_on", ("server",))),
        secrets=tuple(spec.get("secrets", ())),
        set={name: _paths(source) for name, source in spec.get("set", {}).items()},
        lifetime=spec.get("lifetime", "answer"),
        on_parent=spec.get("on_parent", {}),
        unlisted=unlisted.get("raise"),
        unlisted_payload=unlisted.get("payload", {}),
    )


def _substitute(spec: Data, guards: Mapping[str, GuardCheck]) -> Substitute:
    return Substitute(
        use=spec["use"],
        to=frozenset(spec["to"]),
        when=compile_conditions(spec.get("when", ()), guards),
        secrets=tuple(spec.get("secrets", ())),
        options=spec.get("with", {}),
    )


def _command(name: str, spec: Data) -> CommandSpec:
    retry = spec.get("retry", {})
    known: dict[str, Any] = {}
    for field, key in (("first", "first"), ("longest", "max")):
        if key in retry:
            known[field] = duration(retry[key])
    for field in ("attempts", "factor"):
        if field in retry:
            known[field] = retry[field]
    if "only" in retry:
        known["only"] = frozenset(retry["only"])
    bounds = {name: duration(spec[name]) for name in ("timeout", "lease") if name in spec}
    return CommandSpec(
        name=name,
        use=spec["use"],
        runs_on=spec.get("runs_on", "server"),
        secrets=tuple(spec.get("secrets", ())),
        produces=spec.get("produces"),
        rotates=bool(spec.get("rotates")),
        idempotent=bool(spec.get("idempotent")),
        retry=Retry(jitter=retry.get("jitter", "full") == "full", **known),
        options=spec.get("with", {}),
        **bounds,
    )


def _defaults(event: Data) -> dict[str, Any]:
    return {name: field["default"] for name, field in event.get("payload", {}).items() if "default" in field}


def _rule(spec: Data, guards: Mapping[str, GuardCheck]) -> Rule:
    return Rule(
        id=spec["id"],
        applies_to=frozenset(spec["applies_to"]),
        because=spec["because"],
        deny_when=compile_conditions(spec.get("deny_when", ()), guards),
        warn_when=compile_conditions(spec.get("warn_when", ()), guards),
    )


def meanings_of(data: Data) -> tuple[Meaning, ...]:
    """Return the error meanings of a document, in their order."""
    return tuple(_meaning(spec) for spec in data.get("errors", ()))


def _meaning(spec: Data) -> Meaning:
    until = spec.get("until")
    return Meaning(
        match=spec["match"],
        kind=spec["class"],
        event=spec.get("raise"),
        payload=spec.get("payload", {}),
        advice=spec.get("advice"),
        until=_until(until) if until is not None else None,
    )


def _until(spec: Data) -> Clue:
    unit = spec.get("as", "seconds")
    if "header" in spec:
        return Clue(place="header", name=spec["header"].lower(), unit=unit)
    return Clue(place="body", name=spec["body"], unit=unit)


def clues_of(meanings: Iterable[Meaning]) -> tuple[Clue, ...]:
    """Return what *meanings* look at beyond an answer's own codes, each place once."""
    wanted: dict[tuple[str, str], list[Any]] = {}
    when: dict[Clue, None] = {}
    for meaning in meanings:
        for place, key in (("header", "headers"), ("body", "body")):
            for name, value in meaning.match.get(key, {}).items():
                values = value if isinstance(value, list | tuple) else [value]
                wanted.setdefault((place, name.lower() if place == "header" else name), []).extend(values)
        if meaning.until is not None:
            when[meaning.until] = None
    looked = (Clue(place=place, name=name, values=tuple(v)) for (place, name), v in wanted.items())
    return (*looked, *when)


def _requests(spec: Data) -> Requests:
    proof = Proof(**spec["proof"]) if "proof" in spec else None
    headers = {name.lower(): value for name, value in spec.get("headers", {}).items()}
    return Requests(**{**spec, "headers": headers, "proof": proof})


def _shape(spec: Data, meanings: Iterable[Meaning]) -> Shape:
    known = {name: value for name, value in spec.items() if name not in ("attributes", "examples")}
    named: dict[str, Any] = {n: _paths(value) if n in _PATHS else value for n, value in known.items()}
    attributes = {name: _paths(value) for name, value in spec.get("attributes", {}).items()}
    return Shape(**named, attributes=attributes, clues=clues_of(meanings))


_PATHS: Final = frozenset(
    {"access_token", "refresh_token", "scope", "token_type", "expires_in", "expires_at"}
    | {"refresh_expires_in", "refresh_expires_at"}
)


def _paths(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
