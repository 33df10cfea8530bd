import random
import subprocess
import sys

import numpy as np
from hypothesis import given, strategies as st

from searchitect.seeding import derive, isolated, stream

PARTS = st.one_of(st.integers(), st.text(max_size=5))


@given(st.integers(), st.lists(PARTS, max_size=3), st.lists(PARTS, max_size=3))
def test_streams_are_equal_just_where_their_names_are(seed, first, second):
    assert (derive(seed, *first) == derive(seed, *second)) == (first == second)
    assert 0 <= derive(seed, *first) < 2**63


def test_a_number_and_its_text_name_different_streams():
    assert derive(0, 1) != derive(0, "1")


def test_a_stream_is_the_same_in_another_process():
    code = "from searchitect.seeding import stream; print(stream(7, 'ask', 3).random())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(other.stdout) == stream(7, "ask", 3).random()


def test_isolation_seeds_and_puts_back():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate()
    with isolated(5):
        first = (random.random(), np.random.random())
    with isolated(5):
        assert (random.random(), np.random.random()) == first
    assert random.getstate() == before
