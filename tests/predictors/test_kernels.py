import math

import numpy as np
import pytest

import searchitect as sa
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.seeding import stream
from tests.strategies.spaces import Conditional, Flat

SPACES = [sa.SearchSpace.of(Flat), sa.SearchSpace.of(Conditional)]


def rows_of(space, count, seed=0):
    rng = stream(seed, "rows")
    return Columns.of(space).encode([space.sample(rng) for _ in range(count)])


def drawn(kernel, seed):
    prior, rng = kernel.prior(), stream(seed, "theta")
    moved = prior.mean + np.array([rng.gauss(0, 1) for _ in prior.mean])
    return np.clip(moved, prior.low, prior.high)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
@pytest.mark.parametrize("seed", range(5))
def test_correlations_are_symmetric_at_most_one_and_positive_semidefinite(space, seed):
    kernel, rows = DecisionKernel(Columns.of(space)), rows_of(space, 60, seed)
    found = kernel.compare(rows, rows).correlation(drawn(kernel, seed))
    assert np.allclose(found, found.T)
    assert np.allclose(np.diag(found), 1.0)
    assert 0 < found.min() <= found.max() <= 1 + 1e-12
    assert np.linalg.eigvalsh(found).min() > -1e-10


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_slopes_are_the_derivatives_of_the_correlations(space):
    kernel, rows, other = DecisionKernel(Columns.of(space)), rows_of(space, 12), rows_of(space, 9, 1)
    compared, theta = kernel.compare(rows, other), drawn(kernel, 3)
    weights = np.array([[stream(i, "weights", j).gauss(0, 1) for j in range(9)] for i in range(12)])
    for i, slope in enumerate(compared.slopes(theta, weights)):
        step = np.eye(len(theta))[i] * 1e-6
        difference = compared.correlation(theta + step) - compared.correlation(theta - step)
        assert slope == pytest.approx((weights * difference).sum() / 2e-6, abs=1e-6)


def test_choices_are_compared_by_hamming_and_numbers_by_matern():
    space = SPACES[0]
    kernel = DecisionKernel(Columns.of(space))
    theta = np.log([0.5, 0.25, 2.0])

    def between(one, other):
        rows = Columns.of(space).encode([space.read({"decisions": a}) for a in (one, other)])
        return kernel.compare(rows, rows).correlation(theta)[0, 1]

    base = {"first": 1, "second": 1, "third": 1}
    assert between(base, base | {"first": 4}) == pytest.approx(math.exp(-0.5))
    assert between(base, base | {"first": 2, "second": 3}) == pytest.approx(math.exp(-0.75))
    r = math.sqrt(5) * 2.0 * 3 / 7
    assert between(base, base | {"third": 4}) == pytest.approx((1 + r + r * r / 3) * math.exp(-r))


def test_a_decision_active_in_one_of_two_costs_a_constant_whatever_its_value():
    @sa.space
    class Inner:
        width: float = sa.real(0.0, 1.0)

    @sa.space
    class Outer:
        inner: Inner | None = sa.optional(Inner)

    space = sa.SearchSpace.of(Outer)
    columns = Columns.of(space)
    kernel = DecisionKernel(columns)
    made = [{"inner": False}, *({"inner": True, "inner.some.width": w} for w in (0.0, 0.3, 1.0))]
    rows = columns.encode([space.read({"decisions": decisions}) for decisions in made])
    theta = np.array([math.log(0.7), math.log(3.0), 0.4])
    found = kernel.compare(rows, rows).correlation(theta)
    rho = 1 / (1 + math.exp(-0.4))
    assert found[0, 1:] == pytest.approx([math.exp(-0.7) * rho] * 3)
    assert found[1, 1] > found[1, 2] > found[1, 3] >= rho**2


def test_rows_mark_inactive_decisions_and_keep_equal_ones_equal():
    space = SPACES[1]
    columns, rng = Columns.of(space), stream(5)
    for _ in range(30):
        one, other = space.sample(rng), space.sample(rng)
        first, second = columns.encode([one, other])
        for row, architecture in ((first, one), (second, other)):
            active = {d.path for d in columns.decisions if d.path in architecture}
            assert int(np.isfinite(row).sum()) == len(active) + 3 * ("wiring" in active)
        assert np.array_equal(first, second, equal_nan=True) is (one == other)


def test_many_places_of_one_decision_share_a_scale():
    @sa.space
    class Cell:
        operation: str = sa.choice("conv", "pool")

    @sa.space
    class Deep:
        cells: tuple[Cell, ...] = sa.repeat(Cell, 1, 60)

    assert Columns.of(sa.SearchSpace.of(Deep)).names == ("cells.length", "cells.*.operation")
