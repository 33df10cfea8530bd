import dataclasses

import pytest

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies import Setting
from searchitect.strategies.auto import PREFERRED, Auto, choose
from searchitect.strategies.regularized_evolution import RegularizedEvolution
from searchitect.testing.strategies import planted_loss, synthetic_search
from searchitect.trial import TrialState
from tests.strategies.quick import QUICK
from tests.strategies.spaces import Conditional, Flat, Tiny

SCORE = (Objective("score", "maximize"),)
TWO = (*SCORE, Objective("parameters", "minimize"))
FIVE = tuple(Objective(name, "minimize") for name in "abcde")


@sa.space
class Wide:
    a: int = sa.choice(*range(6))
    b: int = sa.choice(*range(6))
    c: int = sa.choice(*range(6))
    d: int = sa.choice(*range(6))
    e: int = sa.choice(*range(6))


@sa.space
class Long:
    bits: tuple[int, ...] = sa.repeat(sa.choice(0, 1), 61, 61)


@sa.space
class Reals:
    a: float = sa.real(0.0, 1.0)
    b: float = sa.real(0.0, 1.0)
    c: int = sa.choice(1, 2)


SPACE = sa.SearchSpace.of(Wide)


def setting(space=Wide, **changes):
    return Setting(sa.SearchSpace.of(space), **({"objectives": SCORE, "budget": 100} | changes))


@pytest.mark.parametrize(
    ("asked", "name", "why"),
    [
        (setting(Tiny), "grid", "all 6 architectures"),
        (setting(Tiny, budget=None), "grid", "all 6 architectures"),
        (setting(Flat, budget=20), "gp", "20 trials and 3 decisions"),
        (setting(Flat, budget=200), "grid", "all 128"),
        (setting(budget=5), "sobol", "5 trials are too few"),
        (setting(), "gp", "100 trials and 5 decisions suit"),
        (setting(budget=None), "gp", "5 decisions suit"),
        (setting(budget=301), "predictor", "301 trials are many"),
        (setting(budget=2001), "regularized_evolution", "2,001 trials"),
        (setting(Long), "predictor", "62 decisions are many"),
        (setting(workers=16), "predictor", "16 trials at once"),
        (setting(Reals, workers=16), "regularized_evolution", "67% of the decisions are real"),
        (setting(Reals), "gp", "3 decisions suit"),
        (setting(objectives=TWO), "parego", "weighs 2 objectives anew"),
        (setting(objectives=TWO, budget=500), "nsga2", "whole front of 2 objectives"),
        (setting(objectives=TWO, workers=20), "nsga2", "whole front of 2 objectives"),
        (setting(objectives=TWO, budget=3), "sobol", "3 trials are too few"),
        (setting(objectives=FIVE), "nsga3", "whole front of 5 objectives"),
    ],
)
def test_the_choice_and_its_reason(asked, name, why):
    choice = choose(asked)
    assert choice.name == name
    assert why in choice.why


def test_it_asks_what_the_chosen_strategy_asks_and_says_so():
    from searchitect.strategies import make_strategy

    asked = setting(seed=3)
    quick = {"gp": QUICK["gp"]}
    auto, plain = Auto(asked, options=quick), make_strategy("gp", asked, {**PREFERRED["gp"], **QUICK["gp"]})
    best = SPACE.sample(stream(1, "best"))
    told = synthetic_search(auto, asked, lambda a: -planted_loss(SPACE, best, a), 25)
    for trial in told:
        plain.tell(trial)
    assert auto.ask(25) == plain.ask(25)
    assert auto.belief().incumbent == plain.belief().incumbent
    assert auto.belief().note.startswith("auto: gp, since 100 trials and 5 decisions suit a Gaussian process; ")


def after(trials, score, **changes):
    asked = setting(**changes)
    auto = Auto(asked, options={"gp": QUICK["gp"], "predictor": {"candidates": 30}})
    return auto, synthetic_search(auto, asked, score, trials), asked


def test_a_model_that_cannot_rank_is_replaced_by_evolution_that_knows_all_trials():
    noise = stream(0, "noise")
    auto, told, asked = after(60, lambda a: noise.random())
    assert auto.choice.name == "regularized_evolution"
    assert "model ranked unseen ones with ρ = " in auto.belief().note
    evolution = RegularizedEvolution(asked)
    for trial in told:
        evolution.tell(trial)
    assert auto.ask(60) == evolution.ask(60)


def test_a_model_that_ranks_well_stays():
    best = SPACE.sample(stream(1, "best"))
    auto, _, _ = after(60, lambda a: -planted_loss(SPACE, best, a))
    assert auto.choice.name == "gp"


def test_before_thirty_trials_nothing_is_given_up():
    noise = stream(0, "noise")
    auto, told, _ = after(29, lambda a: noise.random())
    assert sum(t.state is TrialState.COMPLETE for t in told) < 30
    assert auto.choice.name == "gp"


def test_without_a_budget_the_choice_grows_with_the_trials():
    asked = setting(budget=None)
    assert [choose(asked, n).name for n in (0, 300, 301, 2000, 2001)] == [
        *("gp", "gp", "predictor", "predictor", "regularized_evolution")
    ]


def test_a_changed_mind_is_rebuilt_from_what_was_told():
    noise = stream(0, "noise")
    auto, told, asked = after(50, lambda a: noise.random())
    rebuilt = Auto(asked, options={"gp": QUICK["gp"], "predictor": {"candidates": 30}})
    for trial in told:
        rebuilt.tell(trial)
    assert (rebuilt.choice, rebuilt.ask(50)) == (auto.choice, auto.ask(50))


def test_a_warm_start_lies_around_the_choice_not_within():
    from searchitect.strategies import make_strategy
    from searchitect.strategies.prior import PriorTrial

    given = SPACE.sample(stream(1, "given"))
    asked = dataclasses.replace(setting(), prior=(PriorTrial(given),))
    strategy = make_strategy("auto", asked)
    assert strategy.ask(0).architecture == given
    assert strategy.belief().note.startswith("warm start: 1 given architectures first; auto: gp, since")


def test_infinite_spaces_are_searched_too():
    assert choose(setting(Conditional)).name == "gp"
