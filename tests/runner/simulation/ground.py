"""Scenes of shipped lifecycles and of lifecycles made up by chance; a life written down as it goes."""

from functools import cache
from typing import Any

import attrs
from hypothesis import strategies as st

from tokenflow.core.tokens import DAY
from tokenflow.hooks.registry import Registry
from tokenflow.runner.simulation.life import Life, Stage, begin
from tokenflow.runner.simulation.scene import START, Act, Scene
from tokenflow.runner.simulation.tally import Tally
from tokenflow.spec import Document, load

HOUR = DAY // 24
MINUTE = HOUR // 60
SHIPPED = (
    ("facebook-user", "web"),
    ("facebook-user", "android"),
    ("facebook-app", "inline"),
    ("oauth2-rotating", "server"),
    ("oauth2-app", "server"),
)


@cache
def read(name: str) -> Document:
    """A shipped spec, read once."""
    return load(name)


@cache
def guards() -> dict[str, Any]:
    """The guards plugins offer."""
    return dict(Registry.installed().guards())


def scene(name: str, platform: str, **changes: Any) -> Scene:
    """A scene of a shipped lifecycle."""
    document = read(name)
    issuer = document.data.get("issuer")
    base = Scene(
        data=document.data,
        digest=document.digest,
        issuer=read(issuer).data if issuer else None,
        platform=platform,
        span=3 * DAY,
    )
    return attrs.evolve(base, **changes)


def made(data: dict[str, Any], **changes: Any) -> Scene:
    """A scene of a lifecycle made up."""
    return attrs.evolve(Scene(data=data, digest="made", platform="server", span=DAY // 2), **changes)


_spans = st.sampled_from(["7m", "20m", "45m", "1h", "5h"])
_percents = st.sampled_from(["20%", "30%", "50%", "66.5%"])


@st.composite
def lifecycles(draw: st.DrawFn) -> dict[str, Any]:
    """A lifecycle that renews itself in one of several ways, with whatever timers beside."""
    every = draw(st.one_of(st.none(), _spans))
    jitter = draw(st.sampled_from([None, "10s", "30s"]))
    anchor = draw(st.sampled_from(["expires - {p}", "refreshed + {s}", "entered + {s}", "issued + {s}"]))
    renew = {"at": anchor.format(p=draw(_percents), s=draw(_spans)), "raise": "extend"}
    renew |= {} if every is None else {"every": every}
    renew |= {} if jitter is None else {"jitter": jitter}
    extend: dict[str, Any] = {"do": "extend", "on_error": {"revoked": "invalidate", "permanent": "stay"}}
    if draw(st.booleans()):
        extend["to"] = draw(st.sampled_from(["issued", "other"]))
    note: dict[str, Any] = {"at": draw(st.sampled_from(["entered + 20m", "expires - 10m", "issued + 5h"]))}
    note |= {"raise": "noted", "jitter": "2m"} if draw(st.booleans()) else {"raise": "noted"}
    noted: dict[str, Any] = draw(st.sampled_from([{}, {"to": "issued"}, {"then": [{"reacquire": "auto"}]}]))
    over: dict[str, Any] = {"to": draw(st.sampled_from(["expired", "waiting"]))}
    living = {
        "usable": True,
        "lifetime": "access",
        "transitions": {"extend": extend, "expire": over, "noted": noted or {"then": [{"notify": "x"}]}},
        "timers": {
            "renew": renew,
            "note": note,
            "expire": {"at": "expires", "raise": "expire", "hard": True},
        },
    }
    retry = {"attempts": draw(st.integers(1, 4)), "first": draw(_spans), "max": "2h"}
    return {
        "metadata": {"name": "made", "version": "1.0.0"},
        "token": {"kind": "user"},
        "lifetimes": {"access": {"typical": draw(st.sampled_from(["15m", "1h", "8h"]))}},
        "acquire": {
            "server": {
                "use": "x.get",
                "runs_on": "server",
                "lifetime": "access",
                "consent": draw(st.sampled_from(["none", "person"])),
            }
        },
        "commands": {
            "extend": {
                "use": "x.extend",
                "produces": "access",
                "rotates": draw(st.booleans()),
                "retry": retry,
            }
        },
        "events": {"acquired": {}, "extend": {}, "expire": {}, "noted": {}, "invalidate": {}},
        "initial": "requested",
        "states": {
            "requested": {"transitions": {"acquired": {"to": "issued"}}},
            "issued": living,
            "other": living,
            "waiting": {
                "transitions": {
                    "extend": {"do": "extend", "to": "issued", "on_error": {"revoked": "invalidate"}},
                    "expire": {"to": "expired"},
                },
                "timers": {
                    "again": {"at": "entered", "every": "15m", "raise": "extend"},
                    "cap": {"at": "entered + 1d", "raise": "expire"},
                },
            },
            "expired": {"final": True, "absorbs": ["expire", "invalidate"]},
            "invalidated": {"final": True, "absorbs": ["expire", "invalidate"]},
        },
        "everywhere": {"invalidate": {"to": "invalidated"}},
        "errors": [{"match": {"error": "invalid_grant"}, "class": "revoked", "raise": "invalidate"}],
    }


_instants = st.integers(0, DAY // 2)
acts = st.lists(
    st.one_of(
        st.builds(Act, at=_instants, what=st.just("event"), name=st.just("invalidate")),
        st.builds(Act, at=_instants, what=st.just("event"), name=st.just("extend")),
        st.builds(Act, at=_instants, what=st.just("outage"), lasts=st.integers(MINUTE, 9 * HOUR)),
        st.builds(
            Act,
            at=_instants,
            what=st.just("refuse"),
            name=st.sampled_from(["revoked", "rate_limited", "permanent"]),
            lasts=st.sampled_from([0, 0, HOUR]),
        ),
        st.builds(Act, at=_instants, what=st.sampled_from(["lose", "die"])),
    ),
    max_size=3,
).map(tuple)


@attrs.define
class Written(Tally):
    """A tally that also writes down each call and each end, with its instant."""

    calls_at: list[tuple[int, str]] = attrs.field(factory=list)
    ends_at: list[tuple[int, str]] = attrs.field(factory=list)
    logins_at: list[int] = attrs.field(factory=list)
    downs_at: list[tuple[int, int]] = attrs.field(factory=list)

    def count(self, names: tuple[str, ...], at: int) -> None:
        """Write down, and count."""
        self.calls_at += [(at, name) for name in names]
        super().count(names, at)

    def note(self, life: Life) -> None:
        """Write down, and count."""
        self.ends_at += [(life.world.now, how) for how in life.ended]
        self.logins_at += life.logins
        self.downs_at += life.downs
        super().note(life)

    def written(self) -> tuple[object, ...]:
        """All that was written down."""
        return (self.calls_at, self.ends_at, self.logins_at, self.downs_at, self.outcomes)


def written(one: Scene) -> Written:
    """An empty one for a scene."""
    return Written(minutes=-(-one.span // MINUTE))


def played(stage: Stage, number: int) -> tuple[Written, Life]:
    """Live a token by the engine's flows alone, move by move."""
    life, tally, end = begin(stage, number), written(stage.scene), START + stage.scene.span
    tally.mine = life.account
    for _ in life.until(end):
        tally.note(life)
    life.finish(end)
    tally.over(life)
    return tally, life
