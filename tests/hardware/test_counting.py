from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.hardware import count_flops, count_parameters, flash_int8_bytes, model_bytes
from tests.hardware.networks import INPUT, NETWORKS, PUBLISHED


def small_cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1, groups=4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


class ConvAttention(nn.Module):
    """A convolution whose pixels are the tokens of an attention block, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.attention = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.attention(self.stem(x).flatten(2).transpose(1, 2))
        return self.head(tokens.mean(1))


def test_parameters_equal_the_hand_count() -> None:
    conv, norm, grouped, linear = 16 * 9, 32, 32 * 4 * 9 + 32, 32 * 10 + 10
    assert count_parameters(small_cnn()) == conv + norm + grouped + linear


def test_tied_parameters_count_once_and_buffers_only_in_bytes() -> None:
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    second.weight = first.weight
    assert count_parameters(nn.Sequential(first, second)) == 64 + 8 + 8
    norm = nn.BatchNorm1d(4)  # weight, bias, running mean and variance as float32; batches seen as one int64
    assert count_parameters(norm) == 8
    assert model_bytes(norm) == 16 * 4 + 8
    assert model_bytes(nn.Linear(3, 2).half()) == 2 * 8


def test_flops_of_convolutions_and_linear_layers_equal_the_hand_count() -> None:
    first = 2 * 28 * 28 * 16 * 1 * 9
    grouped = 2 * 14 * 14 * 32 * (16 // 4) * 9
    assert count_flops(small_cnn(), (1, 28, 28)) == first + grouped + 2 * 32 * 10


@pytest.mark.parametrize("training", [True, False])
def test_flops_of_attention_are_not_hidden_by_fused_kernels(training: bool) -> None:
    n, d = 64, 16
    stem = 2 * n * 16 * 3 * 9
    projections = 2 * n * d * (3 * d) + 2 * n * d * d
    products = 2 * (2 * n * n * d)  # scores and weighted values, all heads together
    feed_forward = 2 * (2 * n * d * 32)
    model = ConvAttention().train(training)
    assert count_flops(model, (3, 8, 8)) == stem + projections + products + feed_forward + 2 * d * 10
    assert model.training is training


def test_flops_of_a_recurrent_layer_are_counted() -> None:
    steps, features, hidden = 10, 6, 8
    expected = 2 * steps * (features + hidden) * 4 * hidden
    assert count_flops(nn.LSTM(features, hidden, batch_first=True), (steps, features)) == expected


@given(features=st.integers(1, 40), width=st.integers(1, 40), outputs=st.integers(1, 9))
@settings(max_examples=15, deadline=None)
def test_flops_of_a_perceptron_are_twice_its_weights(features: int, width: int, outputs: int) -> None:
    model = nn.Sequential(nn.Linear(features, width, bias=False), nn.ReLU(), nn.Linear(width, outputs, bias=False))
    assert count_flops(model, (features,)) == 2 * count_parameters(model)


def test_counting_leaves_the_model_alone_and_also_takes_one_that_lives_on_meta() -> None:
    model = small_cnn().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pointers = [parameter.data_ptr() for parameter in model.parameters()]
    flops = count_flops(model, (1, 28, 28))
    assert all(module.training for module in model.modules())
    assert pointers == [parameter.data_ptr() for parameter in model.parameters()]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with torch.device("meta"):
        assert count_flops(small_cnn(), (1, 28, 28)) == flops
    assert count_flops(model.double(), (1, 28, 28)) == flops


def test_constants_kept_by_a_model_or_made_on_the_way_do_not_disturb_the_count() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.ones(4)  # neither parameter nor buffer
            self.linear = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x * self.scale + torch.arange(4))

    assert count_flops(Positions(), (4,)) == 2 * 4 * 2


def test_an_impossible_input_is_an_error_that_names_the_shape() -> None:
    with pytest.raises(EvaluationError, match=r"shape \(1, 3, 8, 8\)"):
        count_flops(small_cnn(), (3, 8, 8))


def test_a_forward_that_needs_values_is_an_error_with_a_hint() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    with pytest.raises(EvaluationError, match="depend on shapes only"):
        count_flops(Branching(), (4,))


def test_a_lazy_layer_is_an_error_with_a_hint() -> None:
    for count in (count_parameters, lambda model: count_flops(model, (4,))):
        with pytest.raises(EvaluationError, match="lazy layer"):
            count(nn.Sequential(nn.LazyLinear(3)))


@pytest.mark.parametrize("name", NETWORKS)
def test_known_networks_have_the_published_parameters_and_multiply_adds_to_the_last_digit(name: str) -> None:
    facts = PUBLISHED[name]
    with torch.device("meta"):
        model = NETWORKS[name]()
    assert count_parameters(model) == facts.parameters
    digits = len(str(facts.multiply_adds).partition(".")[2])
    assert round(count_flops(model, INPUT) / 2e9, digits) == facts.multiply_adds


@pytest.mark.parametrize("name", [name for name, facts in PUBLISHED.items() if facts.int8_mib is not None])
def test_quantised_weights_take_what_published_files_take_within_5_percent(name: str) -> None:
    with torch.device("meta"):
        model = NETWORKS[name]()
    assert flash_int8_bytes(model) / 2**20 == pytest.approx(PUBLISHED[name].int8_mib, rel=0.05)


def test_quantised_weights_equal_the_hand_count() -> None:
    first = 16 * 9 + 16 * 4 + 16 * 4  # weights, a scale for each channel, the bias that the batch normalisation leaves
    grouped = 32 * 4 * 9 + 32 * 4 + 32 * 4
    linear = 32 * 10 + 10 * 4 + 10 * 4
    assert flash_int8_bytes(small_cnn()) == first + grouped + linear


def test_quantised_embeddings_have_one_scale_and_tied_weights_count_once() -> None:
    table, head = nn.Embedding(50, 8), nn.Linear(8, 50, bias=False)
    assert flash_int8_bytes(table) == 400 + 4
    head.weight = table.weight
    assert flash_int8_bytes(nn.Sequential(table, head)) == 400 + 4
