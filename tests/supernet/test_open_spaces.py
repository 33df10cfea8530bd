"""Any space that is written with sa.nn builds open: random spaces, random architectures, equal outputs."""

import random

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import nn

import searchitect as sa
from searchitect.nn import (
    activation,
    chain,
    classifier,
    connect,
    conv,
    conv_unit,
    depthwise_conv,
    merge,
    norm,
    number_where,
    present,
)
from searchitect.spaces import make_space
from searchitect.supernet import open_build
from tests.supernet.spaces import Plain, Separable, Skip

SPEC = sa.TaskSpec((3, 8, 8), 4)
VECTOR = sa.TaskSpec((6,), 3, domain="tabular")


def relative(first, second):
    return float((first - second).abs().max() / second.abs().max().clamp_min(1e-12))


def agree(space, spec=SPEC, samples=8, seed=0, tolerance=1e-5, double=False):
    """Build open, move the weights, and compare random architectures both ways."""
    supernet = open_build(space, spec).eval()
    draw, rng = torch.Generator().manual_seed(0), random.Random(seed)
    with torch.no_grad():
        for tensor in [*supernet.parameters(), *supernet.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=draw), alpha=0.1)
    dtype = torch.float64 if double else torch.float32
    supernet.to(dtype)
    x = torch.randn(2, *spec.inputs, generator=draw, dtype=dtype)
    for _ in range(samples):
        architecture = supernet.space.sample(rng)
        subnet = supernet.extract(architecture)
        with torch.no_grad():
            assert relative(supernet(x), subnet(x)) <= tolerance, architecture
    return supernet


# A small grammar of spaces. Every made space has build(channels) and gives as many channels as it read.


def leaf(draw):
    kernel = sa.choice(*draw(st.sampled_from([(1, 3), (3, 5, 7), (3,)])))
    fields = {"kernel": kernel}
    kind = draw(st.sampled_from(["plain", "depthwise", "unit", "expanded"]))
    if kind in ("unit", "expanded"):
        fields["activation"] = sa.choice("relu", "prelu", "gelu")
        fields["norm"] = sa.choice("batch", "none", "group", "rms")
    if kind == "expanded":
        fields["ratio"] = draw(st.sampled_from([sa.choice(1, 2, 3), sa.integer(1, 4), sa.real(1.0, 2.0)]))

    def build(self, channels):
        if kind == "plain":
            return conv(channels, channels, self.kernel)
        if kind == "depthwise":
            return depthwise_conv(channels, self.kernel)
        if kind == "unit":
            return conv_unit(channels, channels, self.kernel, norm=self.norm, activation=self.activation)
        hidden = round(channels * self.ratio)
        return nn.Sequential(
            conv_unit(channels, hidden, self.kernel, norm=self.norm, activation=self.activation),
            conv(hidden, channels, 1),
        )

    return make_space(name_of(draw), fields, {"build": build})


def choice_of(draw, depth):
    options = [block(draw, depth - 1) for _ in range(draw(st.integers(2, 3)))]

    def build(self, channels):
        return self.option.build(channels)

    return make_space(name_of(draw), {"option": sa.choice(*options)}, {"build": build})


def repeat_of(draw, depth):
    low = draw(st.integers(0, 1))
    item, high = block(draw, depth - 1), low + draw(st.integers(1, 2))

    def build(self, channels):
        return nn.Sequential(*[one.build(channels) for one in self.items])

    return make_space(name_of(draw), {"items": sa.repeat(item, low, high)}, {"build": build})


def optional_of(draw, depth):
    item = block(draw, depth - 1)
    declared = sa.optional(sa.repeat(item, 1, 2)) if draw(st.booleans()) else sa.optional(item)

    def build(self, channels):
        parts = [conv(channels, channels, 1)]
        if self.extra is not None:
            several = self.extra if isinstance(self.extra, tuple) else (self.extra,)
            parts += [one.build(channels) for one in several]
        return nn.Sequential(*parts)

    return make_space(name_of(draw), {"extra": declared}, {"build": build})


def residual_of(draw, depth):
    item = block(draw, depth - 1)

    def build(self, channels):
        return sa.nn.Residual(self.inner.build(channels), nn.Identity(), activation("relu"))

    return make_space(name_of(draw), {"inner": sa.nested(item)}, {"build": build})


