"""A Secret is seen by reveal() alone."""

# ruff: noqa: SIM300  # expected == actual, constants too

import copy
import json
import pickle
import pprint
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import token_of, user
from tokenflow.core import secret as module
from tokenflow.core.effects import Prompt, Request, Response
from tokenflow.core.secret import Secret

CANARY = "EAAB-canary-8f3c"


@attrs.frozen
class _Holder:
    inner: Secret


class _Old(json.JSONEncoder):
    def default(self, o: object) -> str:
        return str(o)


SHOWN: dict[str, Callable[[Secret], object]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": lambda s: format(s, ">40"),
    "f-string": lambda s: f"{s} {s!r} {s!s} {s:.3}",
    "percent": lambda s: "%s %r %a" % (s, s, s),  # noqa: UP031  # the old way is what is tested
    "str.format": lambda s: "{} {!r} {:10}".format(s, s, s),  # noqa: UP032
    "pprint": lambda s: pprint.pformat({"deep": [s]}),
    "json with default=str": lambda s: json.dumps({"a": s}, cls=_Old),
    "dir": lambda s: (dir(s), s.__doc__),
    "asdict": lambda s: attrs.asdict(_Holder(s)),
    "astuple": lambda s: attrs.astuple(_Holder(s)),
    "holder": lambda s: (_Holder(s), [s], {"k": s}, (s,)),
    "request": lambda s: Request(
        method="POST", url="https://x.example", form={"a": s}, bearer=s, basic=("me", s)
    ),
    "token": lambda s: token_of(user(), "issued", access_token=s, refresh_token=s),
    "warning": lambda s: str(warnings.WarningMessage(str(s), UserWarning, "x", 1)),
    "exception": lambda s: (ValueError(s), str(ValueError(s)), KeyError(s)),
}


@pytest.mark.proves("B1")
@pytest.mark.parametrize("way", SHOWN)
def test_nothing_that_shows_a_value_shows_this_one(way: str) -> None:
    """No common way to turn a value into text reveals a secret."""
    assert CANARY not in repr(SHOWN[way](Secret(CANARY)))
    assert CANARY not in str(SHOWN[way](Secret(CANARY)))


REFUSED: dict[str, Callable[[Secret], object]] = {
    "vars": vars,
    "json": json.dumps,
    "hash": hash,
    "set": lambda s: {s},
    "key": lambda s: {s: 1},
    "state": lambda s: s.__getstate__(),
    "reduce": lambda s: s.__reduce_ex__(2),
    "iter": lambda s: list(s),  # type: ignore[call-overload]  # that it cannot be is the point
    "len": lambda s: len(s),  # type: ignore[arg-type]
    "bytes": lambda s: bytes(s),  # type: ignore[call-overload]
    "join": lambda s: "".join([s]),  # type: ignore[list-item]
    "plus": lambda s: "Bearer " + s,  # type: ignore[operator]
    **{f"pickle {n}": lambda s, n=n: pickle.dumps([s], n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},  # type: ignore[misc]
}


@pytest.mark.proves("B2")
@pytest.mark.parametrize("way", REFUSED)
def test_whatever_would_copy_it_out_is_refused(way: str) -> None:
    """vars, json, pickle of every protocol, hashing and joining raise TypeError without the text in it."""
    with pytest.raises(TypeError) as raised:
        REFUSED[way](Secret(CANARY))
    assert CANARY not in str(raised.value)


@pytest.mark.proves("B3")
def test_a_traceback_that_captures_locals_does_not_show_it() -> None:
    """Crash reporters that render locals see the mask."""

    def fails(held: Secret) -> None:
        nested = {"a": [held], "b": Prompt(url="https://x.example/?s=" + CANARY, state=CANARY)}
        answer = Response(status=200, body=CANARY.encode(), headers={"set-cookie": CANARY})
        raise RuntimeError(f"{held} {len(nested)} {answer}")

    with pytest.raises(RuntimeError) as raised:
        fails(Secret(CANARY))
    fails_only = [
        frame for frame in traceback.extract_tb(raised.value.__traceback__) if frame.name == "fails"
    ]
    assert 1 == len(fails_only)
    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "Secret(****)" in shown
    assert CANARY not in shown.replace("CANARY", "")


def test_copies_are_the_secret_itself() -> None:
    """copy and deepcopy make no second copy of the text."""
    held = Secret(CANARY)
    assert held is copy.copy(held)
    assert held is copy.deepcopy([held])[0]


@pytest.mark.parametrize("name", ["_value", "other", "__class__"])
def test_it_cannot_be_changed(name: str) -> None:
    """Attributes are neither set nor deleted."""
    held = Secret(CANARY)
    with pytest.raises(AttributeError):
        setattr(held, name, "x")
    with pytest.raises(AttributeError):
        delattr(held, name)
    assert CANARY == held.reveal()


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_equal_exactly_when_the_texts_are(one: str, other: str) -> None:
    """Equality is that of the texts, for any text json may hold, and never with a bare str."""
    assert (one == other) == (Secret(one) == Secret(other))
    assert Secret(one) == Secret(one)
    assert Secret(one) != one
    assert Secret("\ud800" + one) != Secret(one)


@pytest.mark.proves("I")
def test_comparison_is_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every comparison of two secrets goes through hmac.compare_digest."""
    asked: list[tuple[bytes, bytes]] = []

    class Watched:
        @staticmethod
        def compare_digest(one: bytes, other: bytes) -> bool:
            asked.append((one, other))
            return one == other

    monkeypatch.setattr(module, "hmac", Watched)
    assert Secret("a") != Secret("b")
    assert Secret("a") == Secret("a")
    assert [(b"a", b"b"), (b"a", b"a")] == asked


def test_it_is_final() -> None:
    """The class says so to type checkers: nobody derives one that shows itself."""
    final: Any = getattr(Secret, "__final__", False)
    assert True is final
