from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays

from searchitect.errors import ConfigError
from searchitect.portfolio.choosing import GUARANTEE, choose, exact, greedy

INF = np.inf


def matrices(models=8, scenarios=5):
    shape = st.tuples(st.integers(1, scenarios), st.integers(1, models))
    cell = st.one_of(st.just(INF), st.integers(0, 20).map(lambda n: n / 4))
    return shape.flatmap(lambda s: arrays.arrays(np.float64, s, elements=cell))


def by_hand(regrets, size, importance):
    """(share served, expected regret) of the best of all sets, by looking at every one."""
    shares = np.asarray(importance) / np.sum(importance)
    best = (0, 0.0, 0.0)
    for count in range(1, min(size, regrets.shape[1]) + 1):
        for chosen in itertools.combinations(range(regrets.shape[1]), count):
            least = regrets[:, chosen].min(axis=1)
            held = np.isfinite(least)
            served = shares[held].sum()
            regret = (shares[held] * least[held]).sum() / served if served else 0.0
            if (served, -regret) > (best[1] + 1e-12, 0) or (abs(served - best[1]) < 1e-12 and regret < best[2]):
                best = (count, served, regret)
    return best[1], best[2]


@settings(max_examples=150, deadline=None)
@given(matrices(), st.integers(1, 4), st.data())
def test_the_exact_choice_is_the_best_of_all_sets(regrets, size, data):
    importance = data.draw(st.lists(st.integers(1, 5), min_size=len(regrets), max_size=len(regrets)))
    served, regret = by_hand(regrets, size, importance)
    found = exact(regrets, size, importance)
    assert found.exact
    assert found.served == pytest.approx(served)
    assert found.regret == pytest.approx(regret, abs=1e-9)
    assert found.bound == found.regret
    assert len(found.models) <= size


@settings(max_examples=150, deadline=None)
@given(matrices(), st.integers(1, 4))
def test_greedy_reaches_its_share_of_the_best_saving_and_never_beats_its_bound(regrets, size):
    near, best = greedy(regrets, size), exact(regrets, size)
    assert near.bound <= near.regret + 1e-9
    assert near.served <= best.served + 1e-12
    if near.served == pytest.approx(best.served):
        assert best.regret <= near.regret + 1e-9
        assert near.bound <= best.regret + 1e-9
    # The guarantee, on the saving against serving nobody at the price of the largest regret.
    capped = np.minimum(regrets, 5.0)
    nobody = 5.0
    saved = nobody - greedy(capped, size).regret
    most = nobody - exact(capped, size).regret
    assert saved >= GUARANTEE * most - 1e-9


@settings(max_examples=60, deadline=None)
@given(matrices(), st.integers(1, 3), st.randoms())
def test_the_order_of_models_and_scenarios_does_not_matter(regrets, size, random):
    columns, rows = list(range(regrets.shape[1])), list(range(len(regrets)))
    random.shuffle(columns), random.shuffle(rows)
    first, second = exact(regrets, size), exact(regrets[np.ix_(rows, columns)], size)
    assert second.regret == pytest.approx(first.regret, abs=1e-9)
    assert second.served == pytest.approx(first.served)


@settings(max_examples=60, deadline=None)
@given(matrices(), st.integers(1, 3))
def test_one_more_model_never_hurts(regrets, size):
    fewer, more = exact(regrets, size), exact(regrets, size + 1)
    assert more.served >= fewer.served - 1e-12
    if more.served == pytest.approx(fewer.served):
        assert more.regret <= fewer.regret + 1e-9


def test_no_accuracy_pays_for_a_broken_limit():
    # Model 0 is excellent in one place and impossible in the other; model 1 is poor in both.
    found = choose([[0.0, 50.0], [INF, 50.0]], 1)
    assert found.models == (1,)
    assert found.served == 1.0


def test_a_scenario_that_no_model_can_serve_is_left_unserved():
    found = choose([[0.1, 0.4], [INF, INF]], 2, [1, 3])
    assert found.serves == (0, None)
    assert found.served == 0.25
    assert found.regret == pytest.approx(0.1)
    assert found.models == (0,)


def test_a_model_that_serves_nobody_is_not_in_the_portfolio():
    assert choose([[0.0, 0.0, 1.0]], 3).models == (0,)


def test_importance_decides_which_scenario_gets_its_model():
    regrets = [[0.0, 1.0], [1.0, 0.0]]
    assert choose(regrets, 1, [3, 1]).models == (0,)
    assert choose(regrets, 1, [1, 3]).models == (1,)


def test_a_search_that_is_cut_off_gives_its_best_and_a_bound_below_it():
    rng = np.random.default_rng(0)
    regrets = rng.random((12, 60))
    cut, full = exact(regrets, 4, nodes=3), exact(regrets, 4)
    assert full.exact
    assert not cut.exact
    assert cut.bound <= full.regret + 1e-9 <= cut.regret + 2e-9


def test_greedy_can_be_worse_than_exact():
    # The middle model is the best single one, but the two outer ones together are perfect.
    regrets = [[0.0, 3.0, 9.0], [0.0, 3.0, 9.0], [9.0, 3.0, 0.0], [9.0, 3.0, 0.0]]
    assert exact(regrets, 2).regret == 0.0
    assert greedy(regrets, 2).regret > 0.0


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_size_that_is_no_count_is_refused(size):
    with pytest.raises(ConfigError, match="at least one model"):
        choose([[0.0]], size)


@pytest.mark.parametrize("regrets", [[[-1.0]], [[np.nan]], [1.0], []])
def test_what_is_no_matrix_of_regrets_is_refused(regrets):
    with pytest.raises(ConfigError, match="matrix"):
        choose(regrets, 1)


def test_no_model_at_all_serves_nobody():
    found = choose(np.empty((2, 0)), 2)
    assert found.serves == (None, None)
    assert found.exact
