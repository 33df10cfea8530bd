"""A plain model becomes a space and a supernet: nothing is lost, nothing is guessed, and what stays is said."""

import copy
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.supernet import make_elastic, open_build, open_supernet, recalibrate, save_supernet
from tests.supernet.plain_models import MODELS, BasicBlock, make


def relative(first, second):
    return float((first - second).abs().max() / second.abs().max().clamp_min(1e-12))


def run(model, batch):
    """As users run a trained model: fused paths included."""
    with torch.no_grad():
        return model.eval()(batch)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def fixed(elastic):
    return dict(elastic.fixed)


@pytest.mark.parametrize("name", MODELS)
def test_the_largest_subnet_is_the_model(name):
    model, batch = make(name)
    elastic = make_elastic(model, batch)
    subnet = elastic.supernet.extract(elastic.largest)
    assert relative(run(subnet, batch), run(model, batch)) < 1e-5
    elastic.supernet.activate(elastic.largest)
    assert relative(run(elastic.supernet, batch), run(model, batch)) < 1e-5
    assert type(subnet) is type(model)
    assert {k: v.shape for k, v in subnet.state_dict().items()} == {k: v.shape for k, v in model.state_dict().items()}


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_a_subnet_computes_what_the_supernet_computes_for_it(name, sort):
    model, batch = make(name)
    elastic = make_elastic(model, batch, sort=sort)
    rng = random.Random(1)
    for architecture in (elastic.smallest, *(elastic.space.sample(rng) for _ in range(6))):
        subnet = elastic.supernet.extract(architecture)
        assert relative(run(elastic.supernet, batch), run(subnet, batch)) < 1e-5
        assert not any(type(m).__module__.startswith("searchitect.nn") for m in subnet.modules())


@pytest.mark.parametrize("name", MODELS)
def test_the_smallest_subnet_is_much_smaller(name):
    model, batch = make(name)
    elastic = make_elastic(model, batch)
    assert parameters(elastic.supernet.extract(elastic.smallest)) < 0.6 * parameters(model)


def test_the_model_itself_is_left_alone():
    model, batch = make("resnet")
    before = copy.deepcopy(model.state_dict())
    elastic = make_elastic(model, batch)
    with torch.no_grad():
        for parameter in elastic.supernet.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert not any(module._forward_hooks or "forward" in vars(module) for module in model.modules())


def test_what_is_added_has_one_width():
    model, batch = make("resnet")
    layers = {d.name: d.layers for d in make_elastic(model, batch).blueprint.widths}
    assert layers["conv1_width"] == ("conv1", "layer1.0.conv2", "layer1.1.conv2")
    assert layers["layer2_0_conv2_width"] == ("layer2.0.conv2", "layer2.0.downsample.0", "layer2.1.conv2")
    assert layers["layer1_0_conv1_width"] == ("layer1.0.conv1",)


def test_what_is_joined_has_widths_of_its_own():
    model, batch = make("conv1d")
    elastic = make_elastic(model, batch, sort=False)
    architecture = elastic.space.compose(dict(elastic.largest.decisions) | {"short_width": 2})
    subnet = elastic.supernet.extract(architecture)
    assert (subnet.short.out_channels, subnet.long.out_channels) == (2, 10)
    assert subnet.depthwise.groups == 12
    kept = [0, 1, *range(6, 16)]  # the others of the short ones are cut out of the middle
    wanted = model.depthwise.weight.reshape(16, 2, 1, 5)[kept].reshape(24, 1, 5)
    assert torch.equal(subnet.depthwise.weight, wanted)


def test_a_grouped_convolution_keeps_whole_groups():
    model, batch = make("conv1d")
    elastic = make_elastic(model, batch)
    subnet = elastic.supernet.extract(elastic.smallest)
    assert (subnet.grouped.groups, subnet.grouped.in_channels, subnet.grouped.out_channels) == (1, 3, 6)
    assert subnet.norm.num_groups == 1
    assert subnet.head.in_features == subnet.gate.out_channels // 2 * 4


