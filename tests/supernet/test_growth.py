"""Every edit that can keep the function keeps it: relative 1e-5 in float32, 1e-10 in float64."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

import searchitect as sa
import searchitect.nn as sn
from searchitect.seeding import stream
from searchitect.spaces import SearchSpace
from searchitect.supernet.growth import inherit


def unit(before, after, kernel=3, norm="batch", activation="relu", kind="plain"):
    return sn.conv_unit(before, after, kernel, norm=norm, activation=activation, kind=kind)


def network(*widths, kernel=3, norm="batch", activation="relu", kind="plain"):
    pairs = zip((3, *widths), widths, strict=False)
    units = [unit(a, b, kernel, norm, activation, kind) for a, b in pairs]
    return nn.Sequential(*units, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(widths[-1] * 16, 5))


def trained(model, seed=0):
    """Weights and statistics of which none is special."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator) / max(1, tensor[:1].numel()) ** 0.5
                is_positive = name == "running_var" or (name == "weight" and tensor.dim() == 1)
                tensor.data.copy_(drawn.abs() + 0.5 if is_positive else drawn)
    return model


IMAGES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(5))

EDITS = {
    "wider": (network(8, 12), network(13, 12)),
    "wider everywhere": (network(8, 12), network(16, 31)),
    "wider, plain activations": (network(8, 12, activation="gelu"), network(11, 29, activation="gelu")),
    "wider, layer normalisation": (network(8, 12, norm="layer"), network(16, 36, norm="layer")),
    "wider, group normalisation": (network(8, 16, norm="group"), network(16, 32, norm="group")),
    "wider, RMS normalisation": (network(8, 16, norm="rms"), network(16, 32, norm="rms")),
    "wider, separable": (network(8, 12, kind="separable"), network(12, 30, kind="separable")),
    "deeper": (network(8, 12), network(8, 8, 12)),
    "deeper at the end": (network(8, 12), network(8, 12, 12)),
    "deeper, separable": (network(8, 12, kind="separable"), network(8, 12, 12, kind="separable")),
    "deeper and wider at once": (network(8, 12), network(8, 12, 20)),
    "larger kernel": (network(8, 12, kernel=3), network(8, 12, kernel=7)),
    "larger even kernel": (network(8, 12, kernel=2), network(8, 12, kernel=4)),
    "kernel from 1": (network(8, 12, kernel=1), network(8, 12, kernel=5)),
    "all together": (network(8, 12), network(10, 12, 17, kernel=5)),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_an_edit_keeps_the_function(edit, dtype, tolerance):
    parent, child = (copy.deepcopy(model).to(dtype).eval() for model in EDITS[edit])
    trained(parent)
    x = IMAGES.to(dtype)
    report = inherit(parent, child, x)
    assert report.preserved
    assert not report.fresh
    with torch.no_grad():
        wanted, given = parent(x), child(x)
        other = torch.randn(8, 3, 8, 8, dtype=dtype)  # not only where it was looked at
        assert (given - wanted).abs().max() <= tolerance * wanted.abs().max()
        assert (child(other) - parent(other)).abs().max() <= tolerance * parent(other).abs().max()


def test_growth_is_repeated_and_composed():
    models = [network(8, 12), network(12, 12), network(12, 12, 18, kernel=5), network(12, 20, 30, kernel=7)]
    trained(models[0])
    for parent, child in pairwise(models):
        assert inherit(parent, child, IMAGES).preserved
    first, last = models[0].eval()(IMAGES), models[-1].eval()(IMAGES)
    assert (last - first).abs().max() <= 1e-5 * first.abs().max()


class Block(nn.Module):
    def __init__(self, width, shortcut=None):
        super().__init__()
        self.body = nn.Sequential(unit(width, width), unit(width, width, activation="identity"))
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def residual(width, blocks, **more):
    rest = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5)]
    return nn.Sequential(unit(3, width), *[Block(width, **more) for _ in range(blocks)], *rest)


