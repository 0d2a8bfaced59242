"""Rule F3 as a table, row by row, and as a property: nothing is repeated that the contract does not allow."""

# ruff: noqa: SIM300  # expected == actual, constants too

from collections.abc import Callable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import MINUTE, ROTATING, SECOND, START, lifecycle_of, token_of, user
from tests.core.mutants import caught
from tokenflow.core import doubts
from tokenflow.core.doubts import (
    Doubt,
    Said,
    Verdict,
    in_doubt,
    leaves_doubt,
    on_the_wire,
    precious,
    resolve,
    said_by,
    spent_by,
)
from tokenflow.core.effects import Issuer
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerRefused,
    IssuerUnreachable,
    PluginError,
    TokenflowError,
)
from tokenflow.core.lifecycles import CommandSpec
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Attempt

ROTATES = lifecycle_of(ROTATING)
REFRESH = CommandSpec(name="refresh", use="x.refresh", produces="access", rotates=True)
REVOKE = CommandSpec(name="revoke", use="x.revoke")
STRICT = Doubt(idempotent=False, lost_answer="probe", grace=None, since=START, can_ask=True)

TABLE: list[tuple[Doubt, Said | None, Verdict]] = [
    (attrs.evolve(STRICT, idempotent=True), None, Verdict.REPEAT),
    (attrs.evolve(STRICT, idempotent=True, lost_answer="reconsent"), Said.DEAD, Verdict.REPEAT),
    (attrs.evolve(STRICT, lost_answer="repeat"), None, Verdict.REPEAT),
    (attrs.evolve(STRICT, lost_answer="repeat", grace=2 * MINUTE), None, Verdict.REPEAT),
    (attrs.evolve(STRICT, lost_answer="repeat", grace=MINUTE), None, Verdict.ASK),
    (attrs.evolve(STRICT, lost_answer="repeat", grace=2 * MINUTE, lasts=MINUTE), None, Verdict.ASK),
    (attrs.evolve(STRICT, lost_answer="repeat", grace=2 * MINUTE, lasts=MINUTE - 1), None, Verdict.REPEAT),
    (attrs.evolve(STRICT, grace=MINUTE, last=START + 1), None, Verdict.LATER),
    (attrs.evolve(STRICT, grace=MINUTE, last=START), None, Verdict.ASK),
    (attrs.evolve(STRICT, lost_answer="repeat", grace=MINUTE, can_ask=False), None, Verdict.NEVER),
    (attrs.evolve(STRICT, lost_answer="reconsent"), None, Verdict.NEVER),
    (attrs.evolve(STRICT, can_ask=False), None, Verdict.NEVER),
    (STRICT, None, Verdict.ASK),
    (STRICT, Said.ALIVE, Verdict.REPEAT),
    (STRICT, Said.DEAD, Verdict.NEVER),
    (STRICT, Said.NOT_NOW, Verdict.LATER),
    (STRICT, Said.NOTHING, Verdict.NEVER),
]


@pytest.mark.parametrize(("doubt", "said", "verdict"), TABLE)
def test_the_table_says_so(doubt: Doubt, said: Said | None, verdict: Verdict) -> None:
    """Rule F3: each row of the table, a minute after the command was sent."""
    assert verdict is resolve(doubt, START + MINUTE, said)


DOUBTS = st.builds(
    Doubt,
    idempotent=st.booleans(),
    lost_answer=st.sampled_from(["repeat", "probe", "reconsent"]),
    grace=st.none() | st.integers(0, 3 * MINUTE),
    since=st.just(START),
    lasts=st.integers(0, MINUTE),
    last=st.none() | st.integers(START, START + 3 * MINUTE),
    can_ask=st.booleans(),
)


def allowed_only() -> Callable[[], None]:
    """Return the property: nothing is repeated but what may be."""
    return given(DOUBTS, st.integers(0, 5 * MINUTE), st.none() | st.sampled_from(Said))(_allowed_only)


def _allowed_only(doubt: Doubt, age: int, said: Said | None) -> None:
    """A repeat has one of three reasons: harmless, within the contract, or known to be unspent."""
    verdict = doubts.resolve(doubt, START + age, said)
    within = doubt.lost_answer == "repeat" and (doubt.grace is None or age + doubt.lasts < doubt.grace)
    unspent = said is Said.ALIVE and doubt.can_ask and doubt.lost_answer != "reconsent"
    if verdict is Verdict.REPEAT:
        assert doubt.idempotent or within or unspent
    if verdict is Verdict.ASK:
        assert doubt.can_ask
        assert said is None, "what was asked is not asked again at once"
        over = doubt.grace is None or doubt.last is None or START + age >= doubt.last + doubt.grace
        assert over, "within grace a used one is called alive"
    if said is Said.DEAD and not doubt.idempotent and not within:
        assert verdict in (Verdict.NEVER, Verdict.LATER)


