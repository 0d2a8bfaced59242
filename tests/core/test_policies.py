"""What is forbidden before anything is sent, what an issuer's no means, and when to try again (R1)."""

# ruff: noqa: SIM300  # expected == actual, constants too

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import APP, DAY, PAGE, SECOND, START, lifecycle_of, small, token_of, user
from tokenflow.core.conditions import View
from tokenflow.core.errors import AnswerNotUnderstood, IssuerRefused, IssuerUnreachable, Refused
from tokenflow.core.events import About
from tokenflow.core.lifecycles import Retry
from tokenflow.core.policies import check_custody, check_rules, check_transport, lend, meaning_of, retry_at

retries = st.builds(
    Retry,
    attempts=st.integers(1, 10),
    first=st.integers(1, 3600 * SECOND),
    factor=st.integers(1, 5),
    longest=st.integers(SECOND, DAY),
    jitter=st.booleans(),
)
KINDS = ("transient", "rate_limited", "reconsent", "permanent", "configuration", "revoked", "expired")
TOKEN = token_of(user(), "issued")


@given(
    retries,
    st.integers(1, 12),
    st.sampled_from(KINDS),
    st.none() | st.integers(-DAY, DAY),
    st.none() | st.integers(-DAY, 2 * DAY),
    st.text(max_size=6),
)
def test_a_retry_is_bounded(
    retry: Retry, number: int, kind: str, rest: int | None, before: int | None, ident: str
) -> None:
    """R1: only named classes; no more than `attempts` unless the issuer says when; never past a deadline."""
    limit = None if before is None else START + before
    until = None if rest is None else START + rest
    token = attrs.evolve(TOKEN, id=ident)

    def when() -> int | None:
        return retry_at(retry, token, number=number, kind=kind, now=START, until=until, before=limit)

    found = when()
    assert found == when()
    tries = number < retry.attempts or (kind == "rate_limited" and until is not None)
    if kind not in retry.only or not tries:
        assert found is None
        return
    cap = min(retry.first * retry.factor ** (number - 1), retry.longest)
    low, high = (SECOND, max(cap, SECOND)) if retry.jitter else (cap, cap)
    after = until or 0
    if found is None:
        assert limit is not None
        assert max(START + high, after) >= limit
        return
    assert max(START + low, after) <= found <= max(START + high, after)
    assert limit is None or found < limit


@pytest.mark.parametrize(("before", "expected"), [(0, None), (10, None), (11, 10), (None, 10)])
def test_a_retry_at_the_deadline_itself_is_too_late(before: int | None, expected: int | None) -> None:
    """R1: a retry is scheduled strictly before the next hard deadline, or not at all."""
    found = retry_at(
        Retry(attempts=2, first=10, longest=10, jitter=False),
        TOKEN,
        number=1,
        kind="transient",
        now=0,
        until=None,
        before=before,
    )
    assert expected == found


def test_full_jitter_fills_the_whole_range() -> None:
    """R1: the delay is spread over [1 s, cap], not merely around the cap."""
    retry = Retry(attempts=2, first=1000 * SECOND)
    delays = []
    for n in range(400):
        at = retry_at(
            retry,
            attrs.evolve(TOKEN, id=f"t{n}"),
            number=1,
            kind="transient",
            now=0,
            until=None,
            before=None,
        )
        assert at is not None
        delays.append(at)
    for tenth in range(10):
        inside = [at for at in delays if tenth * 100 * SECOND <= at < (tenth + 1) * 100 * SECOND]
        assert 15 < len(inside) < 75, tenth


@pytest.mark.parametrize(
    ("number", "rest", "expected"), [(1, 600, 600), (1, 3, 10), (1, None, 10), (3, 600, 600)]
)
def test_until_when_the_issuer_wants_rest_is_kept_to_the_instant(
    number: int, rest: int | None, expected: int
) -> None:
    """R1: a longer rest is respected to the instant, even after the last attempt; a shorter is no hurry."""
    found = retry_at(
        Retry(attempts=3, first=10 * SECOND, jitter=False),
        TOKEN,
        number=number,
        kind="rate_limited",
        now=START,
        until=None if rest is None else START + rest * SECOND,
        before=None,
    )
    assert START + expected * SECOND == found


def refused(status: int = 400, **facts: Any) -> IssuerRefused:
    """Return an issuer's no as `answers` makes it."""
    return IssuerRefused("no", status=status, facts={"http": status, **facts})


