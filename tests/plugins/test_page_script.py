"""The page's script as it ships: whole, and bound to the page's own origin."""

from tokenflow_javascript.page import page_script


def test_the_script_ships_and_hands_over_in_a_body_on_its_own_origin() -> None:
    """It posts JSON, refuses another origin, and puts no token into an address."""
    text = page_script().decode()

    assert "window.tokenflow = Object.freeze({ follow })" in text
    assert "target.origin !== location.origin" in text
    assert 'own("handOff", handOff)' in text
    assert 'own("invitations", invitations)' in text
    assert "body: JSON.stringify({ status: answer.status" in text
    assert "searchParams" not in text
