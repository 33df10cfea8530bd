from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import fx, nn

from searchitect.errors import EvaluationError
from searchitect.hardware import peak_memory_bytes, peak_memory_int8_bytes
from searchitect.nn import attention
from tests.hardware.measured_memory import Holding, can_measure_processes, onnx_peak_bytes, torch_peak_bytes
from tests.hardware.networks import INPUT, NETWORKS

PIXELS = 8 * 8
FLOAT = 4


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(self.first(x))


class Concatenation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(4, 6, 1)
        self.right = nn.Conv2d(4, 10, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.left(x), self.right(x)], 1)


def test_a_chain_holds_the_input_and_output_of_its_widest_operation() -> None:
    chain = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 16, 3, padding=1), nn.Conv2d(16, 1, 1))
    # 2+4, 4+16, 16+1 channels alive
    assert peak_memory_bytes(chain, (2, 8, 8)) == (4 + 16) * PIXELS * FLOAT


def test_a_residual_keeps_its_input_while_the_branch_runs() -> None:
    # x, first, second alive together: 4 + 8 + 4 channels
    assert peak_memory_bytes(Residual(), (4, 8, 8)) == 16 * PIXELS * FLOAT


def test_a_concatenation_holds_all_its_parts_and_the_whole() -> None:
    # left, right and their concatenation: 6 + 10 + 16 channels; x is no longer read
    assert peak_memory_bytes(Concatenation(), (4, 8, 8)) == 32 * PIXELS * FLOAT


def test_in_place_operations_and_views_take_nothing() -> None:
    plain = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * PIXELS, 2))
    in_place = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8 * PIXELS, 2)
    )
    assert peak_memory_bytes(plain, (1, 8, 8)) == (8 + 8) * PIXELS * FLOAT
    assert peak_memory_bytes(in_place, (1, 8, 8)) == (1 + 8) * PIXELS * FLOAT


def test_what_nobody_reads_takes_nothing() -> None:
    pooling = nn.Sequential(nn.MaxPool2d(2), nn.BatchNorm2d(3))  # indices, saved statistics
    assert peak_memory_bytes(pooling, (3, 8, 8)) == (3 * PIXELS + 3 * PIXELS // 4) * FLOAT


def test_names_in_the_forward_do_not_change_the_peak() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = [x]
            for layer in self.layers:
                kept.append(layer(kept[-1]))
            return kept[-1]

    assert peak_memory_bytes(Named(), (4, 8, 8)) == 2 * 4 * PIXELS * FLOAT


def test_every_output_stays_alive_to_the_end() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            first = x * 2
            return first, (first + 1) * 3

    assert peak_memory_bytes(Two(), (10,)) == 3 * 10 * FLOAT


def test_a_model_that_does_nothing_holds_its_input() -> None:
    assert peak_memory_bytes(nn.Identity(), (10,)) == 10 * FLOAT


def test_weights_are_not_part_of_the_peak() -> None:
    assert peak_memory_bytes(nn.Linear(100, 3, bias=False), (100,)) == 103 * FLOAT


def test_an_impossible_input_is_an_error_that_names_the_shape() -> None:
    with pytest.raises(EvaluationError, match=r"shape \(1, 3, 8, 8\)"):
        peak_memory_bytes(Residual(), (3, 8, 8))


def unit(inputs: int, outputs: int, groups: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups), nn.BatchNorm2d(outputs), nn.ReLU()]


def test_int8_takes_a_byte_a_value_and_folds_what_goes_value_by_value() -> None:
    chain = nn.Sequential(*unit(2, 4), *unit(4, 16), *unit(16, 1))
    assert peak_memory_bytes(chain, (2, 8, 8)) == (16 + 16) * PIXELS * FLOAT  # convolution and normalisation
    assert peak_memory_int8_bytes(chain, (2, 8, 8)) == (4 + 16) * PIXELS
    assert peak_memory_int8_bytes(nn.Sequential(*unit(2, 4), nn.ReLU6(inplace=True)), (2, 8, 8)) == 6 * PIXELS


