"""Playing a flow by hand."""

import pytest

from tokenflow import Flow, IssuerUnreachable, Prompt, Request, Response, Secret, ask, nonce, now, send
from tokenflow.core.effects import Now, ReadSecret
from tokenflow.testing.play import answering, play

REQUEST = Request(method="GET", url="https://issuer.example")


def twice() -> Flow[int]:
    instant = yield from now()
    return instant + (yield from send(REQUEST)).status


def patient() -> Flow[str]:
    try:
        yield from send(REQUEST)
    except IssuerUnreachable:
        return "unreachable"
    return "reached"


def test_answers_in_order_give_the_result_and_what_was_asked() -> None:
    played = play(twice(), [1, Response(status=200)])
    assert (played.result, played.sent) == (201, (REQUEST,))
    assert played.asked[0] == Now()


def test_answers_may_be_a_function_of_the_effect() -> None:
    assert play(twice(), lambda effect: 1 if effect == Now() else Response(status=404)).result == 405


def test_an_exception_among_the_answers_is_raised_where_the_flow_waits() -> None:
    assert play(patient(), [IssuerUnreachable("gone", sent=True)]).result == "unreachable"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "no answer is left"),
        ([1], "no answer is left"),
        ([Response(status=200)], "no int"),
        ([1, 2], "no Response"),
        ([1, Response(status=200), 3], "never asked for"),
    ],
)
def test_a_wrong_number_or_kind_of_answers_says_so(answers: list[object], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        play(twice(), answers)


def test_answers_by_kind_say_what_was_not_given() -> None:
    def curious() -> Flow[object]:
        text = yield from nonce()
        back = yield from ask(Prompt(url="u", state=text))
        held = yield ReadSecret("env:S")
        return (text, back, held)

    person = {"code": "c"}
    given = answering(nonces=["n"], secrets={"env:S": "s"}, person=lambda _: person)
    assert play(curious(), given).result == ("n", person, Secret("s"))
    with pytest.raises(AssertionError, match="Ask"):
        play(curious(), answering(nonces=["n"]))