def chained(draw, depth):
    def build(self, channels):
        return chain(self.count, lambda index: conv(channels, channels, 3, bias=index == 0))

    return make_space(name_of(draw), {"count": sa.integer(1, 3)}, {"build": build})


def block(draw, depth):
    if depth == 0:
        return leaf(draw)
    kinds = [leaf, choice_of, repeat_of, optional_of, residual_of, chained]
    made = draw(st.sampled_from(kinds))
    return made(draw) if made is leaf else made(draw, depth)


def name_of(draw):
    return "S" + str(draw(st.integers(0, 10**9)))


@st.composite
def spaces(draw):
    inner = block(draw, draw(st.integers(1, 3)))
    stem = sa.choice(4, 6, 8)

    def build(self, task):
        parts = [conv(task.inputs[0], self.stem, 3), self.body.build(self.stem), norm("batch", self.stem)]
        return nn.Sequential(*parts, classifier((self.stem, *task.inputs[1:]), task.outputs))

    return make_space("Made", {"stem": stem, "body": sa.nested(inner)}, {"build": build})


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(space=spaces())
def test_random_spaces_build_open_and_agree(space):
    agree(space, samples=5)


@settings(max_examples=6, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(space=spaces())
def test_random_spaces_agree_to_ten_digits_in_double_precision(space):
    agree(space, samples=4, tolerance=1e-10, double=True)


def test_recursion_is_opened_to_its_limit():
    @sa.space
    class Tree:
        left: object = sa.choice(Plain, sa.recursive("Tree", depth=3))
        right: object = sa.optional(sa.recursive("Tree", depth=3))

        def build(self, task_or_channels):
            channels = getattr(task_or_channels, "inputs", (task_or_channels,))[0]
            parts = [self.left.build(channels)]
            if self.right is not None:
                parts.append(self.right.build(channels))
            return nn.Sequential(*parts)

    agree(Tree, samples=15)


def test_elements_may_want_several_arguments():
    @sa.space
    class Stage:
        kernel: int = sa.choice(3, 5)

        def build(self, inputs, outputs, *, stride):
            return conv(inputs, outputs, self.kernel, stride=stride)

    @sa.space
    class Staged:
        width: int = sa.choice(4, 8)
        stages: tuple[Stage, ...] = sa.repeat(Stage, 2, 3)

        def build(self, task):
            channels, parts = task.inputs[0], []
            for place, stage in enumerate(self.stages):
                parts.append(stage.build(channels, self.width, stride=2 if place == 1 else 1))
                channels = self.width
            return nn.Sequential(*parts)

    agree(Staged)


def test_options_may_share_numbers_and_other_methods():
    @sa.space
    class Narrow:
        width: int = sa.choice(2, 4)

        def outputs(self, channels):
            return self.width

        def build(self, channels):
            return conv(channels, self.width, 3)

    @sa.space
    class Doubled:
        width: int = sa.choice(1, 3)

        def outputs(self, channels):
            return 2 * self.width

        def build(self, channels):
            return conv(channels, 2 * self.width, 1)

    @sa.space
    class Sharing:
        option: Narrow | Doubled = sa.choice(Narrow, Doubled)

        def build(self, task):
            wide = self.option.outputs(3) + self.option.width
            return nn.Sequential(self.option.build(3), conv(self.option.outputs(3), wide, 1), norm("batch", wide))

    supernet = agree(Sharing)
    widths = {tuple(a.decisions.values()): supernet.extract(a)[1].out_channels for a in supernet.space.enumerate()}
    assert widths == {
        ("Narrow", 2): 4,
        ("Narrow", 4): 8,
        ("Doubled", 1): 3,
        ("Doubled", 3): 9,
    }


def test_options_that_are_classes_are_called():
    @sa.space
    class Called:
        make: object = sa.choice(nn.Tanh, nn.Sigmoid)

        def build(self, task):
            return nn.Sequential(conv(3, 4, 3), self.make())

    agree(Called)


def test_what_is_gated_counts_only_where_it_is_there():
    @sa.space
    class Depth:
        count: int = sa.choice(1, 2)

        def build(self, channels):
            return chain(self.count, lambda index: conv(channels, channels, 1))

    @sa.space
    class Counted:
        parts: tuple[Depth, ...] = sa.repeat(Depth, 1, 3)

        def build(self, task):
            total = sum(number_where(present(part), part.count) for part in self.parts)
            return nn.Sequential(*[part.build(3) for part in self.parts], conv(3, total, 1))

    supernet = agree(Counted, samples=20)
    rng = random.Random(3)
    for _ in range(10):
        architecture = supernet.space.sample(rng)
        counts = [architecture[f"parts.{n}.count"] for n in range(architecture["parts.length"])]
        assert supernet.extract(architecture)[-1].out_channels == sum(counts)


class Reading(nn.Module):
    """Three nodes, of which some are read."""

    def __init__(self, inputs, how):
        super().__init__()
        self.inputs, self.how = inputs, how
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))

    def forward(self, x):
        return merge([layer(x) for layer in self.layers], self.inputs, self.how)