@pytest.mark.parametrize(("before", "after"), [((8, 1), (8, 3)), ((8, 2), (13, 2)), ((8, 1), (12, 2))])
def test_residual_networks_grow_in_width_and_depth(before, after):
    parent, child = trained(residual(*before)), residual(*after)
    assert inherit(parent, child, IMAGES).preserved


def test_a_branch_more_is_silent_at_first():
    parent, child = trained(residual(8, 1)), residual(8, 1)
    child[1].shortcut = nn.Identity()
    child[1].body = sn.Residual(child[1].body, sn.conv_unit(8, 8, 3, activation="identity"), nn.Identity())
    report = inherit(parent, child, IMAGES)
    assert report.preserved
    assert report.neutral


def test_a_skip_behind_a_gate_is_silent_at_first():
    def model(with_skip):
        body = unit(8, 8)
        return nn.Sequential(
            unit(3, 8),
            sn.Residual(body, sn.ZeroGate(), nn.Identity()) if with_skip else body,
            nn.Flatten(),
            nn.Linear(8 * 64, 5),
        )

    parent, child = trained(model(False)), model(True)
    report = inherit(parent, child, IMAGES)
    assert report.preserved
    assert report.neutral == ("1.shortcut",)
    assert torch.equal(child[1].shortcut.gate, torch.zeros(()))


class Dense(nn.Module):
    """Concatenation, a shuffle and a loop: nothing that names its layers' channels."""

    def __init__(self, width, layers):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6 + width * index, width) for index in range(layers))
        self.head = nn.Linear(6 + width * layers, 4)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([torch.tanh(layer(x)).flip(1), x], 1)
        return self.head(x)


def test_concatenations_and_permutations_are_followed():
    rows = torch.randn(32, 6)
    parent, child = trained(Dense(5, 3)), Dense(9, 3)
    assert inherit(parent, child, rows).preserved


def test_a_layer_more_of_a_dense_network_is_not_read_at_first():
    rows = torch.randn(32, 6)
    parent, child = trained(Dense(5, 2)), Dense(5, 3)
    assert inherit(parent, child, rows).preserved


