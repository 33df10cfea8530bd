import math
import random
from collections import Counter

import pytest
from hypothesis import given, strategies as st

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.pareto import dominates
from searchitect.strategies.selection import best_of, from_best, losses, tournament
from searchitect.trial import Proposal, Trial, TrialState

UP, DOWN = Objective("up", "maximize"), Objective("down", "minimize")
VALUES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9)


def trials(values):
    proposal = Proposal(sa.Architecture("s", {}))
    return [
        Trial(n, proposal, TrialState.COMPLETE, str(n), 0, measurements={"up": float(u), "down": float(d)})
        for n, (u, d) in enumerate(values)
    ]


@given(VALUES)
def test_with_one_objective_the_best_is_the_earliest_of_the_best(values):
    shuffled = trials(values)[::-1]
    highest = max(u for u, _ in values)
    assert best_of(shuffled, [UP]).number == [u for u, _ in values].index(highest)
    lowest = min(d for _, d in values)
    assert best_of(shuffled, [DOWN]).number == [d for _, d in values].index(lowest)


@given(VALUES)
def test_with_several_objectives_no_other_dominates_the_best(values):
    found = trials(values)
    best = losses(best_of(found, [UP, DOWN]), [UP, DOWN])
    for other in found:
        row = losses(other, [UP, DOWN])
        assert not (all(a <= b for a, b in zip(row, best, strict=True)) and row != best)


@given(VALUES)
def test_from_best_begins_with_the_best_and_never_puts_the_dominated_first(values):
    found = trials(values)
    single = from_best(found, [UP])
    assert [t.measurements["up"] for t in single] == sorted((float(u) for u, _ in values), reverse=True)
    assert single[0] is best_of(found, [UP])
    ordered = [losses(t, [UP, DOWN]) for t in from_best(found, [UP, DOWN])]
    for place, row in enumerate(ordered):
        assert not any(dominates(later, row) for later in ordered[place + 1 :])


@pytest.mark.parametrize("size", [1, 3, 7, 10])
def test_a_tournament_is_won_as_often_as_by_drawing(size):
    rng = random.Random(0)
    won = Counter(tournament(range(10), size, rng) for _ in range(20_000))
    for place in range(10):
        # The best of the drawn is `place` where it is drawn and the others come from behind it.
        expected = math.comb(9 - place, size - 1) / math.comb(10, size)
        assert won[place] / 20_000 == pytest.approx(expected, abs=0.012)


def test_a_tournament_larger_than_the_field_is_refused():
    with pytest.raises(ValueError, match="a tournament of 1 cannot be drawn from 0"):
        tournament([], 1, random.Random(0))
