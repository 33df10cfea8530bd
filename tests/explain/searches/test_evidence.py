"""The table that explanations read: a row per trial, a column of codes per decision."""

from __future__ import annotations

import random

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import INACTIVE, evidence_of
from searchitect.objectives import Objective
from searchitect.spaces.search_space import SearchSpace

ACCURACY = Objective("accuracy", "maximize")


@sa.space
class Pooled:
    size: int = sa.choice(2, 3)


@sa.space
class Plain:
    pass


@sa.space
class Mixed:
    depth: int = sa.integer(1, 4)
    rate: float = sa.real(1e-4, 1e-1, log=True)
    pool: Pooled | Plain = sa.choice(Pooled, Plain)
    inputs: tuple[int, ...] = sa.subset(range(3), 1, 2)


def some(count: int = 200) -> list[sa.Architecture]:
    space, rng = SearchSpace.of(Mixed), random.Random(0)
    return [space.sample(rng) for _ in range(count)]


def test_every_decision_that_differs_becomes_a_column_of_codes_below_its_number_of_levels() -> None:
    drawn = some()
    table = evidence_of(drawn, range(200), ACCURACY, space=SearchSpace.of(Mixed))
    names = [factor.name for factor in table.factors]
    assert names == ["depth", "rate", "pool", "pool.Pooled.size", "inputs∋0", "inputs∋1", "inputs∋2"]
    assert table.codes.shape == (200, 7)
    for column, factor in zip(table.codes.T, table.factors, strict=True):
        assert set(column) == set(range(len(factor.levels)))
        assert sum(factor.shares) == pytest.approx(1)
        assert len(factor.shares) == len(factor.levels)


def test_a_decision_that_is_not_there_has_a_level_of_its_own_with_its_true_share() -> None:
    table = evidence_of(some(), range(200), ACCURACY, space=SearchSpace.of(Mixed))
    size = table.factors[3]
    assert size.levels == ("2", "3", INACTIVE)
    assert size.shares == pytest.approx((0.25, 0.25, 0.5), abs=0.03)
    assert (table.codes[:, 3] == 2).sum() == (table.codes[:, 2] == table.factors[2].levels.index("Plain")).sum()


def test_numbers_of_many_values_become_ranges_of_about_equally_many_rows() -> None:
    drawn = some(600)
    rate = evidence_of(drawn, range(600), ACCURACY).factors[1]
    counts = np.bincount([rate.code(a) for a in drawn])
    assert rate.ordered
    assert len(counts) == 6
    assert counts.min() > 90


def test_without_a_space_levels_are_those_that_occur() -> None:
    chosen = [a for a in some() if a["depth"] in (2, 4)]
    depth = evidence_of(chosen, range(len(chosen)), ACCURACY).factors[0]
    assert depth.levels == ("2", "4")
    assert depth.shares == (0.5, 0.5)


def test_a_target_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ConfigError, match="finite"):
        evidence_of(some(2), [0.5, float("nan")], ACCURACY)


def test_an_architecture_with_an_unknown_option_is_refused_by_name() -> None:
    chosen = [a for a in some() if a["depth"] in (2, 4)]
    depth = evidence_of(chosen, range(len(chosen)), ACCURACY).factors[0]
    other = next(a for a in some() if a["depth"] == 1)
    with pytest.raises(ConfigError, match="depth = 1"):
        depth.code(other)


def test_rows_keep_their_numbers_and_marks() -> None:
    table = evidence_of(some(5), range(5), ACCURACY, uniform=[True, False] * 2 + [True], numbers=[7, 8, 9, 10, 11])
    kept = table.rows(table.uniform)
    assert list(kept.numbers) == [7, 9, 11]
    assert list(kept.targets) == [0, 2, 4]