def test_a_smaller_window_is_the_middle_of_the_larger():
    model, batch = make("conv1d")
    elastic = make_elastic(model, batch)
    small = elastic.space.compose(dict(elastic.largest.decisions) | {"long_kernel": 3})
    subnet = elastic.supernet.extract(small)
    assert torch.equal(subnet.long.weight, model.long.weight[..., 2:5])
    assert subnet.long.padding == (1,)


def test_blocks_leave_from_the_end_of_their_stage():
    model, batch = make("resnet")
    elastic = make_elastic(model, batch)
    shallow = elastic.space.compose(dict(elastic.largest.decisions) | {"layer1_depth": 1, "layer2_depth": 1})
    subnet = elastic.supernet.extract(shallow)
    without = copy.deepcopy(model)
    without.layer1 = without.layer1[:1]
    without.layer2 = without.layer2[:1]
    assert isinstance(subnet.layer1[1], nn.Identity)
    assert relative(run(subnet, batch), run(without, batch)) < 1e-5


def test_widths_of_what_is_left_out_make_no_other_architecture():
    model, batch = make("resnet")
    space = make_elastic(model, batch).space
    shallow = dict(space.default().decisions) | {"layer1_depth": 1}
    one, other = (space.compose(shallow | {"layer1_1_conv1_width": width}) for width in (8, 2))
    assert space.key(one) == space.key(other)
    assert space.key(one) != space.key(space.default())


def test_the_channels_that_are_read_least_leave_first():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[2].weight.copy_(torch.tensor([[0.1, 4.0, 0.2, 3.0]] * 2))
    elastic = make_elastic(model, torch.randn(2, 3), widths=[0.5])
    half = elastic.supernet.extract(elastic.smallest)
    assert torch.equal(half[0].weight, model[0].weight[[1, 3]])
    assert torch.equal(half[2].weight, model[2].weight[:, [1, 3]])
    first = make_elastic(model, torch.randn(2, 3), widths=[0.5], sort=False)
    assert torch.equal(first.supernet.extract(first.smallest)[0].weight, model[0].weight[:2])


def test_the_space_builds_plain_models_with_fresh_weights():
    model, batch = make("resnet")
    elastic = make_elastic(model, batch)
    torch.manual_seed(1)
    first = elastic.space.build(elastic.smallest, elastic.spec)
    assert type(first) is type(model)
    assert first.fc.out_features == 5
    assert not torch.equal(elastic.space.build(elastic.smallest, elastic.spec).fc.weight, first.fc.weight)
    assert elastic.spec == sa.TaskSpec((3, 8, 8), 5)


def test_the_space_opens_like_any_other():
    model, batch = make("resnet")
    elastic = make_elastic(model, batch)
    again = open_build(elastic.space, elastic.spec)
    again.activate(elastic.largest)
    assert relative(run(again, batch), run(model, batch)) < 1e-5
    half = open_build(elastic.space, elastic.spec, fixed={"conv1_width": 4, "layer1_depth": 2})
    small = dict(elastic.smallest.decisions) | {"conv1_width": 4, "layer1_depth": 2}
    assert half.extract(elastic.space.compose(small)).conv1.out_channels == 4


@pytest.mark.parametrize("sort", [True, False])
def test_gradients_and_statistics_touch_the_active_part_only(sort):
    model, batch = make("resnet")
    elastic = make_elastic(model, batch, sort=sort)
    supernet = elastic.supernet.train()
    full = {n: b.clone() for n, b in supernet.named_buffers() if "running_mean" in n}
    supernet.activate(elastic.smallest)
    supernet(batch).square().sum().backward()
    names = dict(supernet.named_parameters())
    active = names["body.conv1.full.weight"].grad.flatten(1).abs().sum(1) > 0
    assert int(active.sum()) == 2
    moved = dict(supernet.named_buffers())["body.bn1.full.running_mean"] != full["body.bn1.full.running_mean"]
    assert torch.equal(moved, active)
    assert names["body.layer1.1.body.conv1.full.weight"].grad is None


