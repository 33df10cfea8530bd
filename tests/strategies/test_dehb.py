"""DEHB: populations fill along Hyperband's first round, then every trial is a child of the rung below."""

import statistics

import pytest

from searchitect.errors import ConfigError
from searchitect.strategies import make_strategy
from tests.strategies.rung_searches import SPACE, best_at, play, rungs_of, setting_of

ROUND = (9 + 3 + 1) + (5 + 1) + 3


def test_each_rung_has_a_population_as_large_as_in_any_bracket():
    strategy = make_strategy("dehb", setting_of(81))
    assert [population.size for population in strategy._populations] == [81, 34, 15, 8, 5]


def test_its_brackets_are_hyperbands():
    setting = setting_of(9)
    assert rungs_of(play(make_strategy("dehb", setting), setting, ROUND)) == {1: 9, 3: 3 + 5, 9: 1 + 1 + 3}
    assert rungs_of(play(make_strategy("dehb", setting), setting, 2 * ROUND)) == {1: 18, 3: 16, 9: 10}


def test_the_first_round_promotes_and_later_rounds_breed():
    setting = setting_of(9)
    trials = play(make_strategy("dehb", setting), setting, 2 * ROUND)
    first, second = trials[:ROUND], trials[ROUND:]
    assert [t.proposal.continues is not None for t in first[:13]] == [False] * 9 + [True] * 4
    assert all(t.proposal.continues is None for t in second)


def test_a_child_is_made_of_target_and_mutant():
    """With CR = 0 it differs from the member it challenges in what one component decides."""
    setting = setting_of(9)
    strategy = make_strategy("dehb", setting, {"crossover": 0.0})
    play(strategy, setting, ROUND)
    lowest = strategy._populations[0]
    target = lowest.members[lowest.turn].architecture
    child = strategy.ask(ROUND).architecture
    assert sum(child[path] != target[path] for path in SPACE.default()) == 1


def test_a_better_child_takes_the_place_of_the_member_it_challenges():
    setting = setting_of(9)
    strategy = make_strategy("dehb", setting)
    play(strategy, setting, ROUND)
    before = [t.number for t in strategy._populations[0].members]
    scores = iter([99.0, -99.0])
    play(strategy, setting, 2, lambda proposal: next(scores), first=ROUND)
    assert [t.number for t in strategy._populations[0].members] == [ROUND, *before[1:]]


def test_a_failed_child_takes_no_place():
    setting = setting_of(9)
    strategy = make_strategy("dehb", setting)
    trials = play(strategy, setting, 3 * ROUND, failing=lambda n: n % 3 == 0)
    members = {t.number for population in strategy._populations for t in population.members}
    assert members <= {t.number for t in trials if t.is_complete}
    assert all(len(p.members) <= p.size for p in strategy._populations)


def test_it_beats_hyperband_at_equal_epochs():
    seeds = range(8)
    bred = [best_at("dehb", seed, 100 * 27) for seed in seeds]
    plain = [best_at("hyperband", seed, 100 * 27) for seed in seeds]
    assert statistics.fmean(bred) >= statistics.fmean(plain)


@pytest.mark.parametrize("option", [{"factor": 0.0}, {"crossover": 1.5}])
def test_a_number_out_of_range_is_refused(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        make_strategy("dehb", setting_of(), option)