def test_int8_folds_nothing_into_what_is_read_again_or_was_given() -> None:
    class Kept(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made = self.conv(x)
            return made + torch.relu(made)  # `made` is read after the activation: three tensors

    assert peak_memory_int8_bytes(Kept(), (4, 8, 8)) == 3 * 4 * PIXELS
    assert peak_memory_int8_bytes(nn.ReLU(), (4, 8, 8)) == 2 * 4 * PIXELS


def test_int8_residuals_and_concatenations_hold_what_they_hold() -> None:
    assert peak_memory_int8_bytes(Residual(), (4, 8, 8)) == 16 * PIXELS
    assert peak_memory_int8_bytes(Concatenation(), (4, 8, 8)) == 32 * PIXELS


def test_indices_keep_their_size() -> None:
    class Chosen(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.gather(1, x.argsort(1))

    # x and its gathered values as bytes, the order as int64
    assert peak_memory_int8_bytes(Chosen(), (10,)) == 10 + 8 * 10 + 10


def test_mobilenet_v2_takes_what_mcunet_v2_publishes_for_it() -> None:
    """Lin et al. 2021, "MCUNetV2", figure 1: 1,372 KiB. Their engine overwrites the input of depthwise convolutions."""
    with torch.device("meta"):
        model = NETWORKS["MobileNetV2"]()
    assert peak_memory_int8_bytes(model, INPUT, in_place_depthwise=True) == 1372 * 1024
    assert peak_memory_int8_bytes(model, INPUT) == 1470 * 1024  # 98 KiB more: the output of the first of these


class Drawn(nn.Module):
    """A graph of 1×1 convolutions, activations, sums and concatenations, written as (operation, nodes read, width)."""

    def __init__(self, plan: list[tuple[str, list[int], int]]) -> None:
        super().__init__()
        self.plan, widths, layers = plan, [3], []
        for operation, read, width in plan:
            inputs = widths[read[0]]
            layers.append(nn.Conv2d(inputs, width, 1) if operation in ("conv", "sum") else nn.Identity())
            widths.append({"cat": sum(widths[i] for i in read), "relu": inputs}.get(operation, width))
        self.layers = nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = [x]
        for (operation, read, _), layer in zip(self.plan, self.layers, strict=True):
            if operation == "cat":
                nodes.append(torch.cat([nodes[i] for i in read], 1))
            elif operation == "relu":
                nodes.append(torch.relu(nodes[read[0]]))
            else:
                made = layer(nodes[read[0]])
                nodes.append(made + made.mean() if operation == "sum" else made)
        return nodes[-1]


@st.composite
def plans(draw: st.DrawFn) -> list[tuple[str, list[int], int]]:
    plan: list[tuple[str, list[int], int]] = []
    for node in range(draw(st.integers(1, 8))):
        operation = draw(st.sampled_from(("conv", "cat", "relu", "sum")))
        count = draw(st.integers(1, 3)) if operation == "cat" else 1
        plan.append((operation, [draw(st.integers(0, node)) for _ in range(count)], draw(st.integers(1, 9))))
    return plan


def scheduled_peak(model: nn.Module, example: torch.Tensor) -> int:
    """The peak by another way: symbolic trace, shapes by running it, values freed one by one at their last user."""
    graph = fx.symbolic_trace(model)
    fx.passes.shape_prop.ShapeProp(graph).propagate(example)
    nodes = [node for node in graph.graph.nodes if "tensor_meta" in node.meta and node.op != "output"]
    size = {node: node.meta["tensor_meta"].shape.numel() * FLOAT for node in nodes}
    uses = {node: len(node.users) for node in nodes}
    alive = {node: size[node] for node in nodes if node.op == "placeholder" and uses[node]}
    peak = sum(alive.values())
    for node in (node for node in nodes if node.op != "placeholder"):
        if uses[node]:  # what nobody reads takes none
            alive[node] = size[node]
        peak = max(peak, sum(alive.values()))
        for read in node.all_input_nodes:
            uses[read] -= 1
            if not uses[read]:
                alive.pop(read, None)
    return peak


@given(plan=plans())
@settings(max_examples=40, deadline=None)
def test_any_graph_has_the_peak_that_a_scheduler_finds_which_frees_value_by_value(
    plan: list[tuple[str, list[int], int]],
) -> None:
    model = Drawn(plan).eval()
    assert peak_memory_bytes(model, (3, 4, 4)) == scheduled_peak(model, torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize("name", ["SqueezeNet 1.1", pytest.param("MobileNetV2", marks=pytest.mark.slow)])
def test_real_tensors_take_what_was_predicted(name: str) -> None:
    model = NETWORKS[name]().eval()
    live, allocated = torch_peak_bytes(model, INPUT)
    assert peak_memory_bytes(Holding(model), INPUT) == pytest.approx(live, rel=0.01)
    assert allocated >= live  # kernels take scratch memory on top


class Reading(nn.Module):
    """Attention over tokens (n, tokens, width), in PyTorch's own module or by its function."""

    def __init__(self, width: int, spelled_out: bool) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(width, 2, batch_first=True)
        self.spelled_out = spelled_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        read: torch.Tensor = self.heads(x, x, x, need_weights=self.spelled_out)[0]
        return read


def test_attention_holds_no_scores_unless_the_model_spells_it_out() -> None:
    tokens, width = 64, 4
    fused, spelled_out = (peak_memory_bytes(Reading(width, out), (tokens, width)) for out in (False, True))
    assert fused < FLOAT * 2 * tokens * tokens < spelled_out, "scores of two heads"
    assert peak_memory_int8_bytes(Reading(width, False), (tokens, width)) > 2 * tokens * tokens


def test_real_attention_takes_what_was_predicted() -> None:
    model = nn.Sequential(attention(8, 2), nn.Linear(8, 8)).eval()
    live, _ = torch_peak_bytes(model, (64, 8))
    assert peak_memory_bytes(Holding(model), (64, 8)) == pytest.approx(live, rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif(not can_measure_processes(), reason="the system does not let a process forget its peak")
@pytest.mark.parametrize("name", ["ResNet-18", "SqueezeNet 1.1", "MobileNetV2", "MobileNetV3-Large"])
def test_onnx_runtime_grows_by_what_was_predicted_within_5_percent(name: str) -> None:
    pytest.importorskip("onnxruntime")
    model = NETWORKS[name]().eval()
    folded = FLOAT * peak_memory_int8_bytes(Holding(model), INPUT)
    assert folded == pytest.approx(onnx_peak_bytes(model, INPUT), rel=0.05)
