import numpy as np
import pytest

import searchitect as sa
from searchitect.predictors.effects_kernel import EffectsKernel
from searchitect.predictors.gaussian_process import GaussianProcess
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.seeding import stream
from searchitect.spaces import make_space
from tests.predictors.test_kernels import SPACES, drawn, rows_of


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
@pytest.mark.parametrize("seed", range(3))
def test_correlations_are_symmetric_at_most_one_and_positive_semidefinite(space, seed):
    kernel, rows = EffectsKernel(Columns.of(space)), rows_of(space, 60, seed)
    found = kernel.compare(rows, rows).correlation(drawn(kernel, seed))
    assert np.allclose(found, found.T)
    assert np.allclose(np.diag(found), 1.0)
    assert 0 < found.min() <= found.max() <= 1 + 1e-12
    assert np.linalg.eigvalsh(found).min() > -1e-10


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_slopes_are_the_derivatives_of_the_correlations(space):
    kernel, rows, other = EffectsKernel(Columns.of(space)), rows_of(space, 12), rows_of(space, 9, 1)
    compared, theta = kernel.compare(rows, other), drawn(kernel, 3)
    weights = np.array([[stream(i, "weights", j).gauss(0, 1) for j in range(9)] for i in range(12)])
    for i, slope in enumerate(compared.slopes(theta, weights)):
        step = np.eye(len(theta))[i] * 1e-6
        difference = compared.correlation(theta + step) - compared.correlation(theta - step)
        assert slope == pytest.approx((weights * difference).sum() / 2e-6, abs=1e-6)


def test_two_cells_that_share_four_of_six_choices_share_four_effects_and_six_pairs():
    cell = sa.SearchSpace.of(make_space("Cell", {f"edge{i}": sa.choice("a", "b", "c") for i in range(6)}))
    columns = Columns.of(cell)
    first = {f"edge{i}": "a" for i in range(6)}
    rows = columns.encode([cell.read({"decisions": d}) for d in (first, first | {"edge1": "b", "edge4": "c"})])
    kernel = EffectsKernel(columns)
    theta = kernel.prior().mean
    product = DecisionKernel(columns).compare(rows, rows).correlation(theta[:-2])[0, 1]
    theta[-2:] = np.log([2.0, 3.0])  # shares 2/6, 3/6, 1/6
    found = kernel.compare(rows, rows).correlation(theta)[0, 1]
    assert found == pytest.approx((2 * 4 / 6 + 3 * 6 / 15 + product) / 6)


def test_what_is_learned_of_options_in_one_corner_holds_in_another():
    """Single effects; trained on cells within three edits of one, asked about cells that share nothing with it."""
    space = sa.SearchSpace.of(make_space("Cell", {f"edge{i}": sa.choice(*range(4)) for i in range(8)}))
    columns, rng = Columns.of(space), stream(0, "corner")
    effects = np.array([[rng.gauss(0, 1) for _ in range(4)] for _ in range(8)])
    near, far = [], []
    for _ in range(60):
        cell = [0] * 8
        for _ in range(3):
            cell[rng.randrange(8)] = rng.randrange(4)
        near.append(cell)
        far.append([rng.randrange(1, 4) for _ in range(8)])

    def rows(cells):
        return columns.encode([space.read({"decisions": {f"edge{i}": v for i, v in enumerate(c)}}) for c in cells])

    def truth(cells):
        return np.array([sum(effects[i, v] for i, v in enumerate(cell)) for cell in cells])

    def error(kernel):
        mean, _ = GaussianProcess(kernel).fit(rows(near), truth(near), 0).predict(rows(far))
        return float(np.abs(mean - truth(far)).mean())

    assert error(EffectsKernel(columns)) < 0.25 * error(DecisionKernel(columns))
