import dataclasses
import statistics
import time

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.bandits import (
    SCORE,
    Arms,
    Doors,
    arms_reward,
    is_best_arm,
    is_best_door,
    share,
    trained,
    trap_reward,
)
from tests.strategies.spaces import Flat

SEEDS = range(5)


def test_the_best_arm_is_drawn_nine_times_in_ten_after_200_steps():
    shares = [share(trained("reinforce", Arms, arms_reward, 200, seed), is_best_arm) for seed in SEEDS]
    assert statistics.fmean(shares) > 0.9


def test_the_best_arm_behind_a_conditional_is_found_although_the_other_side_is_better_on_average():
    shares = [share(trained("reinforce", Doors, trap_reward, 200, seed), is_best_door) for seed in SEEDS]
    assert statistics.fmean(shares) > 0.9


def test_before_it_learns_the_arms_are_equally_likely():
    untrained = make_strategy("reinforce", Setting(sa.SearchSpace.of(Arms), SCORE))
    assert share(untrained, is_best_arm, 1000) == pytest.approx(0.2, abs=0.04)


def test_failed_trials_teach_nothing():
    live = trained("reinforce", Arms, arms_reward, 20, 0, fail=lambda number: True)
    untrained = make_strategy("reinforce", Setting(sa.SearchSpace.of(Arms), SCORE))
    assert [live.ask(n) for n in range(50, 60)] == [untrained.ask(n) for n in range(50, 60)]


def test_the_direction_of_the_objective_counts():
    setting = Setting(sa.SearchSpace.of(Arms), (dataclasses.replace(SCORE[0], direction="minimize"),), 1)
    strategy = make_strategy("reinforce", setting)
    synthetic_search(strategy, setting, lambda a: float(a["arm"] != "b"), 200)
    assert share(strategy, lambda a: a["arm"] == "b") > 0.9


def test_a_trial_is_scored_by_the_policy_of_its_start():
    """The same trials end in the same order; one of them started before the policy moved, or after."""
    setting = Setting(sa.SearchSpace.of(Arms), SCORE, 0)
    trials = [
        Trial(n, Proposal(setting.space.sample(stream(n, "x"))), TrialState.RUNNING, str(n), n) for n in range(31)
    ]

    def asked_after(early):
        strategy = make_strategy("reinforce", setting)
        if early:
            strategy.tell(trials[30])
        for trial in trials:
            if trial.number < 30 or not early:
                strategy.tell(trial)
            value = arms_reward(trial.architecture, stream(0, "r"))
            strategy.tell(dataclasses.replace(trial, state=TrialState.COMPLETE, measurements={"score": value}))
        return [strategy.ask(number).architecture["ticket"] for number in range(100, 300)]

    assert asked_after(True) != asked_after(False)


def test_rewards_may_be_the_measurements_themselves():
    options = {"ranked": False}
    shares = [share(trained("reinforce", Arms, arms_reward, 200, seed, options), is_best_arm) for seed in SEEDS]
    assert statistics.fmean(shares) > 0.9


def test_reused_results_are_not_counted_again():
    strategy = trained("reinforce", Arms, arms_reward, 30, 0)
    before = [strategy.ask(n) for n in range(100, 110)]
    architecture = before[0].architecture
    key = sa.SearchSpace.of(Arms).key(architecture)
    # What was reused is told once, complete, with the number it repeats.
    reused = Trial(
        30,
        Proposal(sa.SearchSpace.of(Arms).default()),
        TrialState.COMPLETE,
        key,
        0,
        measurements={"score": 9.0},
        reused=3,
    )
    strategy.tell(reused)
    assert [strategy.ask(n) for n in range(100, 110)][1:] == before[1:]


def test_it_beats_random_search_on_a_planted_optimum():
    space = sa.SearchSpace.of(Flat)

    def best(name, seed):
        planted = space.sample(stream(seed, "planted"))
        setting = Setting(space, SCORE, seed, budget=60)
        told = synthetic_search(make_strategy(name, setting), setting, lambda a: -planted_loss(space, planted, a), 60)
        return statistics.fmean(t.measurements["score"] for t in told if t.is_complete)

    assert statistics.fmean(best("reinforce", s) - best("random", s) for s in range(8)) > 0.3


def test_an_empty_batch_is_refused():
    with pytest.raises(ConfigError, match="at least one trial, got batch_size=0"):
        make_strategy("reinforce", Setting(sa.SearchSpace.of(Flat), SCORE), {"batch_size": 0})


def test_replaying_ten_thousand_events_takes_a_second_or_so():
    space = sa.SearchSpace.of(Flat)
    setting = Setting(space, SCORE)
    strategy = make_strategy("reinforce", setting)
    trials = [Trial(n, Proposal(space.sample(stream(n, "x"))), TrialState.RUNNING, str(n), n) for n in range(5_000)]
    ends = [
        dataclasses.replace(t, state=TrialState.COMPLETE, measurements={"score": float(t.number % 97)}) for t in trials
    ]
    begin = time.process_time()
    for trial, end in zip(trials, ends, strict=True):
        strategy.tell(trial)
        strategy.tell(end)
    assert time.process_time() - begin < 3.0