@pytest.mark.parametrize(
    ("error", "kind", "event"),
    [
        (refused(code=190, subcode=463), "expired", "expire"),
        (refused(code=190, subcode=460), "revoked", "invalidate"),
        (refused(code=190, subcode=458), "revoked", "invalidate"),
        (refused(code="190"), "revoked", "invalidate"),
        (refused(code=2), "transient", None),
        (refused(code=17), "rate_limited", None),
        (refused(code=100), "permanent", None),
        (refused(500), "transient", None),
        (refused(503, error="temporarily_unavailable"), "transient", None),
        (refused(500, code=190), "revoked", "invalidate"),
        (refused(429), "rate_limited", None),
        (refused(401), "permanent", None),
        (IssuerUnreachable("no answer", sent=True), "transient", None),
        (AnswerNotUnderstood("html"), "transient", None),
        (Refused("secret", "none"), "configuration", None),
    ],
)
def test_the_first_meaning_that_matches_counts(error: Any, kind: str, event: str | None) -> None:
    """`errors:` is read top to bottom; 5xx and 429 have a meaning of their own, anything else is for good."""
    found = meaning_of(user(), error)
    assert (kind, event) == (found.kind, found.event)


def test_a_meaning_may_name_a_class_of_status_or_several_values() -> None:
    """`5xx` matches the whole hundred, a list any of its values, and a fact that is absent nothing."""
    lifecycle = small(
        {"open": {}},
        errors=[
            {"match": {"http": "5xx", "error": "busy"}, "class": "rate_limited"},
            {"match": {"error": ["a", "b"]}, "class": "revoked"},
            {"match": {"http": "4xx"}, "class": "configuration"},
        ],
    )
    assert "rate_limited" == meaning_of(lifecycle, refused(503, error="busy")).kind
    assert "transient" == meaning_of(lifecycle, refused(503)).kind
    assert "revoked" == meaning_of(lifecycle, refused(200, error="b")).kind
    assert "configuration" == meaning_of(lifecycle, refused(404)).kind


def test_an_issuers_meanings_come_first_and_a_lifecycles_only_add() -> None:
    """Ruling 17: what the Issuer document says of an error is not overruled by a lifecycle."""
    from tokenflow.core.compiling import compile_lifecycle

    data = {
        "metadata": {"name": "x", "version": "1.0.0"},
        "token": {"kind": "user"},
        "events": {},
        "initial": "open",
        "states": {"open": {}},
        "errors": [
            {"match": {"code": 1}, "class": "permanent"},
            {"match": {"code": 2}, "class": "permanent"},
        ],
        "app": {"type": {"default": "web"}},
    }
    issuer = {"errors": [{"match": {"code": 1}, "class": "transient"}], "app": {"type": "native"}}
    found = compile_lifecycle(data, digest="x", guards={}, issuer=issuer)
    assert "transient" == meaning_of(found, refused(code=1)).kind
    assert "permanent" == meaning_of(found, refused(code=2)).kind
    assert "native" == found.app["type"]


def test_custody_is_where_a_token_may_live() -> None:
    """A token may not come to rest where its lifecycle does not let it live."""
    check_custody(user(), "client")
    check_custody(user(), "server")
    with pytest.raises(Refused, match="live on the server only") as raised:
        check_custody(lifecycle_of(APP), "client")
    assert "custody" == raised.value.code


def test_a_server_secret_is_not_lent_to_a_client() -> None:
    """Custody is data flow: a step that needs a server's secret cannot run on a client."""
    assert {"app_secret": "test:app_secret"} == lend(user(), ["app_secret"], "server")
    assert {} == lend(user(), [], "client")
    with pytest.raises(Refused) as raised:
        lend(user(), ["app_secret"], "client")
    assert "secret_not_allowed_here" == raised.value.code


@pytest.mark.parametrize(
    "url", ["http://a.example", "HTTP://a", "ftp://a", "//a", "a", "", "https:/a", " https://a"]
)
def test_tokens_move_over_https_only(url: str) -> None:
    """Anything but https, loopback included, is refused before it is opened."""
    check_transport(user(), "https://a.example/in")
    with pytest.raises(Refused) as raised:
        check_transport(user(), url)
    assert "transport_not_allowed" == raised.value.code


def test_what_may_not_move_does_not_move_even_over_https() -> None:
    """`transport: none` refuses every URL."""
    with pytest.raises(Refused, match="may not be moved at all"):
        check_transport(lifecycle_of(PAGE), "https://a.example")


def test_rules_deny_with_their_id_and_warn_without_stopping() -> None:
    """A rule denies when all its conditions hold, by its own id; a warning is returned; other acts pass."""
    lifecycle = small(
        {"open": {}},
        rules=[
            {"id": "soft", "applies_to": ["use"], "because": "better not", "warn_when": ["token.odd"]},
            {
                "id": "hard",
                "applies_to": ["use", "hand_over"],
                "because": "it must not",
                "deny_when": ["token.odd", {"request.path": "/x"}],
            },
        ],
    )
    about = About.of(TOKEN, START)
    (warned,) = check_rules(lifecycle, "use", View(token={"odd": True}), about)
    assert ("soft", "better not", "use") == (warned.rule, warned.because, warned.act)
    assert () == check_rules(lifecycle, "acquire", View(token={"odd": True}, request={"path": "/x"}), about)
    with pytest.raises(Refused, match="it must not") as raised:
        check_rules(lifecycle, "use", View(token={"odd": True}, request={"path": "/x"}), about)
    assert "hard" == raised.value.code