def test_recalibration_makes_the_statistics_of_the_active_subnet():
    model, batch = make("resnet")
    elastic = make_elastic(model, batch)
    supernet = elastic.supernet.eval()
    architecture = elastic.smallest
    subnet = supernet.extract(architecture)
    batches = [torch.randn(16, 3, 8, 8) for _ in range(3)]
    recalibrate(supernet, batches)
    recalibrate(subnet, batches)
    assert relative(run(supernet, batch), run(subnet, batch)) < 1e-5
    assert relative(supernet.extract(architecture).bn1.running_mean, subnet.bn1.running_mean) < 1e-5


def test_a_supernet_travels_through_its_state_dict(tmp_path):
    from safetensors.torch import load_file, save_file

    model, batch = make("conv1d")
    first, second = make_elastic(model, batch), make_elastic(model, batch)
    with torch.no_grad():
        for parameter in first.supernet.parameters():
            parameter.add_(0.1)
    save_file(first.supernet.state_dict(), tmp_path / "w.safetensors")
    second.supernet.load_state_dict(load_file(tmp_path / "w.safetensors"))
    first.supernet.activate(first.smallest)
    second.supernet.activate(second.smallest)
    assert torch.equal(run(first.supernet, batch), run(second.supernet, batch))


@pytest.mark.parametrize("name", ["mlp", "conv1d"])
def test_which_channels_leave_first_travels_with_the_weights(name, tmp_path):
    batch = make(name)[1]
    first, second = (make_elastic(make(name, seed=seed)[0], batch) for seed in (0, 1))
    save_supernet(tmp_path, first.supernet)
    second.supernet.load_state_dict(first.supernet.state_dict())
    for loaded in (second.supernet, open_supernet(tmp_path, space=second.space)):
        for share in (0.0, 0.5, 1.0):
            subnets = [s.extract(e.at(share)) for s, e in ((first.supernet, first), (loaded, second))]
            assert torch.equal(run(subnets[0], batch), run(subnets[1], batch))
            assert relative(run(loaded, batch), run(subnets[1], batch)) < 1e-5


def test_a_kept_module_stays_with_all_that_lies_in_it():
    model, batch = make("resnet")
    elastic = make_elastic(model, batch, keep=["layer1"], depths=False, kernels=False)
    opened = [d.layers[0] for d in elastic.blueprint.decisions]
    assert opened == ["layer2.0.conv1", "layer2.0.conv2", "layer2.1.conv1"]
    assert fixed(elastic)["layer1.0.conv1"] == "kept by request"
    assert fixed(elastic)["conv1"] == "'layer1.0.conv1' reads it, which keeps its size"


def test_the_explanation_names_what_is_open_and_what_is_not():
    model, batch = make("transformer")
    elastic = make_elastic(model, batch)
    told = elastic.explain()
    assert "encoder_layers_depth: 3, 2, 1" in told
    assert "ties its width to its heads; write attention with sa.nn" in told
    assert "'encoder.layers.0.self_attn' reads it, which keeps its size" in fixed(elastic)["embedding"]
    assert elastic.space.size() == 4**3 * 3


