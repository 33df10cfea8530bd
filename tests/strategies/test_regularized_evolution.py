import dataclasses
import math
import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.neighbourhood import changed_decision
from searchitect.strategies.regularized_evolution import RegularizedEvolution
from searchitect.testing.strategies import synthetic_search
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.planted import SCORE, SPACE, best_found, evaluate
from tests.strategies.spaces import Conditional


def test_it_finds_a_planted_optimum_that_random_search_misses():
    seeds = range(8)
    evolved = [best_found("regularized_evolution", seed) for seed in seeds]
    random = [best_found("random", seed) for seed in seeds]
    assert statistics.fmean(evolved) >= statistics.fmean(random) + 1.0
    # One trial in ten fails, and the optimum itself may be among them.
    assert min(evolved) >= -1
    assert sum(value == 0 for value in evolved) >= 6


def test_the_oldest_leaves_the_population_not_the_worst():
    setting = Setting(SPACE, SCORE, 0)
    strategy = RegularizedEvolution(setting, population_size=3, tournament_size=3)
    scores = iter([9.0, 1.0, 2.0, 3.0])
    told = synthetic_search(strategy, Setting(SPACE, SCORE, 5), lambda a: next(scores), 4)
    complete = [t for t in told if t.state is TrialState.COMPLETE]
    assert len(complete) == 4, "the planted failures of this seed must not fall among the four"
    child = strategy.ask(4)
    # The 9.0 came first and is gone: the parent is the best of those that remain.
    assert child.parent == complete[3].number


def test_a_child_differs_from_its_parent_in_one_decision():
    setting = Setting(SPACE, SCORE, 3, budget=80)
    told = synthetic_search(make_strategy("regularized_evolution", setting), setting, lambda a: float(a["a"]), 60)
    by_number = {t.number: t for t in told}
    children = [t for t in by_number.values() if t.proposal.parent is not None]
    assert len(children) > 20
    for child in children:
        parent = by_number[child.proposal.parent].architecture
        assert sum(parent[path] != child.architecture[path] for path in parent) == 1


def test_failed_trials_never_become_parents():
    setting = Setting(SPACE, SCORE, 4, budget=80)
    told = synthetic_search(make_strategy("regularized_evolution", setting), setting, lambda a: float(a["a"]), 80)
    ended = {t.number: t for t in told if t.state is not TrialState.RUNNING}
    parents = {t.proposal.parent for t in told if t.proposal.parent is not None}
    assert all(ended[number].is_complete for number in parents)
    assert any(t.state is TrialState.FAILED for t in ended.values())


def test_a_tournament_larger_than_the_population_is_refused():
    with pytest.raises(ConfigError, match="tournament of 9 cannot be drawn from a population of 5"):
        RegularizedEvolution(Setting(SPACE, SCORE), population_size=5, tournament_size=9)


def test_it_starts_from_the_default_architecture():
    assert make_strategy("regularized_evolution", Setting(SPACE, SCORE, 5)).ask(0).architecture == SPACE.default()


def test_a_forbidden_default_is_not_proposed():
    setting = Setting(SPACE, SCORE, 5, check=lambda a: ["no"] if a == SPACE.default() else [])
    assert make_strategy("regularized_evolution", setting).ask(0).architecture != SPACE.default()


def test_parents_are_the_best_of_a_tournament_without_replacement():
    setting = Setting(SPACE, SCORE, 0)
    strategy = RegularizedEvolution(setting, population_size=6, tournament_size=5)
    done = evaluate(strategy, setting, lambda p: float(p.architecture["a"]) + 1e-3 * len(p.architecture.text), 60)
    # Five of six drawn without replacement: the parent is the best of the last six, or the second best.
    for trial in done[7:]:
        if trial.proposal.parent is not None:
            population = sorted(done[trial.number - 6 : trial.number], key=lambda t: -t.measurements["score"])
            assert done[trial.proposal.parent].measurements["score"] >= population[1].measurements["score"]


def test_children_enter_in_the_order_in_which_they_end():
    setting = Setting(SPACE, SCORE, 0)
    strategy = RegularizedEvolution(setting, population_size=3, tournament_size=3)
    random = make_strategy("random", setting)
    for number in (3, 0, 2, 1):
        architecture = random.ask(number).architecture
        trial = Trial(number, Proposal(architecture), TrialState.COMPLETE, SPACE.key(architecture), number)
        strategy.tell(dataclasses.replace(trial, measurements={"score": float(number)}))
    assert strategy.ask(4).parent == 2, "3 ended first and is forgotten"


def test_floats_move_a_little_and_inactive_decisions_never():
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, SCORE, 1)
    strategy = RegularizedEvolution(setting, population_size=10, tournament_size=3)
    done = evaluate(strategy, setting, lambda p: -abs(p.architecture["learning_rate"] - 0.003), 300)
    moves = []
    for trial in done:
        assert space.contains(trial.architecture)
        if trial.proposal.parent is not None:
            parent = done[trial.proposal.parent].architecture
            path = changed_decision(parent, trial.architecture)
            assert path in parent
            if path == "learning_rate":
                moves.append(math.log10(trial.architecture[path] / parent[path]) / 3)
    assert len(moves) > 20
    assert 0.06 < statistics.pstdev(moves) < 0.14, "a Gaussian of 0.1 of the logarithmic range"
    assert max(t.measurements["score"] for t in done) > -1e-4


def test_of_two_objectives_parents_come_from_the_front_of_the_tournament():
    setting = Setting(SPACE, (Objective("up", "maximize"), Objective("down", "minimize")), 0)
    strategy = RegularizedEvolution(setting, population_size=3, tournament_size=3)
    random = make_strategy("random", setting)
    for number, (up, down) in enumerate([(1.0, 5.0), (2.0, 1.0), (0.0, 9.0)]):
        architecture = random.ask(number).architecture
        trial = Trial(number, Proposal(architecture), TrialState.COMPLETE, SPACE.key(architecture), number)
        strategy.tell(dataclasses.replace(trial, measurements={"up": up, "down": down}))
    assert {strategy.ask(number).parent for number in range(3, 20)} == {1}
