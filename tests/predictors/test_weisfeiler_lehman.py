import numpy as np
import pytest

from searchitect.predictors.gaussian_process import GaussianProcess
from searchitect.predictors.weisfeiler_lehman import WeisfeilerLehmanKernel, motif_gradients, motif_rows, motifs
from searchitect.seeding import stream

KERNEL = WeisfeilerLehmanKernel(2)
DIAMOND = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


def drawn(count, seed=0):
    """Random graphs of six nodes, and a loss that falls by 1 for each `good` fed by the input."""
    rng, graphs, losses = stream(seed, "graphs"), [], []
    for _ in range(count):
        matrix = [[int(i < j and rng.random() < 0.5) for j in range(6)] for i in range(6)]
        labels = ["input", *(rng.choice(["good", "poor", "plain"]) for _ in range(4)), "output"]
        graphs.append((matrix, labels))
        losses.append(-sum(matrix[0][n] and labels[n] == "good" for n in range(6)) + rng.gauss(0, 0.1))
    return graphs, np.array(losses, dtype=float)


def rows_of(graphs, depth=2):
    return motif_rows([motifs(matrix, labels, depth) for matrix, labels in graphs])


def test_the_motifs_of_a_small_graph_are_those_counted_by_hand():
    zero, one = motifs(DIAMOND, ["in", "a", "a", "out"], 1)
    assert zero == {"in": 1, "a": 2, "out": 1}
    assert one == {"[>in>a+a]": 1, "[in>a>out]": 2, "[a+a>out>]": 1}


def test_the_order_of_the_nodes_does_not_matter():
    first = motifs(DIAMOND, ["in", "a", "b", "out"], 3)
    assert first == motifs(DIAMOND, ["in", "b", "a", "out"], 3)
    assert first != motifs(DIAMOND, ["in", "b", "b", "out"], 3)


@pytest.mark.parametrize("seed", range(3))
def test_correlations_are_one_for_equal_graphs_and_positive_semidefinite(seed):
    graphs, _ = drawn(40, seed)
    rows = rows_of(graphs)
    found = KERNEL.compare(rows, rows).correlation(np.array([0.3, -1.0, 0.5]))
    assert np.allclose(np.diag(found), 1.0)
    assert np.allclose(found, found.T)
    assert np.linalg.eigvalsh(found).min() > -1e-9


def test_a_motif_unknown_to_one_side_counts_in_the_norm():
    rows = motif_rows([({"a": 1.0},), ({"a": 1.0, "b": 1.0},)])
    found = WeisfeilerLehmanKernel(0).compare(rows[:1], rows).correlation(np.zeros(1))
    assert found == pytest.approx(np.array([[1.0, 0.5**0.5]]))


def test_slopes_are_the_derivatives_of_the_correlations():
    rows, others = rows_of(drawn(8)[0]), rows_of(drawn(6, 1)[0])
    compared, theta = KERNEL.compare(rows, others), np.array([0.2, -0.4, 0.9])
    weights = np.array([[stream(i, "w", j).gauss(0, 1) for j in range(6)] for i in range(8)])
    for i, slope in enumerate(compared.slopes(theta, weights)):
        step = np.eye(3)[i] * 1e-6
        difference = compared.correlation(theta + step) - compared.correlation(theta - step)
        assert slope == pytest.approx((weights * difference).sum() / 2e-6, abs=1e-6)


def test_it_predicts_unseen_graphs_by_their_motifs():
    graphs, losses = drawn(120)
    others, truth = drawn(60, 1)
    mean, _ = GaussianProcess(KERNEL).fit(rows_of(graphs), losses, 0).predict(rows_of(others))
    assert np.corrcoef(mean, truth)[0, 1] > 0.75


def test_nine_of_ten_targets_lie_in_their_held_out_ninety_percent_intervals():
    inside = []
    for seed in range(5):
        graphs, losses = drawn(80, seed)
        mean, deviation = GaussianProcess(KERNEL).fit(rows_of(graphs), losses, 0).left_out()
        inside += (abs(losses - mean) <= 1.645 * deviation).tolist()
    assert 0.85 <= np.mean(inside) <= 0.95


def test_the_gradient_of_a_motif_is_that_of_the_posterior_mean():
    graphs, losses = drawn(30)
    rows = rows_of(graphs, 1)
    posterior = GaussianProcess(WeisfeilerLehmanKernel(1)).fit(rows, losses, 0)
    found = motif_gradients(posterior, level=0)["good"]
    slopes = []
    for row in (row for row in rows if "good" in row[0]):
        up, down = ((dict(row[0]) | {"good": row[0]["good"] + step}, row[1]) for step in (1e-5, -1e-5))
        means, _ = posterior.predict(motif_rows([up, down]))
        slopes.append((means[0] - means[1]) / 2e-5)
    assert found == pytest.approx(np.mean(slopes), rel=1e-4)


def test_the_planted_motif_is_found_to_be_good():
    graphs, losses = drawn(150)
    posterior = GaussianProcess(KERNEL).fit(rows_of(graphs), losses, 0)
    assert next(iter(motif_gradients(posterior, level=0))) == "good"
    planted, others = [], []
    for motif, slope in motif_gradients(posterior, level=1).items():
        fed, own, _ = motif.split(">")
        (planted if own == "good" and "input" in fed else others).append(slope)
    assert np.mean(planted) < np.mean(others) - 0.05
