"""Which login is asked for, and why."""

from typing import Any

import attrs
import pytest

from tests.properties.planning import world
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.sealing import to_row, unopened
from tokenflow.engine.stores import Write
from tokenflow.runner.explaining import explain

KEY = "fb/ada"


@pytest.mark.parametrize(
    ("facts", "way", "why"),
    [
        ({"data_access": "over", "declined_scopes": ["email"]}, "reauthorize", "access to data is over"),
        ({"data_access": "ending"}, "reauthorize", "access to data is ending"),
        ({"expired_scopes": ["user_posts"]}, "reauthorize", "not used for too long: user_posts"),
        ({"declined_scopes": ["a", "b"]}, "rerequest", "declined: a, b"),
        ({"data_access": "open", "declined_scopes": []}, None, None),
    ],
)
def test_the_login_that_mends_what_is_lacking_is_named(
    facts: dict[str, Any], way: str | None, why: str | None
) -> None:
    """Access to data and what expired are reauthorized, what was declined is requested again."""
    with world([("log_in", KEY)]) as found:
        row = found.store.load("default", KEY)
        assert row is not None
        held = unopened(row)
        token = attrs.evolve(
            held,
            attributes={**held.attributes, **facts},
            revision=row.revision + 1,
            access_token=None,
            refresh_token=None,
        )
        lifecycle = found.engine.desk.setting.lifecycle("facebook-user")
        bare = to_row(token, lifecycle, open_keyed(MemoryStore(), None))  # nothing to seal
        kept = attrs.evolve(bare, access_token=row.access_token)
        found.store.save([Write(row=kept, expected=row.revision)], mark=found.clock())
        person = explain(found.glass(), KEY).person
    if way is None:
        assert person is None
    else:
        assert person is not None
        assert f"({why})" in person
        assert person.endswith(f"platform={way!r})")
