"""`tokenflow simulate`: a life told, a fleet counted, and options that say what is wrong with them."""

import xml.dom.minidom
from pathlib import Path

import pytest

from tests.cli.conftest import Call

FIVE_DAYS = """\
facebook-user@1.0.0 by web, 5d from 2030-01-01T00:00:00Z, seed 0

+0s              acquired by web -> issued, ends in 1h30m
+59m29s          extend / extend (timer) issued -> extended
+1d48m11s        extend / extend (timer) extended
+2d              invalidate (operator) extended -> invalidated, logged_out
"""
TOKENS = """
apiVersion: tokenflow/v1
kind: Tokens
metadata: {name: two, version: 1.0.0, title: Two}
tokens:
  bo: {lifecycle: oauth2-rotating, acquire: web}
  reports: {lifecycle: oauth2-app, acquire: server}
"""


def test_a_life_is_told_line_by_line(tokenflow: Call) -> None:
    """Offset and words, the person who logs in again, and what it came to; the same each time."""
    said = tokenflow("simulate", "facebook-user", "--days", "5", "--at", "2d invalidate reason=logged_out")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(FIVE_DAYS)
    assert "+2d1h            acquired by web -> issued, ends in 1h30m\n" in said.out
    assert "\nlogins            2\nunusable          1h\n" in said.out


def test_what_goes_on_alike_is_told_once(tokenflow: Call) -> None:
    """Four days of an hourly token are a screen, not a thousand lines; the object has them all."""
    asked = ("simulate", "oauth2-rotating", "--until", "4d", "--at", "2d outage 2h")
    text, shape = tokenflow(*asked), tokenflow(*asked, "--format", "json")

    assert " more times, until +1d" in text.out
    (life,) = shape.object["lives"]
    assert len(life["lines"]) > 100 > len(text.out.splitlines())
    assert life["outcomes"]["failed"] > 10
    assert len(life["unusable"]) == 1


def test_a_lost_answer_of_a_strict_issuer_takes_a_person(tokenflow: Call) -> None:
    """It is not repeated; what is held serves to its end, and then somebody logs in."""
    said = tokenflow("simulate", "oauth2-rotating", "--until", "3d", "--at", "1d lose", "--format", "json")

    (life,) = said.object["lives"]
    assert (life["outcomes"]["lost"], len(life["logins"])) == (1, 2)


def test_a_first_value_lives_as_long_as_is_said(tokenflow: Call) -> None:
    """--expires-in is the issuer's answer to the login."""
    said = tokenflow(
        "simulate", "facebook-user", "--until", "2h", "--expires-in", "20m", "--platform", "server"
    )

    assert "+0s              acquired by server -> issued, ends in 20m\n" in said.out


def test_facts_of_the_app_decide(tokenflow: Call) -> None:
    """With standard access an extended token never ends."""
    said = tokenflow("simulate", "facebook-user", "--until", "9d", "--app", "marketing_access=standard")

    assert "issued -> non_expiring" in said.out


def test_so_does_a_token_that_arrives_long_lived(tokenflow: Call) -> None:
    """Endless from its birth, and nothing is asked for it afterwards."""
    access = ("--app", "marketing_access=standard", "--platform", "ios")
    said = tokenflow("simulate", "facebook-user", "--until", "400d", *access)

    assert "acquired by ios -> non_expiring, no expiry" in said.out
    assert "extend" not in said.out


def test_each_entry_of_a_tokens_file_is_told(tokenflow: Call, tmp_path: Path) -> None:
    """By the platform it names."""
    file = tmp_path / "two.yaml"
    file.write_text(TOKENS)
    said = tokenflow("simulate", file, "--until", "3h", "--format", "json")

    told = [(one["key"], one["platform"]) for one in said.object["lives"]]
    assert told == [("bo", "web"), ("reports", "server")]


def test_a_fleet_is_counted(tokenflow: Call, tmp_path: Path) -> None:
    """As a table with a plot, as an object, and as a picture."""
    some = ("--tokens", "40", "--days", "4", "--outage", "2h@2", "--deaths", "10%/30d")
    fleet = ("simulate", "facebook-user", *some)
    plot = tmp_path / "fleet.svg"
    text, shape = tokenflow(*fleet, "--svg", plot), tokenflow(*fleet, "--format", "json")

    assert (text.code, text.err) == (0, f"written to {plot}\n")
    assert "facebook-user@1.0.0 by web: 40 tokens, 4 days\n" in text.out
    assert "every token was lived" in text.out
    assert "outage for 2h, day 2, 00:00" in text.out
    xml.dom.minidom.parse(str(plot))
    (found,) = shape.object["fleets"]
    assert (found["lived"], found["method"]) == (40, "every token")
    assert found["calls"]["by_command"]["extend"] >= 150


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--at", "tomorrow invalidate"], "is not a duration"),
        (["--at", "2d vanish"], "is no event of facebook-user@1.0.0, and no fault; its events are acquired"),
        (["--at", "2d outage"], "an outage has one duration"),
        (["--at", "2d die now"], "nothing stands behind `die`"),
        (["--at", "2d invalidate because"], "its payload, as NAME=VALUE"),
        (["--outage", "2h@100"], "to begin before the end"),
        (["--until", "0d"], "is no time at all"),
        (["--days", "2000"], "longer than 1000 days"),
        (
            ["--at", "2d invalidate reason=bogus"],
            "'reason' cannot be 'bogus'; it is one of: password_changed",
        ),
        (["--at", "2d invalidate why=bored"], "'invalidate' carries no 'why'; it carries: reason"),
        (["--app", "standard"], "marketing_access=standard"),
        (["--app", "bogus=1"], "no fact of the app is called 'bogus'; the facts are: marketing_access"),
        (["--app", "marketing_access=much"], "'marketing_access' cannot be 'much'; it is one of: none,"),
        (["--budget", "600/10m"], "--budget is for a fleet"),
        (["--svg", "x.svg"], "--svg is for a fleet"),
        (["--tokens", "9", "--budget", "many/10m"], "600/10m"),
        (["--tokens", "9", "--budget", "9/1ms"], "over a second at the least"),
        (["--tokens", "9", "--deaths", "1/30d"], "1%/30d"),
        (["--tokens", "9", "--deaths", "100%/30d"], "1%/30d"),
    ],
    ids=" ".join,
)
def test_an_option_that_cannot_be_read_says_how_it_is_written(
    tokenflow: Call, arguments: list[str], says: str
) -> None:
    """Exit 2, nothing on stdout."""
    said = tokenflow("simulate", "facebook-user", *arguments)

    assert (said.code, said.out) == (2, "")
    assert says in " ".join(said.err.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["facebook-user", "--platform", "fax"],
            "is not acquired by 'fax'; it is by: android, client_code, device, fragment, ios",
        ),
        (["facebook-page"], "simulate facebook-user or facebook-system-user, which its tokens come from"),
        (["bearer"], "only a parent for others"),
        (["whole-life"], "only a Lifecycle or a Tokens file can be simulated"),
        (["sandbox-reports", "--platform", "web"], "leave --platform out"),
        (
            ["facebook-user", "--at", "2d refuse nonsense"],
            "takes no answer of its issuer for 'nonsense'",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_cannot_be_simulated_is_a_finding(tokenflow: Call, arguments: list[str], says: str) -> None:
    """Exit 1, in a sentence that names what there is."""
    said = tokenflow("simulate", *arguments)

    assert (said.code, said.out) == (1, "")
    assert says in said.err
