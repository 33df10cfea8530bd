import math

import numpy as np
import pytest
from scipy.integrate import quad

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies.acquisition import confidence_bound, log_expected_improvement, most_promising
from searchitect.strategies.strategy import Setting
from searchitect.testing.strategies import planted_loss
from tests.strategies.spaces import Flat, Tiny

SCORE = (Objective("score", "maximize"),)


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0, 1, 0), (1, 0.5, 0), (-2, 0.3, 0), (3, 1, 1), (0, 2, 5)])
def test_it_is_the_logarithm_of_the_expected_improvement(mean, deviation, best):
    def gain(value):
        density = math.exp(-0.5 * ((value - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
        return (best - value) * density

    expected = quad(gain, mean - 12 * deviation, best)[0] if best > mean - 12 * deviation else 0.0
    found = log_expected_improvement(np.array([float(mean)]), np.array([float(deviation)]), float(best))
    assert found[0] == pytest.approx(math.log(expected), abs=1e-6)


def test_it_stays_finite_continuous_and_ordered_where_the_improvement_underflows():
    means = np.concatenate([np.linspace(0.9, 1.1, 50), np.linspace(990, 1010, 50), np.array([1e5, 1e8])])
    found = log_expected_improvement(means, np.ones(len(means)), 0.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
    relative = -np.diff(found)[:99] / (np.diff(means)[:99] * np.maximum(1, means[:99]))
    assert 0.9 < relative[50:].min() <= relative[50:].max() < 1.1


def test_the_bound_prefers_doubt_where_means_are_equal():
    found = confidence_bound(np.array([1.0, 1.0, 0.0]), np.array([0.1, 0.5, 0.1]), 2.0)
    assert found.argmax() == 2
    assert found[1] > found[0]


def test_the_search_climbs_to_the_best_of_the_score_from_a_parent_two_changes_away():
    space = sa.SearchSpace.of(Flat)
    best, setting = space.read({"decisions": {"first": 3, "second": 1, "third": 6}}), Setting(space, SCORE)
    found = most_promising(
        setting, set(), [space.default()], lambda many: np.array([-planted_loss(space, best, a) for a in many]),
        stream(0), random_draws=2, mutants=300, elite=2,
    )  # fmt: skip
    assert found == best


def test_what_was_tried_or_is_forbidden_is_passed_over_for_the_next_best():
    space = sa.SearchSpace.of(Tiny)
    order = list(space.enumerate())

    def score(many):
        return np.array([-float(order.index(a)) for a in many])

    tried = {space.key(order[0])}
    setting = Setting(space, SCORE, check=lambda a: ["no"] if a == order[1] else [])
    assert most_promising(setting, tried, [order[0]], score, stream(0)) == order[2]
    everything = {space.key(a) for a in order}
    assert most_promising(setting, everything, [order[0]], score, stream(0)) is None


def test_where_the_best_is_forbidden_the_neighbours_of_what_is_allowed_are_looked_at():
    space = sa.SearchSpace.of(Flat)
    target = space.read({"decisions": {"first": 1, "second": 1, "third": 6}})

    def score(many):  # the larger "first", the more is promised; among equals what is near the target
        return np.array([10.0 * a["first"] - planted_loss(space, target, a) for a in many])

    setting = Setting(space, SCORE, check=lambda a: ["too large"] if a["first"] > 1 else [])
    parent = next(a for a in space.enumerate() if a["first"] == 1 and a["second"] != 1 and a["third"] == 1)
    found = most_promising(setting, set(), [parent], score, stream(3), random_draws=30, mutants=30, elite=5)
    allowed = [a for a in space.enumerate() if a["first"] == 1]
    assert found == max(allowed, key=lambda a: float(score([a])[0]))