def test_nothing_is_blindly_repeated() -> None:
    """Rule F3: whatever is in doubt, a command is sent again only where that is allowed."""
    allowed_only()()


@pytest.mark.parametrize("plant", ["blind", "grace without end", "dead is alive"])
def test_a_blind_repeat_is_caught(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that repeats blindly, forgets that grace ends, or takes dead for alive fails the property."""

    def planted(doubt: Doubt, now: int, said: Said | None = None) -> Verdict:
        if plant == "blind" and said is None:
            return Verdict.REPEAT
        if plant == "grace without end":
            return resolve(attrs.evolve(doubt, grace=None), now, said)
        return resolve(doubt, now, Said.ALIVE if said is Said.DEAD else said)

    monkeypatch.setattr(doubts, "resolve", planted)
    caught(allowed_only())


ERRORS: list[tuple[TokenflowError, bool]] = [
    (IssuerUnreachable("cut", sent=True), True),
    (IssuerUnreachable("refused", sent=False), False),
    (AnswerNotUnderstood("html"), True),
    (IssuerRefused("no", status=400, facts={}), False),
    (IssuerRefused("down", status=503, facts={}), False),
    (PluginError("broken"), False),
]


@pytest.mark.parametrize(("error", "doubtful"), ERRORS)
def test_what_leaves_a_doubt(error: TokenflowError, doubtful: bool) -> None:
    """Rule F3: what was sent and not answered is in doubt, a no and what never left are not."""
    assert doubtful is leaves_doubt(REFRESH, error)
    assert not leaves_doubt(REVOKE, error), "a command that brings no value may be given twice"
    assert on_the_wire(error) is (isinstance(error, IssuerUnreachable) and error.sent)


def test_what_a_question_that_failed_comes_to() -> None:
    """An issuer that is busy or out answers later; one that refuses the question will not answer it."""
    no = IssuerRefused("no", status=403, facts={})
    assert Said.NOTHING is said_by(no, "permanent")
    assert Said.NOT_NOW is said_by(no, "rate_limited")
    assert Said.NOT_NOW is said_by(IssuerUnreachable("cut", sent=True), "transient")
    assert Said.NOT_NOW is said_by(AnswerNotUnderstood("html"), "transient")
    assert Said.NOTHING is said_by(PluginError("broken"), "configuration")


@pytest.mark.parametrize(
    ("command", "rotation", "expected"),
    [
        (REFRESH, "none", True),
        (attrs.evolve(REFRESH, rotates=False), "strict", True),
        (attrs.evolve(REFRESH, rotates=False), "none", False),
        (attrs.evolve(REFRESH, rotates=False, idempotent=True), "strict", False),
        (REVOKE, "strict", False),
    ],
)
def test_what_is_the_only_copy(command: CommandSpec, rotation: str, expected: bool) -> None:
    """Rule F2: what rotates, or replaces a value that dies, is journaled; what may be asked again is not."""
    assert expected is precious(command, Issuer(name="x", client_id="", rotation=rotation))


def test_the_question_is_about_what_was_spent() -> None:
    """RFC 7662: the issuer is asked about the refresh token, or the access token where there is none."""
    token = token_of(ROTATES, "issued", refresh_token=Secret("r"))
    assert Secret("r") == spent_by(token).access_token
    assert token.access_token == spent_by(attrs.evolve(token, refresh_token=None)).access_token


def test_since_when_a_token_is_in_doubt() -> None:
    """An open attempt is in doubt since it began, a failed one since its first such try, a revoke never."""
    begun = Attempt(
        event="refresh", command="refresh", number=1, started_at=START, lease_until=START + MINUTE
    )
    assert in_doubt(ROTATES, None) is None
    assert START == in_doubt(ROTATES, begun)
    assert in_doubt(ROTATES, attrs.evolve(begun, error="transient", lease_until=None)) is None
    since = attrs.evolve(begun, error="transient", unknown_since=START - SECOND)
    assert START - SECOND == in_doubt(ROTATES, since)
    assert in_doubt(user(), attrs.evolve(begun, command="revoke")) is None
