"""Each proxy on models small enough to be computed by hand."""

import math

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies import random_probe
from searchitect.evaluators.proxies.az_nas import az_nas, blocks, entropy, spectral_norm
from searchitect.evaluators.proxies.counts import flops, parameters
from searchitect.evaluators.proxies.dss import dss
from searchitect.evaluators.proxies.gradients import gradients
from searchitect.evaluators.proxies.jacov import OFFSET, jacov
from searchitect.evaluators.proxies.nwot import nwot
from searchitect.evaluators.proxies.synflow import synflow
from searchitect.evaluators.proxies.zen import MIXTURE, zen
from searchitect.evaluators.proxies.zico import zico
from tests.evaluators.proxies.linear_models import VALUES, probe, two_layers

IDENTITY = [[1, 0], [0, 1]]
ONE = probe([[1, 2]], [[1]])  # h = (1, 2), y = 3, dL/dy = 2 (3 − 1) = 4


def test_parameters_and_flops_are_logarithms_of_the_counts() -> None:
    model = two_layers([[1, 2], [3, 4], [5, 6]], [[1, 1, 1]])
    assert parameters(model, ONE)["parameters"] == pytest.approx(math.log(1 + 9))
    assert flops(model, ONE)["flops"] == pytest.approx(math.log(1 + 2 * 9))


def test_each_layer_of_a_linear_model_carries_the_whole_synaptic_flow() -> None:
    model = two_layers([[1, -2], [3, 4]], [[5, -6]])  # |W1| 1 = (3, 7), R = 5·3 + 6·7 = 57
    assert synflow(model, ONE)["synflow"] == pytest.approx(math.log(2 * 57))


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.LayerNorm, nn.RMSNorm])
def test_the_synaptic_flow_passes_over_normalisations(norm) -> None:
    model = two_layers([[1, -2], [3, 4]], [[5, -6]], [norm(2)])
    assert synflow(model, ONE)["synflow"] == pytest.approx(math.log(2 * 57))


def test_the_synaptic_flow_passes_over_a_normalisation_that_is_a_function() -> None:
    class Functional(nn.Module):
        def forward(self, x):
            return nn.functional.layer_norm(x, (2,))

    model = two_layers([[1, -2], [3, 4]], [[5, -6]], [Functional()])
    assert synflow(model, ONE)["synflow"] == pytest.approx(math.log(2 * 57))


def test_the_synaptic_flow_sees_no_data() -> None:
    model, other = two_layers(IDENTITY, [[1, 1]]), two_layers(IDENTITY, [[1, 1]])
    assert synflow(model, ONE) == synflow(other, probe([[9, -9], [3, 3]], [[1], [2]]))


def test_an_overflowing_synaptic_flow_says_so() -> None:
    deep = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(20)))
    for parameter in deep.parameters():
        nn.init.constant_(parameter, 1e30)
    with pytest.raises(EvaluationError, match="overflows"):
        synflow(deep, probe([[1, 1]], [[1, 1]]))


def test_a_model_without_a_path_has_no_synaptic_flow() -> None:
    with pytest.raises(EvaluationError, match="no path"):
        synflow(two_layers([[0, 0], [0, 0]], [[1, 1]]), ONE)


def test_snip_and_the_gradient_norm_of_one_example() -> None:
    # dL/dW2 = 4 (1, 2), dL/dW1 = 4 [[1, 2], [1, 2]]
    found = gradients(two_layers(IDENTITY, [[1, 1]]), ONE)
    assert found["snip"] == pytest.approx(math.log((4 + 8) + (4 + 8)))
    assert found["grad_norm"] == pytest.approx(math.log(math.sqrt(80) + math.sqrt(160)))


def test_zico_of_two_batches_whose_gradients_differ_by_a_factor_of_two() -> None:
    # dL/dy is 4 and 8: mean 1.5 g, deviation 0.5 g, so every weight has 3; 4 and 2 weights
    found = zico(two_layers(IDENTITY, [[1, 1]]), probe([[1, 2], [1, 2]], [[1], [-1]]))
    assert found["zico"] == pytest.approx(math.log(12) + math.log(6))


def test_zico_of_gradients_that_never_vary_is_a_failure() -> None:
    with pytest.raises(EvaluationError, match="varies"):
        zico(two_layers(IDENTITY, [[1, 1]]), probe([[1, 2], [1, 2]], [[1], [1]]))


def test_all_examples_of_a_linear_model_have_the_same_jacobian() -> None:
    found = jacov(two_layers(IDENTITY, [[1, 2]]), probe([[1, 2], [3, 4], [5, 6], [7, 9]], [[0]] * 4))
    values = [4 + OFFSET, OFFSET, OFFSET, OFFSET]
    assert found["jacov"] == pytest.approx(-sum(math.log(v) + 1 / v for v in values), rel=1e-4)


def test_a_constant_jacobian_is_a_failure() -> None:
    with pytest.raises(EvaluationError, match="constant"):
        jacov(two_layers(IDENTITY, [[1, 1]]), probe([[1, 2], [3, 4]], [[0], [0]]))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh])
def test_nwot_counts_the_signs_before_any_activation(activation) -> None:
    # codes (1, 0) and (0, 1) share nothing: K = 2 I
    batch = probe([[1, -1], [-1, 1]], [[0], [0]])
    assert nwot(two_layers(IDENTITY, [[1, 1]], [activation()]), batch)["nwot"] == pytest.approx(math.log(4))


