"""From a spec file to scenes: which lifecycle, by which platform, and how its tokens arrive."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from tokenflow.core.errors import Refused, SpecError
from tokenflow.core.tokens import DAY
from tokenflow.engine.opening import read_all, spec_names
from tokenflow.hooks.registry import Registry
from tokenflow.runner.grammar import article
from tokenflow.runner.simulation.life import Stage
from tokenflow.runner.simulation.scene import Scene
from tokenflow.runner.simulation.words import act_of, fitting
from tokenflow.spec import Document, load
from tokenflow.spec.issuers import subject_of
from tokenflow.spec.neighbours import beside

_USUAL: Final = ("web", "server")
"""Taken when no platform is named and the lifecycle has one of them, the first first."""


@attrs.frozen(kw_only=True)
class Part:
    """A scene and the key it is about; the lifecycle's name where it is about no key."""

    key: str
    scene: Scene


def cast(specs: Sequence[str], *, platform: str | None, registry: Registry, premises: Scene) -> list[Part]:
    """Return the scenes of a Lifecycle or a Tokens file (one scene an entry), as *premises* say.

    It is the one among *specs* that is no Issuer. Raises SpecError for another kind of file, Refused for a
    platform that there is not.
    """
    documents = read_all(specs, registry)
    document = subject_of(documents[: len(specs)])
    issuers = {one.name: one.data for one in documents if one.kind == "Issuer"}
    if document.kind == "Tokens":
        if platform is not None:
            raise SpecError(f"{document.name} says itself how each token is acquired; leave --platform out")
        names = spec_names(registry)
        return [
            Part(
                key=key,
                scene=_scene(
                    load(beside(entry["lifecycle"], document.path), names=names),
                    entry["acquire"],
                    premises,
                    issuers,
                ),
            )
            for key, entry in document.data["tokens"].items()
        ]
    if document.kind != "Lifecycle":
        raise SpecError(
            f"{document.name} is {article(document.kind)}; only a Lifecycle or a Tokens file can be simulated"
        )
    return [Part(key=document.name, scene=_scene(document, platform, premises, issuers))]


def _scene(
    document: Document, platform: str | None, premises: Scene, issuers: Mapping[str, Mapping[str, Any]]
) -> Scene:
    return attrs.evolve(
        premises,
        data=document.data,
        digest=document.digest,
        issuer=issuers.get(document.data.get("issuer", "")),
        platform=_platform(document, platform),
    )


def _platform(document: Document, wanted: str | None) -> str:
    ways = document.data.get("acquire", {})
    if document.data.get("abstract"):
        raise Refused("abstract", f"{document.ref} is only a parent for others; simulate one of those")
    if not ways:
        found = document.data.get("derive", {}).get("from", ())
        parent = " or ".join([found] if isinstance(found, str) else found)
        mend = f"simulate {parent}, which its tokens come from" if parent else None
        raise Refused("not_acquired", f"{document.ref} is not acquired by any platform", mend=mend)
    if wanted is None:
        return next((one for one in _USUAL if one in ways), next(iter(ways)))
    if wanted not in ways:
        raise Refused(
            "unknown_platform",
            f"{document.ref} is not acquired by {wanted!r}; it is by: {', '.join(sorted(ways))}",
        )
    return wanted


def informed(parts: Sequence[Part]) -> list[Part]:
    """Return *parts* with those facts of the app that each lifecycle declares, read as it declares them.

    Raises ValueError for a fact that none of them declares, and for a value that it cannot have.
    """
    known = {name for part in parts for name in part.scene.data.get("app", {})}
    for name in sorted({name for part in parts for name in part.scene.app}):
        if name not in known:
            facts = f"the facts are: {', '.join(sorted(known))}" if known else "there are none"
            raise ValueError(f"no fact of the app is called {name!r}; {facts}")
    return [attrs.evolve(part, scene=_informed(part.scene)) for part in parts]


def _informed(scene: Scene) -> Scene:
    declared = scene.data.get("app", {})
    told = {name: text for name, text in scene.app.items() if name in declared}
    return attrs.evolve(scene, app={name: fitting(name, text, declared[name]) for name, text in told.items()})


def acted(scene: Scene, written: Sequence[str], guards: Mapping[str, Any]) -> Scene:
    """Return *scene* with what `--at` says; raises ValueError or Refused for what cannot happen in it."""
    lifecycle = scene.lifecycle(guards)
    if scene.deaths and "invalidate" not in lifecycle.events:
        raise ValueError(f"{lifecycle.ref} has no event `invalidate`, by which a token ends early")
    return attrs.evolve(scene, acts=(*scene.acts, *(act_of(text, lifecycle) for text in written)))


def standing(scene: Scene, guards: Mapping[str, Any]) -> Scene:
    """Return *scene* as a fleet that stands: acquired in a first value's life, a day at least."""
    stage = Stage.of(scene, guards)
    lifetime = stage.lifecycle.lifetimes.get(stage.acquisition.lifetime or "")
    life = scene.expires_in or (lifetime.typical if lifetime is not None else None)
    return attrs.evolve(scene, arrivals=max(life or DAY, DAY), standing=True)
