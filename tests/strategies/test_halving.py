"""Successive halving and Hyperband: who stands on which rung, who waits for whom, and what failures change."""

import dataclasses
import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.strategies import Setting, make_strategy
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.strategies.rung_searches import SPACE, best_at, play, rungs_of, setting_of, spent
from tests.strategies.spaces import Tiny

TWO = (Objective("accuracy", "maximize"), Objective("latency_ms", "minimize"))


def test_one_bracket_of_halving_has_27_9_3_and_1():
    setting = setting_of()
    trials = play(make_strategy("successive_halving", setting), setting, 40)
    assert rungs_of(trials) == {1: 27, 3: 9, 9: 3, 27: 1}
    assert spent(trials) == 27 * 1 + 9 * 2 + 3 * 6 + 1 * 18


def test_the_best_of_each_rung_go_on_and_continue_their_own_trial():
    setting = setting_of()
    trials = play(make_strategy("successive_halving", setting), setting, 40)
    lowest = {t.number: t for t in trials if t.proposal.fidelity.epochs == 1}
    second = [t for t in trials if t.proposal.fidelity.epochs == 3]
    best = sorted(lowest.values(), key=lambda t: (-t.measurements["score"], t.number))[:9]
    assert [t.proposal.continues for t in second] == [t.number for t in best]
    assert all(t.architecture == lowest[t.proposal.continues].architecture for t in second)
    assert [t.proposal.keeps for t in trials] == [t.proposal.fidelity.epochs < 27 for t in trials]


def test_after_a_bracket_the_next_one_begins_with_others():
    setting = setting_of(9)
    trials = play(make_strategy("successive_halving", setting), setting, 26)
    assert rungs_of(trials) == {1: 18, 3: 6, 9: 2}
    begun = [t.key for t in trials if t.proposal.continues is None]
    assert len(set(begun)) == 18


def test_the_number_of_configurations_can_be_chosen():
    setting = setting_of(9)
    trials = play(make_strategy("successive_halving", setting, {"configurations": 20}), setting, 28)
    assert rungs_of(trials) == {1: 20, 3: 6, 9: 2}
    with pytest.raises(ConfigError, match="configurations is a whole number from 1 on"):
        make_strategy("successive_halving", setting, {"configurations": 0})


def test_a_round_of_hyperband_has_the_papers_numbers():
    setting = setting_of(81)
    first = (81 + 27 + 9 + 3 + 1) + (34 + 11 + 3 + 1) + (15 + 5 + 1) + (8 + 2) + 5
    trials = play(make_strategy("hyperband", setting), setting, first)
    assert rungs_of(trials) == {1: 81, 3: 27 + 34, 9: 9 + 11 + 15, 27: 3 + 3 + 5 + 8, 81: 1 + 1 + 1 + 2 + 5}


def test_nothing_is_asked_while_a_rung_is_incomplete():
    setting = setting_of(9)
    strategy = make_strategy("successive_halving", setting)
    running = []
    for number in range(9):
        proposal = strategy.ask(number)
        running.append(Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), 0))
        strategy.tell(running[-1])
    assert strategy.ask(9) is None
    for trial in running[:8]:
        strategy.tell(finished(trial, float(trial.number)))
        assert strategy.ask(9) is None
    strategy.tell(finished(running[8], 0.5))
    assert strategy.ask(9).continues == 7


def finished(trial, score, state=TrialState.COMPLETE):
    return dataclasses.replace(trial, state=state, measurements={"score": score})


def test_failed_trials_are_not_promoted_and_their_places_stay_empty():
    setting = setting_of(9)
    trials = play(make_strategy("successive_halving", setting), setting, 26, failing=lambda n: n < 7)
    first = trials[:13]
    assert [t.proposal.fidelity.epochs for t in first] == [1] * 9 + [3] * 2 + [9] + [1]
    assert {t.proposal.continues for t in first[9:11]} == {7, 8}


def test_a_bracket_of_which_all_failed_is_given_up():
    setting = setting_of(9)
    trials = play(make_strategy("successive_halving", setting), setting, 20, failing=lambda n: n < 9)
    assert [t.proposal.fidelity.epochs for t in trials[:18]] == [1] * 18
    assert trials[18].proposal.fidelity.epochs == 3


