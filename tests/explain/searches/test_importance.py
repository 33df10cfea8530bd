"""Importance of decisions: planted shares are found, intervals hold them, and what cannot be known is said."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import INACTIVE, Evidence, Factor
from searchitect.explain.searches.importance import Importances, importance, needed, ranking
from searchitect.objectives import Objective

ACCURACY = Objective("accuracy", "maximize")


def table(
    codes: np.ndarray,
    targets: np.ndarray,
    levels: Sequence[int],
    *,
    uniform: bool = True,
    objective: Objective = ACCURACY,
) -> Evidence:
    factors = tuple(Factor(f"x{d}", tuple(str(i) for i in range(k)), (1 / k,) * k) for d, k in enumerate(levels))
    count = len(targets)
    return Evidence(factors, codes, targets, objective, np.full(count, uniform), np.arange(count))


def drawn(levels: Sequence[int], count: int, seed: int = 0) -> tuple[np.ndarray, np.random.Generator]:
    random = np.random.default_rng(seed)
    return np.stack([random.integers(0, k, count) for k in levels], axis=1), random


def additive(count: int = 120, noise: float = 0.2, seed: int = 0, **options: object) -> Evidence:
    """Shares 9/14, 4/14, 1/14 and 0: effects of deviation 3, 2, 1 and none."""
    codes, random = drawn((2, 2, 2, 3), count, seed)
    signs = 2 * codes - 1
    targets = 3 * signs[:, 0] + 2 * signs[:, 1] + signs[:, 2] + noise * random.normal(size=count)
    return table(codes, targets.astype(float), (2, 2, 2, 3), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> Importances:
    return importance(additive())


def test_planted_shares_are_found_in_order(found: Importances) -> None:
    decisions = found.everywhere.decisions
    assert [one.name for one in decisions] == ["x0", "x1", "x2", "x3"]
    assert [one.share for one in decisions] == pytest.approx([9 / 14, 4 / 14, 1 / 14, 0], abs=0.03)
    assert found.everywhere.interactions < 0.02


def test_intervals_hold_the_planted_shares_and_zero_for_what_does_nothing(found: Importances) -> None:
    for one, true in zip(found.everywhere.decisions, [9 / 14, 4 / 14, 1 / 14, 0], strict=True):
        assert one.low <= true <= one.high
        assert one.high - one.low < 0.2
    assert found.everywhere.decisions[3].low == 0


def test_most_decisions_that_do_nothing_have_no_share_at_all() -> None:
    levels = (2, *(3,) * 8)
    codes, random = drawn(levels, 100)
    found = ranking(table(codes, 1.0 * codes[:, 0] + 0.3 * random.normal(size=100), levels))
    assert found.decisions[0].name == "x0"
    assert sum(one.share == 0 for one in found.decisions[1:]) >= 6


def test_forest_and_permutation_stand_beside_and_agree(found: Importances) -> None:
    first = found.everywhere.decisions[0]
    assert first.uncorrected == pytest.approx(9 / 14, abs=0.1)
    assert first.permutation == pytest.approx(9 / 14, abs=0.2)
    assert found.agreement == 1
    assert found.warnings == ()


def test_the_same_seed_gives_the_same_numbers_and_they_are_plain_json(found: Importances) -> None:
    told = found.to_json()
    assert importance(additive()).to_json() == told
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["everywhere"]["decisions"][0]["name"] == "x0"


def test_a_planted_pair_without_main_effects_is_found_with_its_share() -> None:
    codes, random = drawn((2, 3, 2, 2), 150)
    signs = 2 * codes - 1
    targets = 2.0 * signs[:, 0] * signs[:, 2] + signs[:, 3] + 0.2 * random.normal(size=150)
    found = ranking(table(codes, targets, (2, 3, 2, 2)))
    pair = found.pairs[0]
    assert (pair.first, pair.second) == ("x0", "x2")
    assert pair.low <= 0.8 <= pair.high
    assert found.decisions[0].name == "x3"
    assert found.decisions[0].low <= 0.2 <= found.decisions[0].high
    assert all(other.low == 0 for other in found.pairs[1:])


def test_fewer_trials_than_levels_are_shrunk_and_not_refused() -> None:
    levels = (5,) * 8
    codes, random = drawn(levels, 24)
    effect = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    found = ranking(table(codes, effect[codes[:, 2]] + 0.1 * random.normal(size=24), levels))
    assert found.decisions[0].name == "x2"
    assert found.decisions[0].high > 0.8


def test_what_matters_among_the_best_may_differ_from_what_matters_at_all() -> None:
    """x0 alone separates bad from good by 100; among the good half, only x1 is left."""
    codes, random = drawn((2, 4, 3), 300)
    targets = 100.0 * codes[:, 0] + 3.0 * codes[:, 1] + 0.1 * random.normal(size=300)
    found = importance(table(codes, targets, (2, 4, 3)), best=0.4)
    assert found.everywhere.decisions[0].name == "x0"
    assert found.best is not None
    assert found.cut == pytest.approx(100, abs=5)
    share = {one.name: one.share for one in found.best.decisions}
    assert share["x1"] > 0.2
    assert share["x1"] > found.everywhere.decisions[1].share * 10


def test_the_best_of_what_is_minimised_lie_below_the_border() -> None:
    evidence = additive(objective=Objective("loss", "minimize"))
    found = importance(evidence, best=0.3)
    assert found.cut == pytest.approx(np.quantile(evidence.targets, 0.3))
    assert found.best is not None


def test_too_few_among_the_best_is_said_and_not_guessed() -> None:
    found = importance(additive(count=40), best=0.1)
    assert found.best is None
    assert "4 trial(s) lie there, 10 are needed" in found.warnings[-1]


# ---- a searcher's preference ----


def biased(count: int = 200, seed: int = 0) -> Evidence:
    """Two decisions of equal weight; the search tries the better option of x0 in 19 of 20 trials."""
    random = np.random.default_rng(seed)
    codes = np.stack([random.random(count) < 0.95, random.random(count) < 0.5, random.random(count) < 0.5], axis=1)
    targets = 2.0 * codes[:, 0] + 2.0 * codes[:, 1] + 0.2 * random.normal(size=count)
    return table(codes.astype(np.int64), targets, (2, 2, 2), uniform=False)


def test_shares_are_of_the_space_and_not_of_what_the_search_preferred() -> None:
    evidence = biased()
    share = {one.name: one.share for one in ranking(evidence).decisions}
    assert share["x0"] == pytest.approx(0.5, abs=0.05)
    among_trials = np.array([np.var(evidence.codes[:, d] * 2.0) for d in (0, 1)])
    assert among_trials[0] < among_trials[1] / 3


def test_two_decisions_that_changed_together_in_the_search_are_told_apart_by_random_rows() -> None:
    random = np.random.default_rng(0)
    same = random.integers(0, 2, 100)
    searched = np.stack([same, np.where(random.random(100) < 0.97, same, 1 - same), random.integers(0, 2, 100)], axis=1)
    free, _ = drawn((2, 2, 2), 60, 1)
    codes = np.concatenate([searched, free])
    targets = 2.0 * codes[:, 0] + 0.2 * random.normal(size=160)
    evidence = table(codes, targets, (2, 2, 2))
    share = {one.name: one for one in ranking(evidence).decisions}
    assert share["x0"].share > 0.95
    assert share["x1"].low == 0


def test_without_random_rows_a_warning_says_that_the_bias_stays() -> None:
    (warning,) = importance(biased(), best=0).warnings
    assert warning.startswith("None of the trials was drawn at random")


# ---- decisions that are not always there ----


def conditional(count: int = 240, *, by_parent: float, by_child: float, seed: int = 0) -> Evidence:
    """pool (two options), pool.size only with the first of them, and an idle third."""
    random = np.random.default_rng(seed)
    pool, size, idle = (random.integers(0, 2, count) for _ in range(3))
    there = pool == 0
    targets = by_parent * pool + by_child * np.where(there, 2.0 * size - 1, 0) + 0.1 * random.normal(size=count)
    factors = (
        Factor("pool", ("max", "mean"), (0.5, 0.5)),
        Factor("pool.max.size", ("2", "3", INACTIVE), (0.25, 0.25, 0.5)),
        Factor("idle", ("a", "b"), (0.5, 0.5)),
    )
    codes = np.stack([pool, np.where(there, size, 2), idle], axis=1)
    return Evidence(factors, codes, targets, ACCURACY, np.ones(count, dtype=bool), np.arange(count))


@pytest.mark.parametrize(("by_parent", "by_child", "wanted"), [(2.0, 0.0, (1, 0, 0)), (0.0, 2.0, (0, 1, 0))])
def test_neither_a_parent_nor_its_child_lends_the_other_its_importance(
    by_parent: float, by_child: float, wanted: tuple[float, ...]
) -> None:
    found = ranking(conditional(by_parent=by_parent, by_child=by_child))
    share = {one.name: one.share for one in found.decisions}
    assert [share[name] for name in ("pool", "pool.max.size", "idle")] == pytest.approx(wanted, abs=0.03)
    assert not any({pair.first, pair.second} == {"pool", "pool.max.size"} for pair in found.pairs)


def test_a_decision_that_is_there_half_the_time_weighs_half_of_what_it_would_always() -> None:
    """Variances: parent 2²/4 = 1; child 1 where it is there, ½ over all."""
    found = importance(conditional(by_parent=2.0, by_child=1.0), best=0)
    child = next(one for one in found.everywhere.decisions if one.name == "pool.max.size")
    assert child.active == 0.5
    assert child.share == pytest.approx(0.5 / 1.5, abs=0.04)
    assert child.when_active == pytest.approx(1 / 1.5, abs=0.08)
    assert child.low <= 1 / 3 <= child.high


def test_the_second_opinion_is_not_misled_by_levels_that_are_not_there() -> None:
    found = importance(conditional(by_parent=2.0, by_child=0.0), best=0).everywhere
    opinions = {one.name: (one.uncorrected, one.permutation) for one in found.decisions}
    assert min(opinions["pool"]) > 0.8  # type: ignore[type-var, operator]
    assert max(opinions["pool.max.size"]) < 0.05  # type: ignore[type-var, operator]


# ---- refusals ----


def test_too_few_trials_says_how_many_are_needed_and_how_many_there_are() -> None:
    assert needed(4) == 20
    assert needed(50) == 50
    with pytest.raises(ConfigError, match="at least 20 complete trials .* there are 12") as caught:
        importance(additive(count=12))
    assert "8 more" in str(caught.value.hint)


def test_a_constant_objective_is_refused_with_its_value() -> None:
    codes, _ = drawn((2, 2), 30)
    with pytest.raises(ConfigError, match=r"accuracy is 0\.5 in all 30 trials"):
        importance(table(codes, np.full(30, 0.5), (2, 2)))


def test_no_decision_that_differs_is_refused() -> None:
    with pytest.raises(ConfigError, match="no decision can explain"):
        importance(table(np.zeros((30, 0), dtype=np.int64), np.arange(30.0), ()))


def test_a_share_of_best_out_of_bounds_is_refused() -> None:
    with pytest.raises(ConfigError, match="between 0 and"):
        importance(additive(), best=2)


def test_a_single_decision_and_two_decisions_are_explained() -> None:
    codes, random = drawn((3,), 40)
    only = importance(table(codes, codes[:, 0] + 0.01 * random.normal(size=40), (3,)), best=0)
    assert only.everywhere.decisions[0].share > 0.95
    assert only.everywhere.pairs == ()
    assert only.agreement is None
    codes, random = drawn((2, 2), 40)
    both = ranking(table(codes, 1.0 * (codes[:, 0] ^ codes[:, 1]) + 0.01 * random.normal(size=40), (2, 2)))
    assert both.pairs[0].share > 0.9


@pytest.mark.slow
def test_intervals_cover_ninety_to_ninety_eight_of_a_hundred_planted_shares() -> None:
    inside = []
    for seed in range(60):
        codes, random = drawn((3, 4, 2, 5, 3, 2), 120, seed)
        effects = [
            size * random.normal(size=k) for size, k in zip((3, 2, 1, 1, 0.5, 0), (3, 4, 2, 5, 3, 2), strict=True)
        ]
        parts = [effect - effect.mean() for effect in effects]
        value = sum(part[codes[:, d]] for d, part in enumerate(parts))
        variances = [float((part**2).mean()) for part in parts]
        targets = value + 0.4 * np.sqrt(sum(variances)) * random.normal(size=120)
        for one in ranking(table(codes, targets, (3, 4, 2, 5, 3, 2)), seed).decisions:
            inside.append(one.low <= variances[int(one.name[1:])] / sum(variances) <= one.high)
    assert 0.9 <= np.mean(inside) <= 0.995


@pytest.mark.slow
def test_rows_beyond_a_thousand_are_thinned_with_random_ones_kept() -> None:
    evidence = additive(count=1_500)
    found = importance(evidence, best=0)
    assert found.trials == 1_500
    assert found.everywhere.decisions[0].share == pytest.approx(9 / 14, abs=0.02)
