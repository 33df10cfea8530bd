"""Every layer of open size is, sliced, the plain layer with copied weights; gradients touch what is active."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_model, save_model

from searchitect import nn
from searchitect.errors import SpaceError
from searchitect.nn.elastic import active_leaves, slice_into
from searchitect.spaces.open_values import OpenNumber, OpenOption, Selection


def numbers(selection: Selection, **candidates: tuple[float, ...]) -> dict[str, OpenNumber]:
    return {
        name: OpenNumber(selection, (name,), lambda values, name=name: values[name], values, domains={name: values})
        for name, values in candidates.items()
    }


# Name: (factory of numbers, options of its numbers, shape of the input from numbers)
LAYERS = {
    "linear": (nn.fully_connected, {"i": (3, 5), "o": (2, 4, 7)}, lambda i, o: (i,)),
    "linear without bias": (lambda o: nn.fully_connected(4, o, bias=False), {"o": (2, 5)}, lambda o: (4,)),
    "conv 1d": (
        lambda i, o, k: nn.conv(i, o, k, dims=1),
        {"i": (2, 4), "o": (3, 6), "k": (3, 5)},
        lambda i, o, k: (i, 9),
    ),
    "conv 2d": (nn.conv, {"i": (2, 4), "o": (3, 6), "k": (1, 3, 5)}, lambda i, o, k: (i, 7, 6)),
    "conv 3d": (lambda o, k: nn.conv(2, o, k, dims=3), {"o": (3, 4), "k": (1, 3)}, lambda o, k: (2, 4, 5, 4)),
    "even kernel": (lambda k: nn.conv(2, 3, k), {"k": (2, 3, 4)}, lambda k: (2, 6, 6)),
    "stride": (lambda o, s: nn.conv(3, o, 3, stride=s), {"o": (2, 4), "s": (1, 2, 3)}, lambda o, s: (3, 7, 8)),
    "dilation": (lambda d: nn.dilated_conv(3, 4, 3, dilation=d), {"d": (1, 2, 3)}, lambda d: (3, 9, 9)),
    "groups": (lambda i, g: nn.conv(i, 8, 3, groups=g), {"i": (4, 8), "g": (1, 2, 4)}, lambda i, g: (i, 5, 5)),
    "fitting groups": (
        lambda i, o, g: nn.grouped_conv(i, o, 3, groups=g),
        {"i": (4, 6), "o": (6, 8), "g": (1, 3, 4)},
        lambda i, o, g: (i, 5, 5),
    ),
    "depthwise": (nn.depthwise_conv, {"c": (2, 5), "k": (3, 5, 7)}, lambda c, k: (c, 8, 8)),
    "separable": (
        lambda i, o, k: nn.separable_conv(i, o, k, stride=2),
        {"i": (2, 4), "o": (3, 6), "k": (3, 5)},
        lambda i, o, k: (i, 8, 8),
    ),
    "batch norm": (lambda c: nn.norm("batch", c), {"c": (2, 3, 6)}, lambda c: (c, 4, 4)),
    "layer norm": (lambda c: nn.norm("layer", c, dims=0), {"c": (2, 3, 6)}, lambda c: (c,)),
    "layer norm of maps": (lambda c: nn.norm("layer", c), {"c": (2, 3, 6)}, lambda c: (c, 4, 4)),
    "rms norm": (lambda c: nn.norm("rms", c), {"c": (2, 3, 6)}, lambda c: (c, 4, 4)),
    "group norm": (lambda c: nn.norm("group", c), {"c": (4, 6, 12)}, lambda c: (c, 4, 4)),
    "instance norm": (lambda c: nn.norm("instance", c), {"c": (2, 6)}, lambda c: (c, 4, 4)),
    "embedding of widths": (lambda w: nn.embedding(11, w), {"w": (2, 5)}, lambda w: None),
    "dropout": (nn.dropout, {"r": (0.0, 0.5)}, lambda r: (6,)),
    "drop path": (nn.drop_path, {"r": (0.0, 0.5)}, lambda r: (6,)),
    "max pool": (nn.max_pool, {"k": (1, 2, 3)}, lambda k: (2, 7, 7)),
    "strided pool": (nn.average_pool, {"k": (2, 3), "s": (1, 2)}, lambda k, s: (2, 7, 7)),
    "padded shortcut": (lambda m: nn.PaddedShortcut(m, 2), {"m": (0, 3)}, lambda m: (2, 5, 5)),
    "adapted maps": (lambda i, o: nn.adapt((i, 8, 8), (o, 4, 4)), {"i": (3, 5), "o": (3, 4)}, lambda i, o: (i, 8, 8)),
    "adapted sizes": (lambda n: nn.adapt((3, n, n), (3, 5, 5)), {"n": (5, 7, 8, 10)}, lambda n: (3, n, n)),
    "adapted vectors": (lambda i, o: nn.adapt((i,), (o,)), {"i": (3, 5), "o": (3, 4)}, lambda i, o: (i,)),
    "map to vector": (lambda i, o: nn.adapt((i, 4, 4), (o,)), {"i": (3, 5), "o": (3, 4)}, lambda i, o: (i, 4, 4)),
    "join": (
        lambda a, b: OneInput(nn.Join([(a, 4, 4), (b, 2, 2)]), a, b),
        {"a": (3, 4), "b": (2, 4)},
        lambda a, b: (a + b, 4, 4),
    ),
    "unit": (
        lambda i, o, k: nn.conv_unit(i, o, k, activation="prelu"),
        {"i": (2, 3), "o": (2, 4), "k": (3, 5)},
        lambda i, o, k: (i, 6, 6),
    ),
}


class OneInput(torch.nn.Module):
    """A join that cuts its two inputs out of one."""

    def __init__(self, join, first, second):
        super().__init__()
        self.join, self.first, self.second = join, first, second

    def forward(self, x):
        first, second = (n.now if isinstance(n, OpenNumber) else n for n in (self.first, self.second))
        return self.join([x[:, :first], x[:, first : first + second, ::2, ::2]])


def example(shape, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 11, (3, 4), generator=draw) if shape is None else torch.randn(3, *shape, generator=draw)


def every_choice(candidates):
    chosen = [{}]
    for name, values in candidates.items():
        chosen = [{**one, name: value} for one in chosen for value in values]
    return chosen


def moved(module):
    """The module with all weights and statistics away from where they start."""
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=draw), alpha=0.3)
    return module


def sliced(shared, plain):
    mine, theirs = list(active_leaves(shared)), list(active_leaves(plain))
    assert len(mine) == len(theirs)
    for source, target in zip(mine, theirs, strict=True):
        slice_into(source, target)
    return plain


@pytest.mark.parametrize("name", LAYERS)
def test_a_sliced_layer_is_the_plain_one_with_copied_weights(name, tmp_path):
    make, candidates, shape = LAYERS[name]
    selection = Selection()
    shared = moved(make(*numbers(selection, **candidates).values()).eval())
    for choice in every_choice(candidates):
        selection.values = choice
        plain = sliced(shared, make(*choice.values()).eval())
        x = example(shape(*choice.values()))
        with torch.no_grad():
            ours, alone = shared(x), plain(x)
        assert ours.shape == alone.shape
        assert torch.allclose(ours, alone, rtol=1e-6, atol=1e-6)
        if any(True for _ in plain.parameters()):
            save_model(plain, tmp_path / "weights.safetensors")
            again = make(*choice.values()).eval()
            load_model(again, tmp_path / "weights.safetensors")
            with torch.no_grad():
                assert torch.equal(again(x), alone)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_the_plain_layer_and_touch_nothing_else(name):
    make, candidates, shape = LAYERS[name]
    selection = Selection()
    shared = moved(make(*numbers(selection, **candidates).values()).eval())
    for choice in every_choice(candidates)[:: max(len(every_choice(candidates)) // 3, 1)]:
        selection.values = choice
        plain = sliced(shared, make(*choice.values()).eval())
        x = example(shape(*choice.values()))
        shared.zero_grad()
        ours, alone = shared(x), plain(x)
        if not ours.requires_grad:
            assert not alone.requires_grad
            continue
        weight = torch.randn(ours.shape, generator=torch.Generator().manual_seed(3))
        (ours * weight).sum().backward()
        (alone * weight).sum().backward()
        mine = sum(float(p.grad.square().sum()) for p in shared.parameters() if p.grad is not None)
        theirs = sum(float(p.grad.square().sum()) for p in plain.parameters() if p.grad is not None)
        assert mine == pytest.approx(theirs, rel=1e-4)
        touched = sum(int((p.grad != 0).sum()) for p in shared.parameters() if p.grad is not None)
        assert touched <= sum(p.numel() for p in plain.parameters())


def test_an_open_bias_follows_the_normalisation():
    selection = Selection()
    norm = OpenOption(selection, "norm", ("batch", "none"))
    shared = moved(nn.conv_unit(2, 3, norm=norm).eval())
    for name in ("batch", "none"):
        selection.values = {"norm": name}
        plain = sliced(shared, nn.conv_unit(2, 3, norm=name).eval())
        assert torch.allclose(shared(example((2, 5, 5))), plain(example((2, 5, 5))), atol=1e-6)


def test_a_rate_is_used_while_training_only():
    selection = Selection(values={"r": 0.5})
    rate = numbers(selection, r=(0.0, 0.5))["r"]
    x = torch.ones(4_000, 1)
    for layer in (nn.dropout(rate), nn.drop_path(rate)):
        selection.values = {"r": 0.5}
        torch.manual_seed(0)
        kept = float((layer.train()(x) > 0).float().mean())
        assert 0.45 < kept < 0.55
        assert torch.equal(layer.eval()(x), x)
        selection.values = {"r": 0.0}
        assert torch.equal(layer.train()(x), x)


@pytest.mark.parametrize(
    "make", [lambda n: nn.conv(3, n), lambda n: nn.fully_connected(n, 3), lambda n: nn.norm("batch", n)]
)
def test_a_width_that_may_be_zero_is_refused_with_the_decision(make):
    with pytest.raises(SpaceError, match="block.width may be 0.*\n.*sa.optional"):
        make(numbers(Selection(), **{"block.width": (0, 8)})["block.width"])


def test_weights_of_a_layer_of_open_size_can_be_initialised_and_tied_by_their_names():
    width = numbers(Selection(values={"w": 2}), w=(2, 5))["w"]
    embedding, head = nn.embedding(7, width), nn.fully_connected(width, 7, bias=False)
    torch.nn.init.constant_(head.weight, 3.0)
    assert float(head.full.weight.detach().mean()) == 3.0
    head.weight = embedding.weight
    assert head.full.weight is embedding.full.weight
    assert [name for name, _ in head.named_parameters()] == ["full.weight"]
    with pytest.raises(SpaceError, match=r"cannot be tied.*\(9, 9\).*\(7, 5\)"):
        head.weight = torch.nn.Parameter(torch.zeros(9, 9))


def test_every_width_has_its_own_normalisation_where_asked():
    selection = Selection(batch_norm="per_width")
    shared = nn.norm("batch", numbers(selection, w=(2, 4))["w"]).train()
    shared.spread()
    for width in (2, 4):
        selection.values = {"w": width}
        shared(torch.randn(8, width, 3, 3, generator=torch.Generator().manual_seed(width)) + width)
    for width in (2, 4):
        selection.values = {"w": width}
        own = torch.randn(8, width, 3, 3, generator=torch.Generator().manual_seed(width)) + width
        plain = torch.nn.BatchNorm2d(width).train()
        plain(own)
        taken = sliced(shared, torch.nn.BatchNorm2d(width))
        assert torch.allclose(taken.running_mean, plain.running_mean)
        assert torch.allclose(taken.running_var, plain.running_var)
    assert sum(p.numel() for p in shared.parameters()) == 2 * (2 + 4)