def test_narrowing_undoes_widening():
    first, wide, back = trained(network(8, 12)), network(16, 31), network(8, 12)
    assert inherit(first, wide, IMAGES).preserved
    assert inherit(wide, back, IMAGES).preserved
    wanted, given = first.eval()(IMAGES), back.eval()(IMAGES)
    assert (given - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_narrowing_keeps_what_matters():
    parent, child = trained(network(8, 12, norm="none")), network(5, 12, norm="none")
    with torch.no_grad():
        parent[0][0].weight[[1, 4, 6]] = 0.0  # channels that do nothing
        parent[0][0].bias[[1, 4, 6]] = 0.0
    report = inherit(parent, child, IMAGES)
    assert report.preserved
    assert torch.equal(child[0][0].weight, parent[0][0].weight[[0, 2, 3, 5, 7]])


@pytest.mark.parametrize(
    "edit",
    [
        (network(8, 12), network(8, 12, activation="tanh")),
        (network(8, 12, activation="tanh"), network(8, 12, 12, activation="tanh")),
        (network(8, 12, kernel=5), network(8, 12, kernel=3)),
        (network(8, 12, norm="layer"), network(13, 12, norm="layer")),
    ],
    ids=["another activation", "deeper behind tanh", "smaller kernel", "unequal copies under layer normalisation"],
)
def test_what_cannot_keep_the_function_says_so_and_inherits_what_fits(edit):
    parent, child = trained(edit[0]), edit[1]
    report = inherit(parent, child, IMAGES)
    assert not report.preserved
    assert report.difference > 1e-4
    assert len(report.copied) >= 5
    assert torch.equal(child[-1].bias, parent[-1].bias)


def test_a_supposed_equality_of_nearly_constant_models_is_not_claimed():
    parent, child = network(8, 12, kind="plain"), network(8, 12, kind="separable")
    with torch.no_grad():
        parent[-1].weight.mul_(1e-7)
    assert not inherit(parent, child, IMAGES).preserved


def test_the_parent_stays_as_it_was_and_modes_are_kept():
    parent, child = trained(network(8, 12)).train(), network(8, 16).train()
    before = copy.deepcopy(parent.state_dict())
    inherit(parent, child, IMAGES)
    assert all(torch.equal(value, before[name]) for name, value in parent.state_dict().items())
    assert all(module.training for module in child.modules())


class Shifted(nn.Module):
    """Calculates in float32, whatever its weights are."""

    def forward(self, x):
        return (x.permute(0, 2, 3, 1) @ torch.eye(x.shape[1], dtype=torch.float32)).permute(0, 3, 1, 2)


def test_a_forward_of_its_own_precision_is_grown_in_that():
    parent, child = (nn.Sequential(unit(3, width), Shifted(), network(8, 8)[3:]) for width in (8, 16))
    child[2][1] = nn.Linear(16 * 64, 5)
    parent[2][1] = nn.Linear(8 * 64, 5)
    report = inherit(trained(parent), child, IMAGES)
    assert report.preserved
    assert 0 < report.difference < 1e-4


def test_noise_lets_copies_part_and_is_drawn_from_the_seed():
    def grown(noise, seed):
        torch.manual_seed(0)
        parent, child = trained(network(8, 12)), network(16, 12)
        inherit(parent, child, IMAGES, noise=noise, seed=seed)
        return child[0][0].weight

    assert torch.equal(grown(0.0, 0)[0], grown(0.0, 0)[1])
    noisy = grown(0.01, 1)
    assert 0 < (noisy[0] - noisy[1]).abs().max() < 0.1
    assert torch.equal(noisy, grown(0.01, 1))
    assert not torch.equal(noisy, grown(0.01, 2))


def test_new_batch_normalisations_keep_the_function_with_statistics_of_the_data():
    parent, child = trained(network(8, 12)), network(8, 12, 12)
    inherit(parent, child, IMAGES)
    with torch.no_grad():
        read = parent.eval()[:2](IMAGES)
    assert torch.allclose(child[2][1].running_mean, read.mean((0, 2, 3)), atol=1e-5)


FAMILIES = {"plain_cnn": (1, 8, 8), "resnet": (1, 8, 8), "mlp": (12,)}
GROWING = {"width", "depth", "kernel", "stem"}


@pytest.mark.parametrize("family", FAMILIES)
def test_moves_of_the_catalogue_that_widen_or_enlarge_a_kernel_keep_the_function(family):
    space, spec = SearchSpace.of(sa.catalog.get(family)), sa.TaskSpec(FAMILIES[family], 4)
    rng, kept = stream(3, "moves"), []
    for _ in range(200):
        parent = space.sample(rng)
        child = space.mutate(parent, rng)
        (path,) = [p for p in parent if child.get(p) != parent[p]][:1]
        grows = path.split(".")[-1] in GROWING - {"depth"} and child[path] > parent[path]
        if not grows or parent.get("wiring") == "residual":  # there a width also changes the projections
            continue
        if parent.get("normalisation") == "layer" and child[path] % parent[path]:
            continue
        torch.manual_seed(0)
        models = space.build(parent, spec), space.build(child, spec)
        report = inherit(trained(models[0]), models[1], torch.randn(8, *spec.inputs))
        kept.append(report.preserved)
        assert report.preserved, (path, parent, child, report)
        if len(kept) == 6:
            return
    raise AssertionError(f"only {len(kept)} growing moves were drawn")


@pytest.mark.parametrize(("family", "decision"), [("plain_cnn", "stages.0.depth"), ("resnet", "stages.1.depth")])
def test_moves_of_the_catalogue_that_deepen_keep_the_function(family, decision):
    space, spec = SearchSpace.of(sa.catalog.get(family)), sa.TaskSpec(FAMILIES[family], 4)
    parent = space.read({"decisions": dict(space.default().decisions) | {decision: 1}})
    child = space.read({"decisions": dict(parent.decisions) | {decision: 3}})
    models = space.build(parent, spec), space.build(child, spec)
    report = inherit(trained(models[0]), models[1], torch.randn(8, *spec.inputs))
    assert report.preserved
    assert report.neutral
