"""Texts with a bar: app tokens, issued ones, client tokens, and when nobody can tell (facebook.md §1.8)."""

import string
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import Secret
from tokenflow_facebook.composites import Composite, composite

APP_SECRET: Final = "0123456789abcdef0123456789abcdef"
CLIENT_TOKEN: Final = "fedcba9876543210fedcba9876543210"
BOTH: Final = {"app_secret": Secret(APP_SECRET), "client_token": Secret(CLIENT_TOKEN)}
HASH: Final = "AbCdEfGhIjKlMnOpQrStUvWx_-1"


@pytest.mark.parametrize(
    ("value", "secrets", "wanted"),
    [
        (f"111|{APP_SECRET}", BOTH, Composite("111", "app", sure=True)),
        (f"111|{CLIENT_TOKEN}", BOTH, Composite("111", "client", sure=True)),
        (f"111|{HASH}", BOTH, Composite("111", "app", sure=False)),
        (f"111|{HASH}", {}, Composite("111", "app", sure=False)),
        (f"111|{APP_SECRET}", {}, Composite("111", None, sure=False)),
        (f"111|{CLIENT_TOKEN}", {"app_secret": BOTH["app_secret"]}, Composite("111", None, sure=False)),
        (f"111|{APP_SECRET}", {"client_token": BOTH["client_token"]}, Composite("111", None, sure=False)),
        ("111|f00", {"app_secret": Secret("another")}, Composite("111", None, sure=False)),
        (f"111|{APP_SECRET}", {"app_secret": BOTH["app_secret"]}, Composite("111", "app", sure=True)),
        (f"111|{APP_SECRET}x", BOTH, Composite("111", None, sure=False)),
        ("EAAB", BOTH, None),
        ("|x", BOTH, None),
        ("111|", BOTH, None),
        ("a1|x", BOTH, None),
        ("\u0661|x", BOTH, None),
    ],
)
def test_the_second_half_tells(value: str, secrets: dict[str, Secret], wanted: Composite | None) -> None:
    """What equals a secret is that one; 27 characters are an issued app token's; of 32 hex nobody can say."""
    assert composite(Secret(value), secrets) == wanted


def test_one_text_for_both_is_neither() -> None:
    """An app whose client token is its secret has told everybody the secret: no kind is made up."""
    same = {"app_secret": Secret(APP_SECRET), "client_token": Secret(APP_SECRET)}
    assert composite(Secret(f"111|{APP_SECRET}"), same) == Composite("111", None, sure=False)


@given(
    st.text(alphabet=string.printable, max_size=70),
    st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
)
def test_nothing_is_sure_but_what_equals_a_secret(value: str, held: str) -> None:
    """Any text: a kind is certain only where the second half is the secret that was shown for it."""
    found = composite(Secret(value), {"app_secret": Secret(held)})
    certain = found is not None and found.sure
    assert certain == (value.partition("|")[2] == held and value.partition("|")[0].isdigit())
