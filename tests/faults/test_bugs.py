"""A harness that cannot fail proves nothing: mistakes are sown, and have to be seen."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.faults import bugs
from tests.house import ROOT


def test_every_mistake_can_still_be_made() -> None:
    """A patch of a name that is gone would sow nothing, and be caught by nobody."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.bugs"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 20


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.campaign)])
def test_a_mistake_is_caught(every: bool) -> None:
    """Another one each day, or all of them; what caught each, and how soon, is in the report."""
    bugs.campaign(bugs.GATE, datetime.now(UTC).toordinal(), every=every).demand()
