import statistics

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.regularized_evolution import RegularizedEvolution
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import TrialState


@sa.space
class Wide:
    a: int = sa.choice(*range(6))
    b: int = sa.choice(*range(6))
    c: int = sa.choice(*range(6))
    d: int = sa.choice(*range(6))
    e: int = sa.choice(*range(6))
    f: int = sa.choice(*range(6))


SPACE = sa.SearchSpace.of(Wide)
SCORE = (Objective("score", "maximize"),)


def best_found(name, seed, trials=250):
    planted = SPACE.sample(stream(seed, "planted optimum"))
    setting = Setting(SPACE, SCORE, seed, budget=trials)
    told = synthetic_search(make_strategy(name, setting), setting, lambda a: -planted_loss(SPACE, planted, a), trials)
    return max(t.measurements["score"] for t in told if t.state is TrialState.COMPLETE)


def test_it_finds_a_planted_optimum_that_random_search_misses():
    seeds = range(8)
    evolved = [best_found("regularized_evolution", seed) for seed in seeds]
    random = [best_found("random", seed) for seed in seeds]
    assert statistics.fmean(evolved) >= statistics.fmean(random) + 1.0
    assert sum(value == 0 for value in evolved) >= 7


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
