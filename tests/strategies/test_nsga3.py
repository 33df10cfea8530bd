import itertools
import math

import numpy as np
import pytest

from searchitect.objectives import Objective
from searchitect.strategies import Setting
from searchitect.strategies.nsga3 import NSGA3, associate, das_dennis, normalized
from tests.strategies.fronts import DTLZ2, search, volume
from tests.strategies.planted import SPACE
from tests.strategies.test_nsga2 import kept, told


@pytest.mark.parametrize(("objectives", "most", "parts"), [(2, 20, 19), (3, 91, 12), (4, 35, 4), (3, 5, 1)])
def test_das_dennis_lists_every_way_to_share_out_the_parts(objectives, most, parts):
    weights = das_dennis(objectives, most)
    wanted = [c for c in itertools.product(range(parts + 1), repeat=objectives) if sum(c) == parts]
    assert len(weights) == len(wanted) == math.comb(parts + objectives - 1, objectives - 1)
    assert {tuple(np.rint(row * parts).astype(int)) for row in weights} == set(wanted)
    assert np.allclose(weights.sum(axis=1), 1)


def test_normalising_puts_the_ideal_at_zero_and_the_extremes_on_the_axes_at_one():
    rows = np.array([[2.0, 40.0], [6.0, 20.0], [3.0, 25.0], [9.0, 90.0]])
    points = normalized(rows, np.array([0, 1, 2]))
    assert np.allclose(points[0], [0, 1])
    assert np.allclose(points[1], [1, 0])
    assert np.allclose(points[2], [0.25, 0.25])


def test_a_front_whose_extremes_span_no_plane_is_scaled_by_its_worst():
    points = normalized(np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([0, 1]))
    assert np.isfinite(points).all()
    points = normalized(np.array([[1.0, 5.0], [1.0, 7.0]]), np.array([0, 1]))
    assert np.isfinite(points).all()


def test_points_belong_to_the_nearest_line_through_the_origin():
    directions = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    nearest, apart = associate(np.array([[2.0, 0.1], [3.0, 3.0], [0.0, 5.0]]), directions)
    assert nearest.tolist() == [0, 1, 2]
    assert np.allclose(apart, [0.1, 0.0, 0.0])


def test_survivors_are_spread_along_the_directions():
    two = (Objective("f0", "minimize"), Objective("f1", "minimize"))
    strategy = NSGA3(Setting(SPACE, two), population_size=3, children=4)  # directions (0,1), (½,½), (1,0)
    told(strategy, [(0, 1), (1, 0), (0.5, 0.5), (0.04, 0.95), (0.06, 0.93), (0.95, 0.04), (0.93, 0.06)])
    assert set(kept(strategy)) == {0, 1, 2}


@pytest.mark.parametrize(("objectives", "trials"), [(2, 150), (3, 200), (4, 250)])
def test_it_covers_far_more_of_a_known_front_than_random_search(objectives, trials):
    problem, reference = DTLZ2(objectives), [1.1] * objectives
    means = {
        name: sum(volume(problem, search(problem, name, trials, seed), reference) for seed in range(3)) / 3
        for name in ("nsga3", "random")
    }
    assert 1.2 * means["random"] < means["nsga3"] <= problem.ceiling(reference) + 1e-9


def test_a_limit_that_only_training_shows_is_learned_to_be_kept():
    problem = DTLZ2(3)

    def latency(architecture):
        return {"latency_ms": 5.0 + 10.0 * (architecture["x4"] in (0, 1, 2))}

    study = search(problem, "nsga3", 150, 0, constraints=["latency_ms<=10"], measured=latency)
    late = [t for t in study.trials if t.number >= 75]
    assert sum(t.measurements["latency_ms"] > 10 for t in late) < 0.25 * len(late)
