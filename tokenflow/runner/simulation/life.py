"""One token's life, from its first acquisition on, by the engine's own flows.

The life goes from one instant at which something happens to the next: a deadline of its token, or an
act of its agenda. What the keeper does for real tokens is done here: what is due is attended to, and
a token that is over, or wants to be acquired anew, is.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.core import flows
from tokenflow.core.deadlines import due_at
from tokenflow.core.decisions import Acquire, decide
from tokenflow.core.effects import Issuer
from tokenflow.core.errors import IssuerError, Refused, Rejected
from tokenflow.core.events import Happened, ReacquireWanted
from tokenflow.core.lifecycles import Acquisition, Lifecycle
from tokenflow.core.setting import Setting
from tokenflow.core.steps import is_usable
from tokenflow.core.tokens import SECOND, Instant, Token
from tokenflow.runner.simulation.issuer import Allowance, ModelIssuer, Trouble
from tokenflow.runner.simulation.scene import START, Act, Scene
from tokenflow.runner.simulation.world import World

KEY: Final = "token"
AGAIN: Final = 60 * SECOND
"""A minute after the last look the keeper looks again."""
ANOTHER_LINK: Final = 600 * SECOND
"""A person whose login failed is given another link when the first has ended."""
_RESTLESS: Final = 100

Arrival: TypeAlias = Callable[[str, Random], Instant]
"""When a token is acquired: what its ids begin with, and its chance, to an instant."""


@attrs.frozen
class Stage:
    """What all lives of a scene share."""

    scene: Scene
    lifecycle: Lifecycle
    acquisition: Acquisition
    contract: Issuer
    spans: tuple[Trouble, ...]
    allowance: Allowance | None = None

    @classmethod
    def of(cls, scene: Scene, guards: Mapping[str, Any], allowance: Allowance | None = None) -> "Stage":
        """Compile *scene*."""
        lifecycle = scene.lifecycle(guards)
        spans = tuple(
            Trouble(act.what, act.name, START + act.at, START + act.at + act.lasts)
            for act in sorted(scene.acts, key=lambda act: act.at)
            if act.lasts
        )
        return cls(scene, lifecycle, scene.acquisition(lifecycle), scene.told_issuer(), spans, allowance)


@attrs.define(kw_only=True)
class Life:
    """A token, its issuer and what is still to come. `begin` makes one."""

    stage: Stage
    world: World
    issuer: ModelIssuer
    setting: Setting
    agenda: list[tuple[Instant, int, Act]]
    order: Iterator[int]
    asked: str | None = None
    """Id of the token in whose place a person was asked to log in."""
    down_since: Instant | None = None
    """Since when its key has no usable token; None while it has one, or none yet."""
    serves_until: Instant | None = None
    """Until when the token may be handed out; None: no end is in sight."""
    downs: list[tuple[Instant, Instant]] = attrs.field(factory=list)
    """The spans without a usable token that are over, since somebody last looked."""
    ended: Counter[str] = attrs.field(factory=Counter)
    """How tokens of this key ended, since somebody last looked."""
    logins: list[Instant] = attrs.field(factory=list)
    """When a person logged in, since somebody last looked."""
    account: Counter[str] = attrs.field(factory=Counter)
    """What was counted of it so far."""
    restless: int = 0
    """How often something has happened at this instant."""

    @property
    def token(self) -> Token:
        """The token as it is now."""
        assert self.world.token is not None, "nothing was acquired yet"
        return self.world.token

    def next(self) -> Instant | None:
        """Return when something happens next, or None when nothing ever will."""
        coming = self.agenda[0][0] if self.agenda else None
        due = None if self.world.token is None else due_at(self.stage.lifecycle, self.world.token)
        return min((at for at in (coming, due) if at is not None), default=None)

    def go(self) -> list[Happened]:
        """Go to that instant, let happen what does, and return it."""
        at = self.next()
        assert at is not None
        self.restless = self.restless + 1 if at <= self.world.now else 0
        if self.restless > _RESTLESS:
            raise Refused(
                "restless",
                f"{self.stage.lifecycle.ref}: in `{self.token.state}` a timer is due again at once, for ever",
                mend="is the moment of a timer over as soon as its state is entered?",
            )
        self.world.now = max(at, self.world.now)
        self._look(before=True)
        before = self.world.token
        if self.agenda and self.agenda[0][0] <= self.world.now:
            self._act(heapq.heappop(self.agenda)[2])
        else:
            self.world.run(flows.attend(self.setting, KEY))
        self._keep(before)
        self._look()
        told, self.world.happened = self.world.happened, []
        return told

    def until(self, end: Instant) -> Iterator[list[Happened]]:
        """Yield what happens at each instant before *end*."""
        while (at := self.next()) is not None and at < end:
            yield self.go()

    def finish(self, end: Instant) -> None:
        """Close the books at *end*."""
        self.world.now = max(end, self.world.now)
        self._look(before=True)
        if self.down_since is not None:
            self.downs.append((self.down_since, end))
            self.down_since = None

    def first(self) -> bool:
        """Return whether what happens next is its first acquisition."""
        return self.world.token is None and bool(self.agenda) and self.agenda[0][2].what == "acquire"

    def skip(self, at: Instant) -> None:
        """Leave the first acquisition out: its outcome is known, and somebody else sees to it."""
        heapq.heappop(self.agenda)
        self.world.now = at
        if self.stage.acquisition.consent != "none":
            self.logins.append(at)

    def rest(self) -> None:
        """Take the token as it stands: somebody else has brought it so far, and it served all the while."""
        self._look()

    def plan(self, at: Instant, act: Act) -> None:
        """Note that *act* happens at *at*."""
        heapq.heappush(self.agenda, (at, next(self.order), act))

    def _act(self, act: Act) -> None:
        match act.what:
            case "acquire":
                self._acquire(act)
            case "event":
                self._raise(act)
            case "die":
                self.issuer.dead = True
            case _:
                self.issuer.waiting.append(Trouble(act.what, act.name))

    def _acquire(self, act: Act) -> None:
        """Acquire a token; a login that was meant for a token that is gone is not made."""
        if act.name and act.name != self.token.id:
            return
        person = self.stage.acquisition.consent != "none"
        try:
            self.world.run(
                flows.acquire(
                    self.setting,
                    KEY,
                    lifecycle=self.stage.lifecycle.name,
                    platform=self.stage.acquisition.platform,
                    place=self.stage.acquisition.runs_on,
                )
            )
        except IssuerError:
            self.plan(self.world.now + (ANOTHER_LINK if person else AGAIN), act)
            return
        self.asked = None
        if person:
            self.logins.append(self.world.now)

    def _raise(self, act: Act) -> None:
        if self.world.token is None or act.name not in self.stage.lifecycle.events:
            return
        written = self.stage.lifecycle.spec["events"][act.name] or {}
        said = written.get("from", ["operator"])
        cause = "operator" if "operator" in said else said[0]
        with suppress(Rejected, IssuerError):  # what came of it has been told
            self.world.run(
                flows.raise_event(self.setting, KEY, act.name, cause=cause, payload=dict(act.payload))
            )

    def _keep(self, before: Token | None) -> None:
        """Do what the keeper does next: acquire what is over or wanted anew, or wait for a person."""
        token = self.world.token
        if token is None:
            return
        state = self.stage.lifecycle.states[token.state]
        if state.final and (before is None or before.state != token.state or before.id != token.id):
            self.ended[
                token.state if token.reason in (None, "unknown") else f"{token.state}: {token.reason}"
            ] += 1
        wanted = {
            one.how
            for one in self.world.happened
            if isinstance(one, ReacquireWanted) and one.about.token_id == token.id
        }
        over = state.final or isinstance(decide(self.stage.lifecycle, token, self.world.now, None), Acquire)
        if self.asked == token.id or not (wanted or over):
            return
        anew = Act(at=0, what="acquire", name=token.id)
        if self.stage.acquisition.consent != "none":
            if self.stage.scene.answer is not None:
                self.plan(self.world.now + self.stage.scene.answer, anew)
                self.asked = token.id
        elif over or "auto" in wanted:
            self.asked = token.id
            if token.issued_at == self.world.now:
                self.plan(self.world.now + AGAIN, anew)
            else:
                self._acquire(anew)

    def _look(self, *, before: bool = False) -> None:
        """Keep account of whether there is a usable token, *before* what happens now and after it."""
        token, now = self.world.token, self.world.now
        if token is None:
            return
        if before:
            if self.down_since is None and self.serves_until is not None and self.serves_until < now:
                self.down_since = self.serves_until
            return
        if is_usable(self.stage.lifecycle, token, now):
            ends = token.expires_at
            self.serves_until = None if ends is None else ends - self.stage.lifecycle.skew
            if self.down_since is not None:
                self.downs.append((self.down_since, now))
                self.down_since = None
        elif self.down_since is None:
            self.down_since, self.serves_until = now, None


def begin(stage: Stage, number: int, arrival: Arrival | None = None) -> Life:
    """Return token *number* of a scene, not yet born: when it is, and when it ends early, is by chance.

    The chance is the seed's and the number's alone, whoever else is simulated, and where. *arrival* says
    when it is born, if not as the scene does.
    """
    scene, lifecycle = stage.scene, stage.lifecycle
    chance = Random(f"{scene.seed}/{number}")  # noqa: S311  # the same chance for the same seed, on purpose
    name = f"{scene.seed}.{number}"
    born = scene.born(chance) if arrival is None else arrival(name, chance)
    contract = stage.contract
    issuer = ModelIssuer(
        lifecycle=lifecycle,
        contract=contract,
        expires_in=scene.expires_in,
        allowance=stage.allowance,
        spans=stage.spans,
    )
    life = Life(
        stage=stage,
        world=World(lifecycle=lifecycle, number=name, now=born),
        issuer=issuer,
        setting=Setting(
            lifecycles={lifecycle.name: lifecycle}, issuers={contract.name: contract}, plugins=issuer
        ),
        agenda=[],
        order=count(),
    )
    life.plan(born, Act(at=0, what="acquire"))
    for act in scene.acts:
        if not act.lasts:
            life.plan(START + act.at, act)
    for at in scene.ends(born, chance):
        life.plan(at, Act(at=0, what="event", name="invalidate"))
    return life