class View(nn.Module):
    """A view of a fixed size: fewer channels cannot fill it."""

    def __init__(self):
        super().__init__()
        self.conv, self.hidden, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(64, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(torch.relu(self.hidden(torch.relu(self.conv(x)).view(-1, 64))))


class Shuffled(nn.Module):
    """Two branches of four channels each, their channels interleaved: fewer of one would mix the rest up."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(1, 4, 1), nn.Conv2d(1, 4, 1)
        self.last, self.head = nn.Conv2d(8, 8, 1), nn.Linear(8, 2)

    def forward(self, x):
        x = torch.cat([self.left(x), self.right(x)], 1)
        count, channels, height, width = x.shape
        x = x.view(count, 2, channels // 2, height, width).transpose(1, 2).reshape(count, channels, height, width)
        return self.head(F.relu(self.last(x)).mean((2, 3)))


class Preallocated(nn.Module):
    """Results written into a tensor of a fixed size, in place."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.mid, self.head = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(8, 6), nn.Linear(6, 2)

    def forward(self, x):
        joined = torch.zeros(len(x), 8)
        joined[:, :4] = self.left(x)
        joined[:, 4:] = self.right(x)
        return self.head(self.mid(joined).relu_())


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.hidden, self.back = nn.Embedding(9, 6), nn.Linear(6, 8), nn.Linear(8, 6)
        self.out = nn.Linear(6, 9, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, x):
        return self.out(self.back(torch.relu(self.hidden(self.embedding(x)))).mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.lstm, self.after = nn.Linear(3, 6), nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(torch.relu(self.after(self.lstm(self.before(x))[0][:, -1])))


class Scaled(nn.Module):
    """A layer of the user's own, with a weight per channel."""

    class LayerScale(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.gamma = nn.Parameter(torch.ones(channels))

        def forward(self, x):
            return x * self.gamma

    def __init__(self):
        super().__init__()
        self.first, self.scale = nn.Linear(3, 6), self.LayerScale(6)
        self.second, self.head = nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(torch.relu(self.second(self.scale(self.first(x)))))


class Attention(nn.Module):
    """Attention by hand: queries, keys and values in one matrix, reshaped into three heads of four."""

    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(12, 36), nn.Linear(12, 12)
        self.up, self.down, self.head = nn.Linear(12, 24), nn.Linear(24, 12), nn.Linear(12, 2)

    def forward(self, x):
        count, places, width = x.shape
        q, k, v = self.qkv(x).reshape(count, places, 3, 3, 4).permute(2, 0, 3, 1, 4)
        mixed = F.softmax(q @ k.transpose(-2, -1) / 2, dim=-1) @ v
        x = x + self.proj(mixed.transpose(1, 2).reshape(count, places, width))
        return self.head((x + self.down(F.gelu(self.up(x)))).mean(1))


IMAGE, ROWS, SEQUENCE = torch.randn(2, 1, 4, 4), torch.randn(2, 3), torch.randn(2, 5, 3)


@pytest.mark.parametrize(
    ("model", "batch", "module", "told", "opened"),
    [
        (View, IMAGE, "conv", "the model fails with fewer of its channels", {"hidden_width"}),
        (Shuffled, IMAGE, "left", "land elsewhere when they are fewer", {"last_width"}),
        (Preallocated, ROWS, "left", "the model fails with fewer of its channels", {"mid_width"}),
        (Tied, torch.randint(0, 9, (2, 4)), "embedding", "shares a weight with 'out'; untie them", {"hidden_width"}),
        (Recurrent, SEQUENCE, "lstm", "LSTM holds all its gates in one matrix; build it", {"after_width"}),
        (Recurrent, SEQUENCE, "before", "'lstm' reads it, which keeps its size", {"after_width"}),
        (Scaled, ROWS, "scale", "LayerScale holds gamma in a form that cannot be cut", {"second_width"}),
        (Scaled, ROWS, "first", "'scale' reads it", {"second_width"}),
        (Attention, torch.randn(2, 5, 12), "proj", "its channels meet the model's input", {"up_width"}),
        (Attention, torch.randn(2, 5, 12), "qkv", "the model fails with fewer of its channels", {"up_width"}),
    ],
)
def test_what_cannot_be_opened_stays_and_is_named(model, batch, module, told, opened):
    torch.manual_seed(0)
    elastic = make_elastic(model().eval(), batch)
    assert told in fixed(elastic)[module]
    assert {decision.name for decision in elastic.blueprint.decisions} == opened


def test_layers_that_forward_never_calls_are_named():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.spare, self.first, self.head = nn.Linear(3, 3), nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.first(x))

    assert fixed(make_elastic(Plain(), ROWS))["spare"] == "the model's forward does not call it"


def test_a_layer_called_twice_keeps_one_size():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.head = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x):
            x = self.first(x)
            return self.head(torch.tanh(self.again(torch.tanh(self.again(x)))))

    model = Twice()
    elastic = make_elastic(model, ROWS)
    assert [d.layers for d in elastic.blueprint.widths] == [("first", "again")]
    subnet = elastic.supernet.extract(elastic.smallest)
    assert (subnet.again.in_features, subnet.again.out_features) == (2, 2)


def test_a_module_that_stands_in_two_places_is_cut_in_both():
    shared = nn.Linear(6, 6)
    model = nn.Sequential(nn.Linear(3, 6), shared, nn.ReLU(), shared, nn.Linear(6, 2))
    elastic = make_elastic(model, ROWS)
    subnet = elastic.supernet.extract(elastic.smallest)
    assert subnet[1] is subnet[3]
    assert subnet[1].in_features == 2


def test_squeeze_and_excitation_follows_what_it_scales():
    class Squeeze(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.down = nn.Conv2d(1, 8, 3), nn.Linear(8, 4)
            self.up, self.head = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x):
            x = self.conv(x)
            scale = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3))))))
            return self.head((x * scale[:, :, None, None]).mean((2, 3)))

    elastic = make_elastic(Squeeze(), IMAGE)
    assert [d.layers for d in elastic.blueprint.widths] == [("conv", "up"), ("down",)]


