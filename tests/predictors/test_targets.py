import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from searchitect.predictors.targets import from_normal_scores, normal_scores

VALUES = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=40).map(np.array)


@settings(deadline=None)
@given(VALUES)
def test_values_come_back_from_their_normal_scores(values):
    assert from_normal_scores(normal_scores(values), values) == pytest.approx(values)


@settings(deadline=None)
@given(VALUES, st.lists(st.floats(-6, 6), min_size=2, max_size=20))
def test_a_larger_score_never_means_a_smaller_value(values, scores):
    found = from_normal_scores(np.sort(scores), values)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-9 * (1 + abs(found[1:]))).all()


def test_beyond_the_outermost_values_it_goes_on_as_steeply_as_their_tenth():
    values = np.arange(101.0)
    at = normal_scores(values)
    slope = (values[10] - values[0]) / (at[10] - at[0])
    assert from_normal_scores(at[:1] - 1.0, values) == pytest.approx([-slope])
    assert from_normal_scores(at[-1:] + 1.0, values) == pytest.approx([100 + slope])
