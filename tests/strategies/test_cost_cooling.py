import dataclasses

import pytest

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.archive import Archive
from searchitect.strategies.cost_cooling import CostCooling
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import Proposal, Trial, TrialState
from tests.strategies.planted import SCORE, SPACE, evaluate


def dear(architecture):
    """A thousand times as dear with either of two options."""
    return 1000.0 ** (architecture["a"] == 5 or architecture["b"] == 5)


def archive_with(setting, count):
    archive = Archive(setting)
    for number in range(count):
        architecture = SPACE.sample(stream(number, "cost"))
        trial = Trial(number, Proposal(architecture), TrialState.COMPLETE, SPACE.key(architecture), 0)
        archive.tell(dataclasses.replace(trial, measurements={"score": 0.0}))
    return archive


def test_the_exponent_cools_from_one_to_zero_as_the_budget_is_spent():
    setting = Setting(SPACE, SCORE, budget=20, cost=lambda a: 3.0)
    alphas = [CostCooling(setting, archive_with(setting, count), 5).alpha() for count in (0, 5, 10, 15, 20, 25)]
    assert alphas == pytest.approx([1.0, 1.0, 10 / 15, 5 / 15, 0.0, 0.0])


def test_the_discount_is_the_exponent_times_the_logarithm_of_the_cost():
    setting = Setting(SPACE, SCORE, budget=20, cost=lambda a: 2.718281828)
    cooling = CostCooling(setting, archive_with(setting, 10), 5)
    assert cooling.discount([SPACE.default()]) == pytest.approx([10 / 15])


@pytest.mark.parametrize("name", ["gp", "predictor"])
def test_cheap_architectures_are_tried_first_and_the_dear_optimum_is_found_at_the_end(name):
    planted = SPACE.sample(stream(1, "planted")).decisions | {"a": 5}
    best = SPACE.compose(planted)
    setting = Setting(SPACE, SCORE, 0, budget=90, cost=dear)
    runs = {}
    for per_cost in (True, False):
        strategy = make_strategy(name, setting, {"per_cost": per_cost})
        runs[per_cost] = evaluate(strategy, setting, lambda p: -planted_loss(SPACE, best, p.architecture), 90)
    early = {key: sum(dear(t.architecture) > 1 for t in done[10:40]) for key, done in runs.items()}
    assert early[True] < 0.5 * early[False]
    assert max(t.measurements["score"] for t in runs[True]) >= -1.0
    assert any(dear(t.architecture) > 1 for t in runs[True][60:])


@pytest.mark.parametrize("name", ["gp", "predictor", "parego"])
def test_a_rebuilt_strategy_asks_the_same_per_cost(name):
    setting = Setting(SPACE, SCORE, 3, budget=40, cost=dear)
    told = []

    def compare(so_far):
        if len(so_far) % 7 == 0:
            rebuilt = make_strategy(name, setting, {"per_cost": True})
            for trial in so_far:
                rebuilt.tell(trial)
            number = len({trial.number for trial in so_far})
            assert rebuilt.ask(number) == live.ask(number)
            told.append(number)

    live = make_strategy(name, setting, {"per_cost": True})
    synthetic_search(live, setting, lambda a: float(a["c"]), 30, workers=3, watch=compare)
    assert len(told) > 3


@pytest.mark.parametrize("name", ["gp", "predictor", "parego"])
def test_a_study_without_a_model_of_cost_is_told_so(name):
    with pytest.raises(ConfigError, match="per_cost needs a prediction of what an evaluation takes"):
        make_strategy(name, Setting(SPACE, SCORE), {"per_cost": True})
