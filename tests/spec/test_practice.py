"""Where people may come back to: over HTTPS, or to this very machine (RFC 8252 §7.3, RFC 9700 §4.1)."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.names import OFFERED
from tests.spec.test_serving import issuer
from tokenflow.spec import check

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LOOPBACK = st.integers(0, 255).map("127.0.0.{}".format) | st.just("[::1]")


def told(folder: Path, uri: str) -> set[str]:
    """Return what is said of a redirect_uri."""
    found = check(issuer(folder, client={"client_id": "1", "redirect_uri": uri}), names=OFFERED)
    return {one.code for one in found} & {"TF605", "TF606"}


@FEW
@given(host=LOOPBACK, rest=st.sampled_from(["", "/", ":8484", ":8484/callback", "/callback?a=b"]))
def test_a_code_may_come_back_to_this_machine_over_http(tmp_path: Path, host: str, rest: str) -> None:
    """A literal loopback address, on any port and path: nothing leaves the machine."""
    assert told(tmp_path, f"http://{host}{rest}") == set()


@FEW
@given(host=LOOPBACK, tail=st.sampled_from([".evil.example", "a", "@evil.example", "-1.example", "0000"]))
def test_a_host_that_only_begins_like_this_machine_is_another(tmp_path: Path, host: str, tail: str) -> None:
    """`http://127.0.0.1.evil.example` belongs to evil.example, which would get the codes."""
    assert told(tmp_path, f"http://{host}{tail}/callback") == {"TF605"}


@pytest.mark.parametrize(
    ("uri", "codes"),
    [
        ("https://app.example/callback", set()),
        ("com.example.app:/callback", set()),
        ("http://app.example/callback", {"TF605"}),
        ("http://localhost:8484/callback", {"TF605"}),
        ("https://*.app.example/callback", {"TF606"}),
        ("https://app.example/callback#done", {"TF606"}),
    ],
)
def test_a_redirect_uri_is_one_whole_address_that_nobody_reads_on_its_way(
    tmp_path: Path, uri: str, codes: set[str]
) -> None:
    """Over https or in an app's own scheme; a name such as localhost may be led elsewhere."""
    assert told(tmp_path, uri) == codes


@pytest.mark.parametrize(
    ("uri", "codes"),
    [
        ("fb{client_id}://authorize/", set()),
        ("http://app.example/callback", {"TF605"}),
        ("https://app.example/#done", {"TF606"}),
    ],
)
def test_where_one_platform_comes_back_to_is_judged_alike(tmp_path: Path, uri: str, codes: set[str]) -> None:
    """A lifecycle may name it in `with:`, and it is an address like any other."""
    (tmp_path / "mine.yaml").write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: mine, version: 1.0.0}\n"
        f'extends: builtin:facebook-user\nacquire: {{native: {{with: {{redirect_uri: "{uri}"}}}}}}\n',
        encoding="utf-8",
    )
    found = check(tmp_path / "mine.yaml", names=OFFERED)
    assert {one.code for one in found} & {"TF605", "TF606"} == codes
