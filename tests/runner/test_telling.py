"""A changed lifetime, in words for a person."""

import pytest

from tokenflow.core.events import About, LifetimeChanged
from tokenflow.core.tokens import SECOND
from tokenflow.runner.telling import in_words

ABOUT = About(tenant="default", key="ada", token_id="t", revision=1, at=0)


@pytest.mark.parametrize(
    ("why", "learned", "words"),
    [
        ("died_early", 1200, "values die before their end; renewed as if they lived for about 20m"),
        ("recovered", None, "values live longer again, as promised"),
        ("out_of_bounds", None, "the issuer promises 1h, which is outside the bounds of the spec"),
        ("promised_otherwise", None, "the issuer promises 1h now"),
    ],
)
def test_what_changed_is_said(why: str, learned: int | None, words: str) -> None:
    """Each reason has its sentence, with spans a person reads."""
    life = None if learned is None else learned * SECOND
    event = LifetimeChanged(about=ABOUT, lifetime="access", why=why, promised=3600 * SECOND, learned=life)
    assert in_words(event) == f"ada: lifetime access: {words}"
