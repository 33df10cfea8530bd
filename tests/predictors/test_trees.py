import numpy as np

from searchitect.predictors.targets import rank_correlation
from searchitect.predictors.trees import Trees

RNG = np.random.Generator(np.random.PCG64(5))


def thresholds(count):
    rows = RNG.random((count, 4))
    return rows, (rows[:, 0] > 0.5) + 2.0 * (rows[:, 1] > 0.3) * (rows[:, 0] > 0.5)


def test_it_learns_thresholds_and_their_interplay():
    rows, targets = thresholds(200)
    new, truth = thresholds(100)
    mean, deviation = Trees().fit(rows, targets, 1).predict(new)
    assert rank_correlation(mean, truth) > 0.9
    assert mean.shape == deviation.shape == (100,)
    assert (deviation >= 0).all()


def test_held_out_predictions_do_not_know_their_own_target():
    rows = RNG.random((80, 5))
    noise = RNG.normal(size=80)
    forest = Trees().fit(rows, noise, 2)
    assert rank_correlation(forest.predict(rows)[0], noise) > 0.8
    assert abs(rank_correlation(forest.held_out(), noise)) < 0.35


def test_few_trees_leave_out_no_row_undefined():
    rows, targets = thresholds(30)
    assert np.isfinite(Trees(trees=1).fit(rows, targets, 3).held_out()).all()


def test_the_seed_fixes_the_trees():
    rows, targets = thresholds(50)
    first, again, other = (Trees(5).fit(rows, targets, seed).predict(rows)[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
