"""Ablation paths: every step is the best one, every architecture on the way is one, and shares add up."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import INACTIVE, Evidence, Factor, evidence_of
from searchitect.explain.searches.paths import ablation_path, code_path, measured_values
from searchitect.explain.searches.response import fit_response
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.trial import Proposal, Trial, TrialState

ACCURACY = Objective("accuracy", "maximize")


@sa.space
class Block:
    width: int = sa.choice(16, 32, 64)


@sa.space
class Pooled:
    size: int = sa.choice(2, 3)


@sa.space
class Plain:
    pass


@sa.space
class Net:
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 3)
    kernel: int = sa.choice(3, 5)
    pool: Pooled | Plain = sa.choice(Plain, Pooled)


@sa.space
class Tied:
    first: int = sa.choice(1, 2)
    second: int = sa.choice(1, 2)
    third: int = sa.choice(1, 2)

    @sa.constraint
    def together(self) -> bool:
        return self.first == self.second


def quality(architectures: Sequence[Architecture]) -> list[float]:
    """Depth is worth 0.2 per block, kernel 5 0.1, pooling 0.05, wide first blocks lose."""
    return [
        0.2 * a["blocks.length"] + 0.1 * (a["kernel"] == 5) + 0.05 * ("pool.Pooled.size" in a)  # type: ignore
        - 0.001 * a["blocks.0.width"]  # type: ignore
        for a in architectures
    ]  # fmt: skip


def ends() -> tuple[SearchSpace, Architecture, Architecture]:
    space = SearchSpace.of(Net)
    winner = Architecture.of(Net(blocks=(Block(32), Block(64), Block(16)), kernel=5, pool=Pooled(3)))
    return space, space.default(), winner


def test_the_best_change_comes_first_and_steps_lead_to_the_winner() -> None:
    space, baseline, winner = ends()
    path = ablation_path(baseline, winner, quality, ACCURACY, space=space)
    assert [step.changes[0].decision for step in path.steps] == ["blocks.length", "kernel", "pool", "blocks.0.width"]
    assert [step.change for step in path.steps] == pytest.approx([0.4, 0.1, 0.05, -0.016])
    assert path.start + sum(step.change for step in path.steps) == pytest.approx(path.end)
    assert path.end == pytest.approx(quality([winner])[0])


def test_what_a_decision_brings_moves_along_with_it_and_all_on_the_way_is_in_the_space() -> None:
    space, baseline, winner = ends()
    asked: list[Architecture] = []

    def noted(architectures: Sequence[Architecture]) -> list[float]:
        asked.extend(architectures)
        return quality(architectures)

    path = ablation_path(baseline, winner, noted, ACCURACY, space=space)
    assert path.steps[0].changes[0].along == ("blocks.1.width", "blocks.2.width")
    assert all(space.contains(architecture) for architecture in asked)
    assert path.outside == 0


def test_without_the_space_the_way_is_the_same() -> None:
    space, baseline, winner = ends()
    for first, second in ((baseline, winner), (winner, baseline)):
        known = ablation_path(first, second, quality, ACCURACY, space=space)
        assert ablation_path(first, second, quality, ACCURACY).to_json() == known.to_json()


def test_shares_of_an_additive_quality_are_its_terms() -> None:
    space, baseline, winner = ends()
    path = ablation_path(baseline, winner, quality, ACCURACY, space=space)
    shares = {change.decision: value for change, value in zip(path.changes, path.shapley.values, strict=True)}
    assert shares == pytest.approx({"blocks.length": 0.4, "blocks.0.width": -0.016, "kernel": 0.1, "pool": 0.05})
    assert abs(sum(path.shapley.values) - (path.end - path.start)) < 1e-9


def test_of_a_loss_the_step_that_lowers_it_most_comes_first() -> None:
    space, baseline, winner = ends()
    path = ablation_path(
        baseline, winner, lambda a: [-v for v in quality(a)], Objective("loss", "minimize"), space=space
    )
    assert path.steps[0].changes[0].decision == "blocks.length"
    assert path.steps[0].change == pytest.approx(-0.4)


def test_two_changes_go_together_where_the_space_allows_neither_alone() -> None:
    space = SearchSpace.of(Tied)
    path = ablation_path(
        Architecture.of(Tied(1, 1, 1)),
        Architecture.of(Tied(2, 2, 2)),
        lambda architectures: [float(a["first"]) + float(a["third"]) / 2 for a in architectures],  # type: ignore
        ACCURACY,
        space=space,
    )
    assert [[change.decision for change in step.changes] for step in path.steps] == [["third"], ["first", "second"]]
    assert path.outside == 4


def test_a_trial_on_the_way_stands_beside_the_model_with_its_number() -> None:
    space, baseline, winner = ends()
    step = Architecture.of(Net(blocks=(Block(16), Block(64), Block(16)), kernel=3, pool=Plain()))
    proposal = Proposal(step)
    trials = [
        Trial(7, proposal, TrialState.COMPLETE, space.key(step), 0, measurements={"accuracy": 0.5}),
        Trial(8, proposal, TrialState.COMPLETE, space.key(step), 0, "confirm", {"accuracy": 0.6}),
        Trial(9, Proposal(winner), TrialState.FAILED, space.key(winner), 0),
    ]
    measured = measured_values(trials, "accuracy")
    path = ablation_path(baseline, winner, quality, ACCURACY, space=space, measured=measured)
    assert [(s.trial, s.measured) for s in path.steps] == [(7, 0.5), (None, None), (None, None), (None, None)]
    assert "measured 0.5, trial 7" in path.steps[0].text
    assert path.end_measured is None


def test_a_model_of_the_trials_finds_the_planted_steps_with_intervals_that_hold_them() -> None:
    space, baseline, winner = ends()
    rng = random.Random(0)
    drawn = [space.sample(rng) for _ in range(60)]
    noisy = [value + rng.gauss(0, 0.01) for value in quality(drawn)]
    response = fit_response(evidence_of(drawn, noisy, ACCURACY))
    path = ablation_path(baseline, winner, response, ACCURACY, space=space)
    assert response.rank_correlation > 0.95
    wanted = {"blocks.length": 0.4, "blocks.0.width": -0.016, "kernel": 0.1, "pool": 0.05}
    for step in path.steps:
        assert step.half is not None
        assert 0 < step.half < 0.05
        assert abs(step.change - wanted[step.changes[0].decision]) <= step.half + 0.005
    json.dumps(path.to_json(), allow_nan=False)


def test_rows_of_codes_are_walked_alike() -> None:
    factors = (
        Factor("kernel", ("3", "5"), (0.5, 0.5), True, (3, 5)),
        Factor("pool", ("Plain", "Pooled"), (0.5, 0.5)),
        Factor("pool.size", ("2", "3", INACTIVE), (0.25, 0.25, 0.5), True),
        Factor("x", ("a", "b"), (0.5, 0.5)),
    )
    draw = np.random.default_rng(0)
    codes = draw.integers(2, size=(60, 4))
    codes[:, 2] = np.where(codes[:, 1] == 1, codes[:, 2], 2)
    told = codes[:, 0] * 0.1 + codes[:, 1] * 0.3 + 0.001 * draw.normal(size=60)
    table = Evidence(factors, codes, told, ACCURACY, np.ones(60, bool), np.arange(60))
    path = code_path(table, np.array([0, 0, 2, 1]), np.array([1, 1, 1, 1]))
    assert [step.changes[0].decision for step in path.steps] == ["pool", "kernel"]
    assert path.steps[0].changes[0].along == ("pool.size",)
    assert path.steps[0].change == pytest.approx(0.3, abs=0.01)
    assert path.steps[0].trial in np.flatnonzero((codes == [0, 1, 1, 1]).all(axis=1))


def test_the_same_architecture_twice_is_refused() -> None:
    _, baseline, _ = ends()
    with pytest.raises(ConfigError, match="are the same"):
        ablation_path(baseline, baseline, quality, ACCURACY)


def test_too_few_trials_for_a_model_are_refused() -> None:
    space, _, _ = ends()
    drawn = [space.sample(random.Random(i)) for i in range(6)]
    with pytest.raises(ConfigError, match="at least 10 complete trials"):
        fit_response(evidence_of(drawn, quality(drawn), ACCURACY))
