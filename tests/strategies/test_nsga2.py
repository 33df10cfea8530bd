import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective, parse_constraint
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.nsga2 import NSGA2
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.fronts import DTLZ2, ZDT1, search, volume
from tests.strategies.planted import SPACE
from tests.strategies.spaces import Conditional

TWO = (Objective("f0", "minimize"), Objective("f1", "minimize"))


def told(strategy, rows, constraints=()):
    """Tell it one complete trial for each row of losses."""
    for number, row in enumerate(rows):
        architecture = SPACE.sample(stream(number, "told"))
        names = ("f0", "f1", "latency_ms")[: len(row)]
        proposal = Proposal(architecture)
        measured = dict(zip(names, row, strict=True))
        strategy.tell(Trial(number, proposal, TrialState.COMPLETE, SPACE.key(architecture), 0, measurements=measured))


def kept(strategy):
    return [trial.number for trial in strategy._population]


@pytest.mark.parametrize(("problem", "reference"), [(ZDT1(), [1.1, 2.0]), (DTLZ2(3), [1.1] * 3), (DTLZ2(2), [1.1] * 2)])
def test_it_covers_far_more_of_a_known_front_than_random_search(problem, reference):
    ceiling = problem.ceiling(reference)
    shares = {
        name: sum(volume(problem, search(problem, name, 200, seed), reference) for seed in range(3)) / 3 / ceiling
        for name in ("nsga2", "random")
    }
    assert shares["nsga2"] > 1.3 * shares["random"]
    assert shares["nsga2"] > 0.75
    assert shares["nsga2"] <= 1 + 1e-9


def test_survivors_are_the_best_ranks_and_of_the_last_the_least_crowded():
    strategy = NSGA2(Setting(SPACE, TWO), population_size=4, children=3)
    told(strategy, [(0, 9), (9, 0), (5, 5), (9, 9), (5.1, 4.9), (1, 8), (8, 8)])
    # The front is 0, 1, 2, 4, 5; its ends stay, and 5 (beside 0) and 4 or 2 (beside each other) are crowded.
    assert set(kept(strategy)) >= {0, 1}
    assert not {3, 6} & set(kept(strategy))
    assert len(kept(strategy)) == 4


def test_what_breaks_a_measured_limit_stands_behind_all_that_keep_it_and_the_less_the_better():
    setting = Setting(SPACE, TWO, constraints=(parse_constraint("latency_ms<=10"),))
    strategy = NSGA2(setting, population_size=3, children=2)
    told(strategy, [(0, 0, 30), (9, 9, 5), (1, 1, 12), (2, 2, 11), (8, 9, 9)])
    assert set(kept(strategy)) == {1, 4, 3}


def test_a_limit_that_only_training_shows_is_learned_to_be_kept():
    problem = ZDT1()

    def latency(architecture):
        return {"latency_ms": 5.0 + 10.0 * (architecture["x0"] in (0, 1, 2))}

    study = search(problem, "nsga2", 150, 0, constraints=["latency_ms<=10"], measured=latency)
    late = [t for t in study.trials if t.number >= 75]
    assert sum(t.measurements["latency_ms"] > 10 for t in late) < 0.2 * len(late)
    assert all(t.is_complete for t in study.trials)  # infeasible is no bad number and no failure


def test_children_come_from_the_population_and_say_so():
    setting = Setting(SPACE, TWO, 3, budget=100)
    strategy = make_strategy("nsga2", setting, {"population_size": 5})
    told(strategy, [(i, 9 - i) for i in range(5)])
    proposal = strategy.ask(5)
    assert proposal.parent in range(5)
    parents = [trial.architecture for trial in strategy._population]
    same = max(sum(p[path] == proposal.architecture[path] for path in p) for p in parents)
    assert same >= 2


def test_a_failed_trial_is_no_parent():
    strategy = NSGA2(Setting(SPACE, TWO), population_size=2)
    architecture = SPACE.default()
    strategy.tell(Trial(0, Proposal(architecture), TrialState.FAILED, SPACE.key(architecture), 0, reason="planted"))
    told(strategy, [(1, 1), (2, 2)])
    assert all(trial.is_complete for trial in strategy._population)


def test_a_conditional_and_real_space_is_searched():
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, TWO, 1, budget=60)
    strategy = make_strategy("nsga2", setting, {"population_size": 20})
    for number in range(60):
        proposal = strategy.ask(number)
        assert space.contains(proposal.architecture)
        rate = float(proposal.architecture["learning_rate"])
        measured = {"f0": rate, "f1": 1 - rate}
        strategy.tell(
            Trial(number, proposal, TrialState.COMPLETE, space.key(proposal.architecture), 0, measurements=measured)
        )


@pytest.mark.parametrize("options", [{"population_size": 1}, {"children": 0}, {"crossover": 2.0}, {"mutations": 0}])
def test_senseless_options_are_refused(options):
    with pytest.raises(ConfigError, match="expected population_size ≥ 2"):
        make_strategy("nsga2", Setting(SPACE, TWO), options)
