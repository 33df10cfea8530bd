import dataclasses
import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.pareto import hypervolume
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.genetic import Genetic
from searchitect.testing.strategies import synthetic_search
from searchitect.trial import TrialState
from tests.strategies.planted import SCORE, SPACE, best_found, evaluate
from tests.strategies.spaces import Conditional


@pytest.mark.parametrize("selection", ["tournament", "truncation"])
def test_it_finds_a_planted_optimum_that_random_search_misses(selection):
    seeds = range(8)
    bred = [best_found("genetic", seed, 250, {"selection": selection}) for seed in seeds]
    random = [best_found("random", seed) for seed in seeds]
    assert statistics.fmean(bred) >= statistics.fmean(random) + 1.0
    assert sum(value == 0 for value in bred) >= 5


def test_the_best_never_leave_and_others_leave_by_age():
    setting = Setting(SPACE, SCORE, 0)
    strategy = Genetic(setting, population_size=4, elites=1, tournament_size=4)
    scores = iter([1.0, 9.0, 2.0, 3.0, 4.0, 0.5, 0.5])
    evaluate(strategy, setting, lambda proposal: next(scores), 7)
    assert [trial.number for trial in strategy._population] == [1, 4, 5, 6]


def test_without_elites_it_ages():
    setting = Setting(SPACE, SCORE, 0)
    strategy = Genetic(setting, population_size=4, elites=0, tournament_size=1)
    scores = iter([9.0, 1.0, 2.0, 3.0, 4.0])
    evaluate(strategy, setting, lambda proposal: next(scores), 5)
    assert [trial.number for trial in strategy._population] == [1, 2, 3, 4]


def test_without_mutation_to_speak_of_a_child_mixes_its_parents():
    setting = Setting(SPACE, SCORE, 2, budget=80)
    strategy = Genetic(setting, population_size=10, mutations=1e-9, crossover=1.0)
    done = evaluate(strategy, setting, lambda p: float(p.architecture["a"]), 40)
    for trial in done[10:]:
        if trial.proposal.parent is not None:
            known = [t.architecture for t in done[: trial.number]]
            assert all(any(a[path] == trial.architecture[path] for a in known) for path in trial.architecture)
            assert any(trial.architecture[path] != done[trial.proposal.parent].architecture[path] for path in "abcdef")


def test_truncation_takes_parents_from_the_best_share_only():
    setting = Setting(SPACE, SCORE, 3)
    strategy = Genetic(setting, population_size=20, selection="truncation", truncation=0.1, elites=19)
    done = evaluate(strategy, setting, lambda p: float(p.architecture["a"]) + 1e-3 * p.architecture["b"], 120)
    for trial in done[60:]:
        if trial.proposal.parent is not None:
            better = sum(
                t.measurements["score"] > done[trial.proposal.parent].measurements["score"]
                for t in done[: trial.number]
            )
            assert better <= 1


def test_with_two_objectives_the_whole_front_is_approached():
    objectives = (Objective("up", "maximize"), Objective("cost", "minimize"))
    setting = Setting(SPACE, objectives, 0, budget=200)

    def measure(architecture):
        return {"up": float(sum(architecture[p] for p in "abc")), "cost": float(sum(architecture[p] for p in "cde"))}

    def volume(name):
        strategy = make_strategy(name, setting)
        points = []
        for number in range(200):
            proposal = strategy.ask(number)
            trial = dataclasses.replace(_started(proposal, number), state=TrialState.COMPLETE)
            trial = dataclasses.replace(trial, measurements=measure(proposal.architecture))
            strategy.tell(_started(proposal, number))
            strategy.tell(trial)
            points.append([-trial.measurements["up"], trial.measurements["cost"]])
        return hypervolume(points, [0.0, 15.0])

    assert volume("genetic") > 1.05 * volume("random")


def _started(proposal, number):
    from searchitect.trial import Trial

    return Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), number)


def test_floats_and_conditionals_are_bred():
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, (Objective("score", "minimize"),), 1, budget=250)
    target = space.sample(stream(5, "target"))
    strategy = make_strategy("genetic", setting)
    done = evaluate(strategy, setting, lambda p: abs(p.architecture["learning_rate"] - target["learning_rate"]), 250)
    assert min(t.measurements["score"] for t in done) < 2e-4
    assert all(space.contains(t.architecture) for t in done)


def test_failed_trials_never_become_parents():
    setting = Setting(SPACE, SCORE, 4, budget=80)
    told = synthetic_search(make_strategy("genetic", setting), setting, lambda a: float(a["a"]), 80)
    ended = {t.number: t for t in told if t.state is not TrialState.RUNNING}
    assert all(ended[t.proposal.parent].is_complete for t in told if t.proposal.parent is not None)
    assert any(t.state is TrialState.FAILED for t in ended.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population_size": 5, "tournament_size": 9}, "cannot draw 9 and keep 1 of a population of 5"),
        ({"selection": "roulette"}, "selection is 'tournament' or 'truncation', got 'roulette'"),
        ({"crossover": 1.5}, "crossover=1.5"),
    ],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_strategy("genetic", Setting(SPACE, SCORE), options)
