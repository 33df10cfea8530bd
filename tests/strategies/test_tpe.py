import dataclasses
import math
import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.tpe import TPE
from searchitect.trial import Trial, TrialState
from tests.strategies.planted import SCORE, SPACE, best_found, evaluate
from tests.strategies.spaces import Conditional, Flat

CONDITIONAL = sa.SearchSpace.of(Conditional)


def test_it_finds_a_planted_optimum_that_random_search_misses():
    found = [best_found("tpe", seed, 120) for seed in range(5)]
    assert sum(value == 0 for value in found) >= 3
    assert statistics.fmean(found) > statistics.fmean(best_found("random", seed, 120) for seed in range(5)) + 1


def distance_from_target(proposal):
    architecture = proposal.architecture
    if architecture["block"] == "Small":
        return 2.0
    return abs(architecture["block.Large.rate"] - 0.3) + abs(math.log10(architecture["learning_rate"] / 0.02))


def test_real_numbers_below_a_condition_are_found():
    def best(name, seed):
        setting = Setting(CONDITIONAL, (Objective("score", "minimize"),), seed)
        done = evaluate(make_strategy(name, setting), setting, distance_from_target, 80)
        return min(t.measurements["score"] for t in done)

    found, random = ([best(name, seed) for seed in range(5)] for name in ("tpe", "random"))
    assert statistics.fmean(found) < 0.5 * statistics.fmean(random)


@pytest.mark.parametrize(("trials", "good"), [(10, 1), (11, 2), (60, 6), (300, 25)])
def test_the_good_trials_are_a_tenth_and_at_most_25(trials, good):
    setting = Setting(SPACE, SCORE)
    strategy = TPE(setting)
    evaluate_at_random(strategy, setting, trials)
    assert [len(part) for part in strategy._split()] == [good, trials - good]


def evaluate_at_random(strategy, setting, trials):
    random = make_strategy("random", setting)
    for number in range(trials):
        proposal = random.ask(number)
        started = Trial(number, proposal, TrialState.RUNNING, setting.space.key(proposal.architecture), number)
        score = {"score": float(proposal.architecture["a"])}
        for trial in (started, dataclasses.replace(started, state=TrialState.COMPLETE, measurements=score)):
            strategy.tell(trial)
            random.tell(trial)


def test_running_trials_count_among_the_others_and_failed_ones_not_at_all():
    setting = Setting(SPACE, SCORE)
    strategy = TPE(setting)
    evaluate_at_random(strategy, setting, 20)
    asked = []
    for number in range(20, 23):
        proposal = strategy.ask(number)
        asked.append(Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), number))
        strategy.tell(asked[-1])
    assert [len(part) for part in strategy._split()] == [2, 21]
    strategy.tell(dataclasses.replace(asked[0], state=TrialState.FAILED, reason="no"))
    assert [len(part) for part in strategy._split()] == [2, 20]
    assert len({trial.key for trial in asked}) == 3


def test_with_two_objectives_good_means_the_front():
    setting = Setting(SPACE, (Objective("up", "maximize"), Objective("down", "minimize")))
    strategy = TPE(setting)
    for number, (up, down) in enumerate([(1, 1), (2, 2), (0, 3), (1, 4)] + [(-1, 9)] * 8):
        proposal = strategy.ask(number)
        trial = Trial(number, proposal, TrialState.COMPLETE, SPACE.key(proposal.architecture), number)
        strategy.tell(dataclasses.replace(trial, measurements={"up": float(up), "down": float(down)}))
    good, _ = strategy._split()
    complete = strategy._archive.complete
    assert set(good) == {complete[0].architecture, complete[1].architecture}


def test_it_believes_in_the_trial_where_good_ones_are_dense():
    setting = Setting(sa.SearchSpace.of(Flat), SCORE, 1)
    strategy = make_strategy("tpe", setting)
    assert strategy.belief().incumbent is None
    done = evaluate(strategy, setting, lambda p: -abs(p.architecture["third"] - 5) - p.architecture["first"], 60)
    belief = strategy.belief()
    assert done[belief.incumbent].measurements["score"] >= -2.0
    assert "6 good trials" in belief.note


def test_senseless_numbers_are_refused():
    with pytest.raises(ConfigError, match="share=2"):
        make_strategy("tpe", Setting(SPACE, SCORE), {"share": 2})
