import statistics
from collections import Counter

import pytest

from searchitect.strategies.turns import Turns
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.huge import LIMIT, NEIGHBOURS, SPACE, best, built_by_trial, searched
from tests.strategies.planted import SPACE as SMALL

START = SMALL.default()
NEAR = list(SMALL.neighbours(START))
WEIGHTS = dict(zip("abcdef", [3.0, 5.0, 1.0, 4.0, 0.0, 2.0], strict=True))


def trial(architecture, number=0):
    return Trial(number, Proposal(architecture), TrialState.RUNNING, SMALL.key(architecture), seed=0)


def told(*paths):
    turns = Turns()
    for path in paths:
        turns.tell(trial(START), trial(next(a for a in NEAR if a[path] != START[path])))
    return turns


def test_a_complete_neighbourhood_goes_by_importance_whatever_was_tried():
    assert list(told("b", "d").ordered(START, NEAR, len(NEAR) + 1, WEIGHTS)) == list("bdafce")


def test_in_a_sample_those_go_first_that_had_the_fewest_turns():
    assert list(told("b", "d", "b").ordered(START, NEAR, len(NEAR), WEIGHTS)) == list("afcedb")


def test_several_values_of_one_decision_next_to_one_incumbent_are_one_turn():
    turns = told("b", "b", "b", "d")
    assert list(turns.ordered(START, NEAR, len(NEAR), WEIGHTS)) == list("afcebd")


def test_the_space_of_the_next_tests_has_thousands_of_neighbours():
    assert sum(1 for _ in SPACE.neighbours(SPACE.default())) == NEIGHBOURS == 7960


@pytest.mark.parametrize(("name", "incumbents"), [("greedy", 1), ("multi_greedy", 3)])
def test_of_a_huge_neighbourhood_a_few_are_built_and_fewer_tried(monkeypatch, name, incumbents):
    built, trials = built_by_trial(monkeypatch, name, {"neighbours": LIMIT}, 100)
    # One more than the limit is counted before it is clear that they must be sampled, and twice the limit are drawn.
    assert 0 < max(built.values()) <= incumbents * (1 + 3 * LIMIT)
    tried = Counter(t.proposal.parent for t in trials if t.proposal.parent is not None and not t.proposal.replicate)
    assert len(tried) > 10, "it moves"
    assert max(tried.values()) <= LIMIT


@pytest.mark.parametrize(("name", "lead"), [("greedy", 30), ("multi_greedy", 18)])
def test_it_climbs_through_huge_neighbourhoods_where_random_search_stays(name, lead):
    """A standard deviation of random architectures is 9; before the turns the lead of `greedy` was 3."""
    ours, random = (statistics.fmean(best(searched(one, seed, 200)) for seed in range(3)) for one in (name, "random"))
    assert ours > random + lead
