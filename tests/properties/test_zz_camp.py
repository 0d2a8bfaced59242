import sys
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.properties.lives import Lives
from tests.properties.test_engine_lives import GATE
def test_camp(read_once):
    run_state_machine_as_test(Lives, settings=settings(GATE, max_examples=900, stateful_step_count=50, derandomize=False))
