"""Do one planned act, and nothing else: what a plan did not list is refused before it is saved or sent."""

from typing import Final, TypeVar

from tokenflow.core.effects import Ask, Effect, Flow, Load, Published, Save, Send
from tokenflow.core.errors import Refused, TokenflowError
from tokenflow.core.flows.acquiring import acquire
from tokenflow.core.flows.serving import attend
from tokenflow.core.plans import Act, Sight, begun
from tokenflow.core.setting import Setting
from tokenflow.core.tokens import Token

T = TypeVar("T")
_MEND: Final = "make a new plan"


def planned(setting: Setting, act: Act, tenant: str = "default") -> Flow[Token]:
    """Do *act* and return the token it leaves; raises Refused, or whatever the act itself does.

    Codes: moved_on (the token is not what the plan saw), not_as_planned (something else is due by now).
    """
    if act.does == "refuse":
        raise Refused("not_as_planned", f"{act.key!r}: the plan lists this as refused", mend=_MEND)
    if act.does == "acquire":
        assert act.platform is not None, "an acquisition names its platform"
        flow = acquire(
            setting,
            act.key,
            lifecycle=act.lifecycle.partition("@")[0],
            platform=act.platform,
            attributes=act.attributes,
            scope=frozenset(act.scope),
            tenant=tenant,
        )
    else:
        flow = attend(setting, act.key)
    return (yield from _held_to(flow, act))


def _held_to(flow: Flow[T], act: Act) -> Flow[T]:
    """Drive *flow*; refuse what differs from *act* until the issuer is asked, whose answer is its own."""
    expected = list(act.begins)
    answered = saved = False
    try:
        effect: Effect = next(flow)
        while True:
            if isinstance(effect, Save) and not answered:
                expected = _as_listed(effect, expected, act)
                saved = True
            answered = answered or isinstance(effect, Send | Ask | Published)
            try:
                reply = yield effect
            except TokenflowError as error:
                effect = flow.throw(error)
                continue
            if isinstance(effect, Load) and effect.key == act.key and not (saved or answered):
                _as_seen(reply, act)
            effect = flow.send(reply)
    except StopIteration as done:
        result: T = done.value
    if expected and not saved and not answered:
        raise Refused("not_as_planned", f"{act.key!r}: nothing of it is due any more", mend=_MEND)
    return result


def _as_seen(token: Token | None, act: Act) -> None:
    if act.sees.fits(token):
        return
    now = Sight.of(token)
    have = "is gone" if token is None else f"is at revision {now.revision} (`{now.state}`)"
    saw = f"{act.sees.revision} (`{act.sees.state}`)" if act.sees.state is not None else "nothing there"
    raise Refused("moved_on", f"{act.key!r} {have}; the plan saw {saw}", mend=_MEND)


def _as_listed(effect: Save, expected: list[str], act: Act) -> list[str]:
    """Return what is still expected once *effect* is saved."""
    begins = [line for change in effect.changes for line in begun(change.happened)]
    if expected[: len(begins)] != begins:
        instead = next(one for one in begins if one not in expected[:1])
        raise Refused(
            "not_as_planned",
            f"{act.key!r}: now it would be `{instead}`, which the plan does not list",
            mend=_MEND,
        )
    return expected[len(begins) :]