def test_an_infeasible_trial_takes_no_place():
    setting = setting_of(9)
    strategy = make_strategy("successive_halving", setting)
    proposal = strategy.ask(0)
    strategy.tell(Trial(0, proposal, TrialState.INFEASIBLE, SPACE.key(proposal.architecture), 0))
    assert strategy.ask(1).architecture != proposal.architecture
    rest = play(strategy, setting, 13, first=1)
    assert rungs_of(rest) == {1: 9, 3: 3, 9: 1}


def test_a_small_space_ends_with_its_best_on_the_last_rung():
    space = sa.SearchSpace.of(Tiny)
    setting = Setting(space, setting_of().objectives, fidelity=Fidelity(epochs=9))
    trials = play(make_strategy("successive_halving", setting), setting, 50, lambda p: float(p.architecture["first"]))
    assert rungs_of(trials) == {1: 6, 3: 2, 9: 1}


def test_trials_of_a_warm_start_take_no_place_in_a_bracket():
    setting = setting_of(9)
    strategy = make_strategy("successive_halving", setting)
    foreign = Trial(0, Proposal(SPACE.default(), setting.fidelity), TrialState.RUNNING, "k", 0)
    strategy.tell(foreign)
    strategy.tell(finished(foreign, 9.0))
    assert rungs_of(play(strategy, setting, 13, first=1)) == {1: 9, 3: 3, 9: 1}
    assert strategy.belief().incumbent == 0


def test_with_two_objectives_the_ends_of_the_front_go_on():
    setting = setting_of(9, objectives=TWO)

    def measured(proposal):
        a = int(proposal.architecture["a"])
        return {"accuracy": a / 5, "latency_ms": 1.0 + a + 3.0 * (proposal.architecture["b"] != 0)}

    trials = play(make_strategy("successive_halving", setting), setting, 13, measured)
    first, second = trials[:9], trials[9:12]
    rows = [(t.measurements["accuracy"], t.measurements["latency_ms"]) for t in first]
    front = [r for r in rows if not any((o[0] >= r[0] and o[1] <= r[1] and o != r) for o in rows)]
    chosen = [(t.measurements["accuracy"], t.measurements["latency_ms"]) for t in second]
    assert set(chosen) <= set(front) or len(front) < 3
    assert max(front) in chosen


@pytest.mark.parametrize("name", ["successive_halving", "hyperband", "asha"])
def test_it_beats_random_search_at_equal_epochs(name):
    seeds = range(8)
    by_rungs = [best_at(name, seed, 10 * 27) for seed in seeds]
    random = [best_at("random", seed, 10 * 27) for seed in seeds]
    assert statistics.fmean(by_rungs) >= statistics.fmean(random) + 0.3


def test_another_strategy_can_choose_what_begins():
    setting = setting_of(9, seed=2, budget=100)
    options = {"sampler": "regularized_evolution", "sampler_options": {"population_size": 8, "tournament_size": 4}}
    led = play(make_strategy("hyperband", setting, options), setting, 100)
    late = [t.measurements["score"] for t in led if t.proposal.fidelity.epochs == 1][-20:]
    early = [t.measurements["score"] for t in led if t.proposal.fidelity.epochs == 1][:20]
    assert statistics.fmean(late) > statistics.fmean(early) + 0.5


def test_a_strategy_by_rungs_cannot_fill_the_rungs_of_another():
    with pytest.raises(ConfigError, match="makes rungs itself"):
        make_strategy("hyperband", setting_of(), {"sampler": "asha"})
    with pytest.raises(ConfigError, match=r"no strategy 'gpp'\n.*did you mean 'gp'"):
        make_strategy("hyperband", setting_of(), {"sampler": "gpp"})


def test_the_belief_is_the_best_of_the_highest_rung_and_tells_whether_rungs_agree():
    setting = setting_of()
    strategy = make_strategy("hyperband", setting)
    trials = play(strategy, setting, 60)
    top = [t for t in trials if t.proposal.fidelity.epochs == 27]
    assert strategy.belief().incumbent == max(top, key=lambda t: (t.measurements["score"], -t.number)).number
    assert "bracket" in strategy.belief().note
    assert "τ(1→3) = " in strategy.belief().note


def test_a_full_evaluation_of_one_epoch_is_said_to_leave_one_rung():
    setting = setting_of(1)
    strategy = make_strategy("hyperband", setting)
    assert "one rung only" in strategy.belief().note
    assert rungs_of(play(strategy, setting, 5)) == {1: 5}