def test_a_frozen_layer_stays_frozen():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    elastic = make_elastic(model, ROWS)
    assert not elastic.supernet.extract(elastic.smallest)[0].weight.requires_grad
    assert not dict(elastic.supernet.named_parameters())["body.0.full.weight"].requires_grad


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"widths": [0.0, 0.5]}, r"share of the channels in \(0, 1\], got 0.0"),
        ({"widths": [0.5, 1.5]}, r"share of the channels in \(0, 1\], got 1.5"),
        ({"keep": ["layr1"]}, "no module 'layr1' to keep\n.*did you mean 'layer1'"),
        ({"keep": "layer1"}, "takes a list of names"),
        ({"inputs": torch.randn(2, 4, 8, 8)}, r"ResNet fails on an example of shape \(2, 4, 8, 8\)"),
        ({"inputs": torch.full((2, 3, 8, 8), float("nan"))}, "gives NaN for the example"),
        ({"inputs": [[1.0]]}, "a batch of inputs or a sa.TaskSpec, got list"),
        ({"model": nn.Linear(3, 2), "inputs": ROWS}, "nothing in Linear can be made elastic"),
        ({"model": "resnet"}, "takes a plain torch.nn.Module, got str"),
        ({"model": nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)), "inputs": ROWS}, "0.weight has no shape yet"),
    ],
)
def test_bad_input_is_told_apart(change, told):
    model, batch = make("resnet")
    arguments = {"model": model, "inputs": batch} | change
    with pytest.raises(SpaceError, match=told):
        make_elastic(arguments.pop("model"), arguments.pop("inputs"), **arguments)


def test_the_reasons_stand_in_the_message_when_nothing_can_be_opened():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(SpaceError, match="1: its channels are what the model gives"):
        make_elastic(model, sa.TaskSpec((3, 2, 2), 2))


def test_an_odd_number_of_channels_is_cut_to_whole_ones():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    elastic = make_elastic(model, ROWS)
    assert elastic.blueprint.widths[0].options == (3, 2, 1)


def test_rectangular_windows_shrink_on_their_long_side():
    model = nn.Sequential(nn.Conv2d(1, 2, (1, 7), padding=(0, 3)), nn.Conv2d(2, 2, 5), nn.Flatten(), nn.LazyLinear(2))
    batch = torch.randn(2, 1, 8, 8)
    model(batch)
    elastic = make_elastic(model, batch)
    assert {k.name: k.options for k in elastic.blueprint.kernels} == {"layer_0_kernel": (7, 5, 3)}
    small = elastic.supernet.extract(elastic.smallest)
    assert (small[0].kernel_size, small[0].padding) == ((1, 3), (0, 1))


def test_a_row_inside_one_long_sequence_is_found():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), BasicBlock(4, 4), BasicBlock(4, 4), BasicBlock(4, 8, 2), BasicBlock(8, 8),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip
    elastic = make_elastic(model, IMAGE, kernels=False)
    assert [tuple(d.blocks) for d in elastic.blueprint.depths] == [("1", "2"), ("4",)]