def test_nwot_sees_an_activation_that_is_a_function_once() -> None:
    class Functional(nn.Module):
        def forward(self, x):
            return torch.relu(x)

    batch = probe([[1, -1], [-1, 1]], [[0], [0]])
    assert nwot(two_layers(IDENTITY, [[1, 1]], [Functional()]), batch)["nwot"] == pytest.approx(math.log(4))


def test_nwot_does_not_change_with_a_positive_scale() -> None:
    batch = probe([[1, 2], [-3, 1], [2, -5]], [[0]] * 3)
    weights = [[1.0, 0.3], [-0.7, 2.0], [0.2, -1.1], [1.5, 1.0]]
    scaled = [[7 * w for w in row] for row in weights]
    one, other = (nwot(two_layers(w, [[1, 1, 1, 1]], [nn.ReLU()]), batch) for w in (weights, scaled))
    assert one == other


def test_nwot_of_a_linear_model_is_a_failure() -> None:
    with pytest.raises(EvaluationError, match="no activation"):
        nwot(two_layers(IDENTITY, [[1, 1]]), ONE)


def test_zen_is_how_far_normal_weights_carry_a_small_change() -> None:
    batch = probe([[1, 2], [3, 4], [5, 6]], [[0]] * 3, seed=3)
    weight = torch.randn((2, 2), generator=batch.generator("zen weights"))
    drawn = batch.generator("zen inputs")
    torch.randn((3, 2), generator=drawn)
    change = torch.randn((3, 2), generator=drawn)
    expected = (MIXTURE * change @ weight.T).abs().sum(1).mean().log()
    assert zen(two_layers(IDENTITY, [[1, 1]]), batch)["zen"] == pytest.approx(float(expected), rel=1e-4)


def test_zen_adds_the_running_deviation_of_batch_normalisation() -> None:
    batch = random_probe(sa.TaskSpec((2,), 1, kind="regression"), examples=512)
    weight = torch.randn((2, 2), generator=batch.generator("zen weights"))
    drawn = batch.generator("zen inputs")
    inputs, change = (torch.randn((512, 2), generator=drawn) for _ in range(2))
    entering = [given @ weight.T for given in (inputs, inputs + MIXTURE * change)]
    variances = [one.var(0) for one in entering]
    running = 0.81 + 0.1 * (0.9 * variances[0] + variances[1])
    moved = torch.stack([(one - one.mean(0)) / (one.var(0, correction=0) + 1e-5).sqrt() for one in entering])
    expected = (moved[0] - moved[1]).abs().sum(1).mean().log() + 0.5 * running.mean().log()
    found = zen(two_layers(IDENTITY, [[1, 1]], [nn.BatchNorm1d(2)]), batch)["zen"]
    assert found == pytest.approx(float(expected), abs=1e-3)


def test_the_entropy_of_equal_variances_is_the_logarithm_of_their_number() -> None:
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert entropy(rows) == pytest.approx(math.log(2), abs=1e-6)
    assert entropy(rows * torch.tensor([1.0, 0.0])) == pytest.approx(0.0, abs=1e-6)


def test_the_spectral_norm_of_gradients_that_a_map_doubles_is_two() -> None:
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert spectral_norm(2 * signs, signs) == pytest.approx(2.0)


def test_az_nas_of_three_linear_blocks() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(4)))  # the last is the classifier
    for layer, factor in zip(model, (1.0, 2.0, 2.0, 1.0), strict=True):
        layer.weight.data = factor * torch.eye(2)
    found = az_nas(model, random_probe(sa.TaskSpec((2,), 2), examples=20_000))
    assert found["az_expressivity"] == pytest.approx(3 * math.log(2), abs=1e-3)  # three features of equal variances
    assert found["az_progressivity"] == pytest.approx(0.0, abs=1e-3)
    assert found["az_trainability"] == pytest.approx(2 - 2 - 1 / 2, abs=0.05)


def test_blocks_are_the_longest_sequence_of_composite_children() -> None:
    block = lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU())  # noqa: E731
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(block(), block(), block()), block())
    assert blocks(model) == list(model[1])


def test_dss_multiplies_nuclear_norms_where_tokens_attend_and_adds_saliency_elsewhere() -> None:
    class TinyAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixing = nn.Linear(2, 2, bias=False)
            self.mixing.weight.data = torch.tensor([[1.0, 0.0], [0.0, -2.0]])

        def forward(self, x):
            return self.mixing(x)

    head = nn.Linear(2, 1, bias=False)
    head.weight.data = torch.ones(1, 2)
    # ∂R/∂W is all ones (nuclear norm 2), ‖W‖_* = 3; the head's saliency is 1 + 2
    assert dss(nn.Sequential(TinyAttention(), head), ONE)["dss"] == pytest.approx(math.log(2 * 3 + 3))
    with pytest.raises(EvaluationError, match="no attention"):
        dss(two_layers(IDENTITY, [[1, 1]]), ONE)


def test_a_model_that_gives_scores_of_another_shape_is_named() -> None:
    with pytest.raises(EvaluationError, match="expected scores of shape"):
        gradients(nn.Linear(2, 3), probe([[1, 2]], [[1]], VALUES))
