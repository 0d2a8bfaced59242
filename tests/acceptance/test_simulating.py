"""The installed command simulates: a life, and a fleet in processes of its own."""

from tests.acceptance.ground import printed, tokenflow


def test_a_life_is_told_by_the_installed_command() -> None:
    """Exit 0, nothing on stderr, the same words again."""
    first, again = (tokenflow("simulate", "facebook-user", "--days", "3") for _ in range(2))

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == again.stdout
    assert "acquired by web -> issued, ends in 1h30m" in first.stdout


def test_a_fleet_is_the_same_in_one_process_and_in_two() -> None:
    """Work is shared out, and the answer is the seed's."""
    many = ("--tokens", "300", "--days", "3", "--seed", "7")
    fleet = ("simulate", "facebook-user", *many, "--format", "json")
    one, two = (printed(tokenflow(*fleet, "--processes", count)) for count in ("1", "2"))

    assert one == two
    assert one["fleets"][0]["method"] == "every token"
