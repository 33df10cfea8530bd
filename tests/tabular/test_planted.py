"""Planted benchmarks: their optimum is exact, and every architecture that is allowed can be found."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import fmean, stdev

import pytest

import searchitect as sa
from searchitect.errors import ConfigError, EvaluationError
from searchitect.evaluation import Context
from searchitect.spaces import SearchSpace
from searchitect.strategies import make_strategy
from searchitect.strategies.strategy import Setting
from searchitect.tabular import TableEvaluator, open_benchmark
from searchitect.tabular.planted import FEASIBLE, NOISE, PLANTED, Infeasible, planted
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.tabular.tables import grid, opened

SMALL = ["additive/4x3", "pairwise/5x3", "deceptive/5x3", "noisy/4x3", "conditional/4x3", "infeasible/6x4"]


@pytest.mark.parametrize("name", SMALL)
def test_the_optimum_is_the_best_of_all(name: str) -> None:
    benchmark = planted(name)
    values = [benchmark.measure(a)[benchmark.truth] for a in benchmark.members()]
    assert max(values) == pytest.approx(benchmark.optimum)
    assert benchmark.measure(benchmark.best)[benchmark.truth] == pytest.approx(1.0)
    assert SearchSpace.of(benchmark.space).contains(benchmark.best)
    assert min(values) >= 0


@pytest.mark.parametrize("kind", PLANTED)
def test_the_same_name_gives_the_same_numbers(kind: str) -> None:
    first, again = open_benchmark(f"planted/{kind}"), open_benchmark(f"planted/{kind}")
    member = next(iter(first.members()))
    assert first.measure(member) == again.measure(member)
    assert SearchSpace.of(first.space).digest == SearchSpace.of(again.space).digest


def test_a_deceptive_response_leads_away_from_its_optimum() -> None:
    benchmark = planted("deceptive/3x3")
    places = dict(benchmark.best.items())
    values = []
    for right in range(4):
        changed = {path: (value if n < right else "o9") for n, (path, value) in enumerate(places.items())}
        from searchitect.spaces import Architecture

        values.append(benchmark.measure(Architecture(benchmark.best.space, changed))["score"])
    assert values == pytest.approx([0.8, 0.4, 0.0, 1.0])


def test_noise_belongs_to_the_replicate() -> None:
    benchmark = planted("noisy")
    best = benchmark.best
    draws = [benchmark.measure(best, replicate=r)["score"] for r in range(400)]
    assert benchmark.measure(best, replicate=7)["score"] == draws[7]
    assert fmean(draws) == pytest.approx(1.0, abs=0.01)
    assert stdev(draws) == pytest.approx(NOISE, rel=0.15)
    assert benchmark.measure(best, replicate=3)["true_score"] == pytest.approx(1.0)


def test_one_architecture_in_a_hundred_is_feasible() -> None:
    benchmark = planted("infeasible")
    assert isinstance(benchmark, Infeasible)
    feasible = list(benchmark.members())
    share = len(feasible) / SearchSpace.of(benchmark.space).size()
    assert FEASIBLE <= share < 1.2 * FEASIBLE
    assert not any(benchmark.check(a) for a in feasible)
    outside = next(a for a in SearchSpace.of(benchmark.space).enumerate() if benchmark.price(a) > benchmark.limit)
    with pytest.raises(EvaluationError, match="exceeds the limit"):
        benchmark.measure(outside)


@pytest.mark.parametrize("strategy", ["random", "regularized_evolution"])
def test_strategies_never_run_dry_where_ninety_nine_in_a_hundred_are_infeasible(strategy: str) -> None:
    benchmark = planted("infeasible")
    space = SearchSpace.of(benchmark.space)
    objectives = (benchmark.objective("score"),)
    setting = Setting(space, objectives, seed=3, check=benchmark.check, budget=150)
    asked = make_strategy(strategy, setting)
    for number in range(150):
        proposal = asked.ask(number)
        assert proposal is not None, number
        trial = Trial(number, proposal, TrialState.RUNNING, space.key(proposal.architecture), 0)
        asked.tell(trial)
        measured = benchmark.measure(proposal.architecture)
        asked.tell(Trial(number, proposal, TrialState.COMPLETE, trial.key, 0, measurements=measured))


@pytest.mark.parametrize(
    "name", ["planted/additve", "planted/additive/1x5", "planted/additive/axb", "planted/noisy/5x5000"]
)
def test_a_wrong_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_benchmark(name)
    assert caught.value.hint


def test_only_the_full_fidelity_is_known() -> None:
    benchmark = planted("additive")
    with pytest.raises(EvaluationError, match="full fidelity"):
        benchmark.measure(benchmark.best, Fidelity(epochs=3))


def test_the_evaluator_adds_noise_that_a_seed_names() -> None:
    benchmark = planted("additive")
    quiet, noisy = TableEvaluator(benchmark), TableEvaluator(benchmark, noise=0.1, seed=1)
    proposal, context = Proposal(benchmark.best), Context(seed=5)
    assert quiet.evaluate(proposal, context) == {"score": pytest.approx(1.0)}
    first = noisy.evaluate(proposal, context)["score"]
    assert first != pytest.approx(1.0)
    assert noisy.evaluate(proposal, Context(seed=6))["score"] == first
    assert noisy.evaluate(Proposal(benchmark.best, replicate=1), context)["score"] != first
    assert TableEvaluator(benchmark, noise=0.1, seed=2).evaluate(proposal, context)["score"] != first


def test_the_evaluator_makes_what_is_not_held_infeasible() -> None:
    benchmark = planted("infeasible")
    evaluator = TableEvaluator(benchmark)
    rng = random.Random(0)
    outside = next(a for a in iter(lambda: SearchSpace.of(benchmark.space).sample(rng), None) if benchmark.check(a))
    with pytest.raises(EvaluationError, match="exceeds"):
        evaluator.check(outside, frozenset())
    assert evaluator.check(benchmark.best, frozenset({"score"})) == {}  # a score takes training


def test_search_runs_on_a_table() -> None:
    benchmark = planted("additive/4x3")
    result = sa.search(
        space=benchmark.space,
        evaluate=TableEvaluator(benchmark),
        trials=30,
        objectives=["maximize score"],
        name="table",
        store="memory:",
    )
    assert result.best.measurements["score"] > 0.9


@pytest.mark.parametrize("strategy", ["random", "regularized_evolution", "predictor"])
def test_what_a_table_does_not_hold_costs_a_search_no_trial(strategy: str) -> None:
    benchmark = planted("infeasible")
    result = sa.search(
        space=benchmark.space,
        evaluate=TableEvaluator(benchmark),
        strategy=strategy,
        trials=15,
        objectives=["maximize score"],
        random_search=False,
        confirm_seeds=0,
        store="memory:",
    )
    assert [trial.state.value for trial in result.trials] == ["complete"] * 15
    assert not any(benchmark.check(trial.architecture) for trial in result.trials)


def test_limits_on_recorded_sizes_are_tested_before_a_trial(tmp_path: Path) -> None:
    columns = {**grid(), "params_million": [1, 2, 3, 4, 5, 6]}
    benchmark = opened(tmp_path, columns)
    result = sa.search(
        space=benchmark.space,
        evaluate=TableEvaluator(benchmark),
        strategy="random",
        trials=6,
        objectives=["maximize valid_accuracy"],
        constraints=["params_million<=3"],
        random_search=False,
        confirm_seeds=0,
        store="memory:",
    )
    assert sorted(t.measurements["params_million"] for t in result.trials if t.is_complete) == [1, 2, 3]
    assert not [t for t in result.trials if t.state.value == "failed"]


def test_noise_is_a_standard_deviation() -> None:
    with pytest.raises(ConfigError, match="standard deviation"):
        TableEvaluator(planted("additive"), noise=-1)
