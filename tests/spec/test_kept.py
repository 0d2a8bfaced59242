"""A Tokens document against the lifecycles it keeps tokens of: only who is asked may be asked for less."""

from pathlib import Path

import pytest

from tests.spec.names import OFFERED
from tokenflow.spec import check_all

HEAD = "apiVersion: tokenflow/v1\nkind: Tokens\nmetadata: {name: mine}\n"


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("{lifecycle: oauth2-app, acquire: server}", True),
        ("{lifecycle: oauth2-app, acquire: server, scope: [reports]}", False),
        ("{lifecycle: facebook-client, acquire: dashboard}", False),
    ],
)
def test_a_scope_is_missed_only_where_an_issuer_is_asked(tmp_path: Path, token: str, told: bool) -> None:
    """A token that is put together here, or read from a secret, is granted by nobody."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"{HEAD}tokens: {{a: {token}}}\n")
    found = {one.code for one in check_all([path], names=OFFERED)[str(path)]}
    assert ("TF609" in found) is told
    assert "TF230" not in found
