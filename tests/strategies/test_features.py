import numpy as np
import pytest

import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies.features import TENTS, hot_columns, soft_one_hot
from tests.strategies.spaces import ALL, Conditional, Flat


def test_columns_of_decisions_add_up_to_the_encoding():
    for source in ALL:
        space = sa.SearchSpace.of(source)
        assert sum(map(hot_columns, space.decisions())) == len(space.encode(space.default()))


def test_a_space_without_numbers_keeps_its_encoding():
    space = sa.SearchSpace.of(Flat)
    drawn = [space.sample(stream(n)) for n in range(5)]
    assert (soft_one_hot(space, drawn) == np.stack([space.encode(a) for a in drawn])).all()


def test_a_real_number_is_spread_over_tents_that_sum_to_one():
    @sa.space
    class Rate:
        rate: float = sa.real(0.0, 1.0)

    space = sa.SearchSpace.of(Rate)
    rows = soft_one_hot(space, [space.architecture(Rate(rate)) for rate in (0.0, 0.1, 0.25, 1.0)])
    assert rows == pytest.approx(np.array([[1, 0, 0, 0, 0], [0.6, 0.4, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]))


def test_an_inactive_number_is_not_a_low_one():
    space = sa.SearchSpace.of(Conditional)
    drawn = [space.sample(stream(n)) for n in range(40)]
    tents = soft_one_hot(space, drawn)[:, -2 * TENTS :].reshape(40, 2, TENTS).sum(axis=2)
    large = np.array([a["block"] == "Large" for a in drawn])
    assert 0 < large.sum() < 40
    assert tents[:, 0] == pytest.approx(large.astype(float))
    assert tents[:, 1] == pytest.approx(np.ones(40))
