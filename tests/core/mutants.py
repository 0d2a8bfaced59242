"""A property is worth what it catches: run it on a planted bug."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings


def caught(prop: Callable[[], object], examples: int = 300) -> None:
    """Assert that the property *prop* (made by @given) fails an assertion."""
    hunting = settings(
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate],
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    with pytest.raises(AssertionError):
        hunting(prop)()