def reading(how):
    @sa.space
    class Wired:
        inputs: tuple[int, ...] = sa.subset(range(3), 1, 3)

        def build(self, task):
            return Reading(self.inputs, how)

    return Wired


@pytest.mark.parametrize("how", ["sum", "mean"])
def test_a_subset_is_read_when_forward_runs(how):
    supernet = agree(reading(how), VECTOR)
    x = torch.randn(2, 6)
    outputs = [layer(x) for layer in supernet.body.layers]
    for architecture in supernet.space.enumerate():
        supernet.activate(architecture)
        chosen = [outputs[i] for i in architecture["inputs"]]
        expected = sum(chosen) / (len(chosen) if how == "mean" else 1)
        assert torch.allclose(supernet(x), expected, atol=1e-6)


def test_a_subset_can_be_weighted_as_in_partial_connections():
    supernet = open_build(reading("sum"), VECTOR)
    weights = torch.tensor([0.2, 0.5, 0.3], requires_grad=True)
    supernet.selection.weights["inputs"] = weights
    x = torch.randn(2, 6)
    result = supernet(x)
    expected = sum(w * layer(x) for w, layer in zip(weights, supernet.body.layers, strict=True))
    assert torch.allclose(result, expected, atol=1e-6)
    result.sum().backward()
    assert int((weights.grad != 0).sum()) == 3


def test_sparse_connections_read_open_subsets():
    @sa.space
    class Node:
        width: int = sa.choice(3, 5)

        def build(self, features):
            return sa.nn.fully_connected_unit(features, self.width)

    @sa.space
    class Sparse:
        nodes: tuple[Node, ...] = sa.repeat(Node, 3, 3)
        second: tuple[int, ...] = sa.subset(range(2), 1, 2)
        third: tuple[int, ...] = sa.subset(range(3), 1, 2)

        def build(self, task):
            builders = [lambda shape, node=node: node.build(shape[0]) for node in self.nodes]
            sources = [(0,), self.second, self.third]
            body = connect(builders, "sparse", shape=task.inputs, sources=sources)
            return nn.Sequential(body, classifier(body.shape, task.outputs))

    agree(Sparse, VECTOR, samples=25)


@pytest.mark.parametrize("size", [8, 12, 17])
def test_a_supernet_reads_inputs_of_other_sizes_as_its_subnets_do(size):
    @sa.space
    class Convolutional:
        width: int = sa.choice(4, 8)
        kernel: int = sa.choice(3, 5)
        block: Skip | Separable = sa.choice(Skip, Separable)

        def build(self, task):
            parts = [conv_unit(3, self.width, self.kernel, stride=2), self.block.build(self.width)]
            return nn.Sequential(*parts, classifier((self.width, *task.inputs[1:]), task.outputs))

    supernet = open_build(Convolutional, SPEC).eval()
    x, rng = torch.randn(2, 3, size, size), random.Random(1)
    for _ in range(6):
        subnet = supernet.extract(supernet.space.sample(rng))
        with torch.no_grad():
            assert relative(supernet(x), subnet(x)) <= 1e-5


def test_the_resolution_of_the_inputs_may_be_open():
    @sa.space
    class Scaled:
        resolution: int = sa.choice(4, 6, 8)
        width: int = sa.choice(4, 8)

        def build(self, task):
            parts = [sa.nn.to_resolution(self.resolution), conv_unit(3, self.width, 3, stride=2)]
            return nn.Sequential(*parts, classifier((self.width, self.resolution, self.resolution), task.outputs))

    agree(Scaled, SPEC)
    supernet = open_build(Scaled, SPEC)
    supernet.activate(sa.Architecture.of(Scaled(resolution=6, width=4)))
    assert supernet.body[1](supernet.body[0](torch.randn(2, *SPEC.inputs))).shape == (2, 4, 3, 3)
