"""For guests: playing a flow by hand, and the contracts a plugin fulfils, as tests to run.

It alone may import hypothesis and pytest (`pip install "tokenflow-engine[testing]"`), and nothing
in the house imports it.
"""

import pytest

# Before the import: a failing assertion of the kit then shows its values.
pytest.register_assert_rewrite(
    "tokenflow.testing.store_checks",
    "tokenflow.testing.store_abilities",
    "tokenflow.testing.store_model",
    "tokenflow.testing.plugins",
)

from tokenflow.testing.canaries import canary  # noqa: E402
from tokenflow.testing.play import Played, answering, play  # noqa: E402
from tokenflow.testing.plugins import plugin_conformance  # noqa: E402
from tokenflow.testing.stores import store_conformance  # noqa: E402

__all__ = ["Played", "answering", "canary", "play", "plugin_conformance", "store_conformance"]
