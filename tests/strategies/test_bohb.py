"""BOHB: Hyperband's numbers, and configurations from where the good ones are dense."""

import statistics

import pytest

from searchitect.errors import ConfigError
from searchitect.strategies import make_strategy
from tests.strategies.rung_searches import best_at, play, rungs_of, setting_of


def test_its_brackets_are_hyperbands():
    setting = setting_of(9)
    trials = play(make_strategy("bohb", setting), setting, 13 + 6 + 3)
    assert rungs_of(trials) == {1: 9, 3: 3 + 5, 9: 1 + 1 + 3}


def test_what_begins_gets_better_than_random():
    setting = setting_of(9, seed=3)

    def begun(name):
        trials = play(make_strategy(name, setting), setting, 150)
        return statistics.fmean(t.measurements["score"] for t in trials[75:] if t.proposal.continues is None)

    assert begun("bohb") > begun("hyperband") + 0.4


def test_it_beats_hyperband_at_equal_epochs():
    seeds = range(8)
    modelled = [best_at("bohb", seed, 15 * 27) for seed in seeds]
    plain = [best_at("hyperband", seed, 15 * 27) for seed in seeds]
    assert statistics.fmean(modelled) >= statistics.fmean(plain)


def test_with_a_random_share_of_one_it_is_hyperband():
    setting = setting_of(9)
    bohb = play(make_strategy("bohb", setting, {"random_share": 1.0}), setting, 60)
    assert [t.key for t in bohb] == [t.key for t in play(make_strategy("hyperband", setting), setting, 60)]


@pytest.mark.parametrize("option", [{"random_share": 1.5}, {"share": 0.0}, {"candidates": 0}, {"fewest": 1}])
def test_a_number_out_of_range_is_refused(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        make_strategy("bohb", setting_of(), option)
