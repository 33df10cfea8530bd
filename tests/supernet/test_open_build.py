"""One `build` makes the supernet and every subnet, and they compute the same."""

import copy
import random

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.nn import activation, conv
from searchitect.supernet import open_build
from tests.supernet.spaces import Block, Open, Perceptron, Plain, Skip

IMAGES = sa.TaskSpec((3, 8, 8), 5)
TABLE = sa.TaskSpec((12,), 3, domain="tabular")


def batch(spec, seed=0, count=4):
    return torch.randn(count, *spec.inputs, generator=torch.Generator().manual_seed(seed))


def relative(first, second):
    return float((first - second).abs().max() / second.abs().max().clamp_min(1e-12))


@pytest.mark.parametrize(("space", "spec"), [(Open, IMAGES), (Perceptron, TABLE)])
def test_a_subnet_computes_what_the_supernet_computes_for_it(space, spec):
    supernet = open_build(space, spec).eval()
    rng = random.Random(0)
    for _ in range(15):
        architecture = supernet.space.sample(rng)
        subnet = supernet.extract(architecture)
        with torch.no_grad():
            assert relative(supernet(batch(spec)), subnet(batch(spec))) < 1e-5


def test_a_subnet_is_what_the_space_builds():
    supernet = open_build(Open, IMAGES)
    architecture = supernet.space.sample(random.Random(3))
    plain = supernet.space.build(architecture, IMAGES)
    subnet = supernet.extract(architecture)
    assert {k: v.shape for k, v in subnet.state_dict().items()} == {k: v.shape for k, v in plain.state_dict().items()}
    assert not any("lastic" in type(m).__name__ or type(m).__name__ in ("Mixed", "Gated") for m in subnet.modules())


def test_an_extracted_subnet_survives_saving(tmp_path):
    from safetensors.torch import load_model, save_model

    supernet = open_build(Open, IMAGES).eval()
    architecture = supernet.space.sample(random.Random(4))
    subnet = supernet.extract(architecture)
    save_model(subnet, tmp_path / "w.safetensors")
    again = supernet.space.build(architecture, IMAGES).eval()
    load_model(again, tmp_path / "w.safetensors")
    with torch.no_grad():
        assert torch.equal(again(batch(IMAGES)), subnet(batch(IMAGES)))


def test_gradients_touch_the_active_slices_only():
    supernet = open_build(Perceptron, TABLE)
    architecture = supernet.space.decide(lambda path, decision: {"width": 8, "norm": "layer"}[path])
    supernet.activate(architecture)
    supernet(batch(TABLE)).sum().backward()
    first, last = (m.full.weight for m in supernet.modules() if type(m).__name__ == "ElasticLinear")
    assert first.grad[:8].abs().sum() > 0
    assert first.grad[8:].abs().sum() == 0
    assert last.grad[:, :8].abs().sum() > 0
    assert last.grad[:, 8:].abs().sum() == 0


def test_one_set_of_weights_serves_all():
    supernet = open_build(Open, IMAGES)
    largest = supernet.space.build(supernet.space.decide(_most), IMAGES)
    count = sum(p.numel() for p in supernet.parameters())
    assert count < 4 * sum(p.numel() for p in largest.parameters())


def _most(path, decision):
    values = list(decision.domain.values())
    return max(values) if all(isinstance(v, (int, float)) for v in values) else values[-1]


def test_elements_beyond_the_length_are_left_out():
    supernet = open_build(Open, IMAGES).eval()
    rng = random.Random(1)
    lengths = {}
    while len(lengths) < 3:
        architecture = supernet.space.sample(rng)
        lengths[architecture["blocks.length"]] = sum(p.numel() for p in supernet.extract(architecture).parameters())
    assert set(lengths) == {1, 2, 3}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (lambda self: "yes" if self.width else "no", "a condition"),
        (lambda self: self.width == 8, "a comparison"),
        (lambda self: [1 for _ in range(self.width)], r"int\(\), range\(\)"),
        (lambda self: nn.Linear(4, self.width), "layers of open sizes come from sa.nn"),
        (lambda self: {"relu": 1}[self.kind], "looking it up in a dictionary"),
        (lambda self: f"{self.kind}", "turning it into text"),
        (lambda self: isinstance(self.option, Skip), r"isinstance\(\) or match"),
        (lambda self: getattr(nn, self.kind), "must be string"),
    ],
)
def test_control_flow_on_an_open_decision_names_it_and_the_remedy(body, told):
    @sa.space
    class Asking:
        width: int = sa.choice(4, 8)
        kind: str = sa.choice("relu", "gelu")
        option: Skip | Plain = sa.choice(Skip, Plain)

        def build(self, task):
            body(self)
            return nn.Identity()

    with pytest.raises(SpaceError, match=told):
        open_build(Asking, TABLE)


def test_what_cannot_be_trapped_is_found_by_comparing():
    @sa.space
    class Sneaky:
        blocks: tuple[Block, ...] = sa.repeat(Block, 1, 3)

        def build(self, task):
            extra = [nn.Conv2d(3, 3, 1)] if len(self.blocks) > 2 else []
            return nn.Sequential(*[block.build(3) for block in self.blocks], *extra)

    with pytest.raises(
        SpaceError, match="makes another model of open decisions than of these.*\n.*len\\(\\) of a repeat"
    ):
        open_build(Sneaky, IMAGES)


def test_a_plain_value_cannot_be_left_out():
    @sa.space
    class Widths:
        widths: tuple[int, ...] = sa.repeat(sa.choice(4, 8), 1, 3)

        def build(self, task):
            return nn.Identity()

    with pytest.raises(SpaceError, match="widths repeats plain values an open number of times\n.*a space with a build"):
        open_build(Widths, TABLE)


def test_a_fixed_decision_stays_what_it_is():
    supernet = open_build(Open, IMAGES, fixed={"stem": 8})
    architectures = [supernet.space.sample(random.Random(n)) for n in range(20)]
    other = next(a for a in architectures if a["stem"] != 8)
    with pytest.raises(SpaceError, match="stem is fixed to 8"):
        supernet.activate(other)
    supernet.extract(next(a for a in architectures if a["stem"] == 8))


def test_mixing_weights_every_option():
    @sa.space
    class Two:
        kind: str = sa.choice("relu", "identity")

        def build(self, task):
            return activation(self.kind)

    supernet = open_build(Two, TABLE)
    supernet.selection.weights["kind"] = torch.tensor([0.25, 0.75])
    x = batch(TABLE)
    assert torch.allclose(supernet(x), 0.25 * x.relu() + 0.75 * x)


def test_arithmetic_on_an_open_number_stays_open():
    @sa.space
    class Calculated:
        width: int = sa.choice(4, 8)
        factor: int = sa.choice(1, 2)

        def build(self, task):
            hidden = (self.width * self.factor + 2 * self.width) // 2
            return nn.Sequential(conv(3, self.width, 3), conv(self.width, hidden, 1), conv(hidden, 2, 1))

    supernet = open_build(Calculated, IMAGES)
    sizes = {(a["width"], a["factor"]): supernet.extract(a)[1].out_channels for a in supernet.space.enumerate()}
    assert sizes == {(w, f): (w * f + 2 * w) // 2 for w in (4, 8) for f in (1, 2)}


def test_the_cells_of_nasbench201_become_one_supernet():
    space = sa.catalog.get("nasbench201", cells=1, channels=4)
    supernet = open_build(space, IMAGES).eval()
    rng = random.Random(0)
    for _ in range(5):
        architecture = supernet.space.sample(rng)
        with torch.no_grad():
            assert relative(supernet.extract(architecture).eval()(batch(IMAGES)), supernet(batch(IMAGES))) < 1e-5
    supernet.selection.weights.update({f"edge_{i}_{j}": torch.full((5,), 0.2) for j in range(4) for i in range(j)})
    assert supernet(batch(IMAGES)).shape == (4, 5)


@pytest.mark.parametrize("size", [8, 28])
def test_plain_convolutional_networks_become_one_supernet(size):
    spec = sa.TaskSpec((1, size, size), 10)
    supernet = open_build(sa.catalog.get("plain_cnn", widths=(4, 6, 8), stems=(4, 6)), spec).eval()
    rng = random.Random(2)
    for _ in range(10):
        architecture = supernet.space.sample(rng)
        with torch.no_grad():
            assert relative(supernet.extract(architecture).eval()(batch(spec)), supernet(batch(spec))) < 1e-5


def built(build, **fields):
    """Open a space of these fields; its build takes the instance."""
    from searchitect.spaces import make_space

    return open_build(make_space("Made", fields, {"build": lambda self, task: build(self)}), TABLE)


@pytest.mark.parametrize(
    ("make", "layer", "factory"),
    [
        (lambda n: nn.Linear(12, n), "Linear", "fully_connected"),
        (lambda n: nn.Conv2d(3, n, 3), "Conv2d", "conv"),
        (nn.BatchNorm1d, "BatchNorm1d", "norm"),
        (nn.MaxPool2d, "MaxPool2d", "max_pool"),
        (lambda n: nn.Embedding(10, n), "Embedding", "embedding"),
        (nn.Dropout, "Dropout", "dropout"),
        (lambda n: nn.LSTM(4, n), "LSTM", "recurrent"),
    ],
)
def test_a_layer_of_torch_that_is_given_an_open_number_is_named_with_our_factory(make, layer, factory):
    with pytest.raises(SpaceError, match=rf"open decision to torch\.nn\.{layer}[\s\S]*sa\.nn\.{factory} takes open"):
        built(lambda self: nn.Sequential(nn.Linear(12, 3), make(self.n)), n=sa.choice(2, 4))


def test_a_build_that_returns_no_module_says_what_to_do():
    with pytest.raises(SpaceError, match="returned list of open decisions.*\n.*Sequential"):
        built(lambda self: [nn.Linear(12, 3)], n=sa.choice(2, 4))


def test_options_that_give_different_things_are_refused_by_name():
    @sa.space
    class Wrong:
        def build(self):
            return "relu"

    with pytest.raises(SpaceError, match="option: the option 'Wrong' gave str"):
        built(lambda self: self.option.build(), option=sa.choice(Wrong, Harmless))


class AddsInPlace(nn.Module):
    def forward(self, x):
        x += 1
        return x


@sa.space
class Rectified:
    def build(self):
        return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(12, 12))


@sa.space
class Adding:
    def build(self):
        return AddsInPlace()


@sa.space
class Harmless:
    def build(self):
        return nn.Sequential(nn.Linear(12, 12), nn.ReLU(inplace=True))


@pytest.mark.parametrize(("option", "name"), [(Rectified, "ReLU"), (Adding, "AddsInPlace")])
def test_an_option_that_changes_its_input_in_place_is_refused(option, name):
    with pytest.raises(
        SpaceError, match=rf"option: the option '{option.__name__}' changes its input in place \({name}"
    ):
        built(lambda self: self.option.build(), option=sa.choice(Harmless, option))


def test_changing_its_own_result_in_place_is_no_harm():
    built(lambda self: self.option.build(), option=sa.choice(Harmless, Harmless2))


@sa.space
class Harmless2:
    def build(self):
        return nn.Linear(12, 12)


def test_a_module_that_is_used_twice_is_shared_both_ways():
    class Twice(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.first, self.second = inner, nn.Sequential(nn.ReLU(), inner)

        def forward(self, x):
            return self.second(self.first(x))

    def build(self):
        return Twice(nn.Sequential(conv(3, self.width, 1), activation("relu"), conv(self.width, 3, 1)))

    @sa.space
    class Shared:
        width: int = sa.choice(2, 4)

        def build(self, task):
            return build(self)

    supernet = open_build(Shared, IMAGES).eval()
    for architecture in supernet.space.enumerate():
        subnet = supernet.extract(architecture)
        assert subnet.first is subnet.second[1]
        with torch.no_grad():
            assert relative(supernet(batch(IMAGES)), subnet(batch(IMAGES))) < 1e-5


def test_tied_weights_stay_tied_in_subnets():
    from searchitect.nn import fully_connected

    class Tied(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.first, self.last = fully_connected(12, width, bias=False), fully_connected(width, 12, bias=False)
            self.again = fully_connected(12, width, bias=False)
            self.again.weight = self.first.weight

        def forward(self, x):
            return self.last(self.first(x) + self.again(x.relu()))

    supernet = built(lambda self: Tied(self.width), width=sa.choice(2, 5))
    assert len(list(supernet.parameters())) == 2
    for architecture in supernet.space.enumerate():
        subnet = supernet.extract(architecture)
        assert subnet.again.weight is subnet.first.weight


@pytest.mark.parametrize("declared", [sa.integer(1, 10**9), sa.integer(1, 100_000)])
def test_a_decision_with_too_many_values_is_refused_at_once(declared):
    with pytest.raises(SpaceError, match="width has too many values.*\n.*fix it first"):
        built(lambda self: nn.Identity(), width=declared)


def test_large_domains_are_never_listed():
    fields = {f"inputs_{n}": sa.subset(range(40), 1, 20) for n in range(3)}
    fields |= {"steps": sa.integer(1, 2**40, role="training"), "rate": sa.real(0.0, 0.5)}
    fields["batch_size"] = fields.pop("steps")
    supernet = built(lambda self: nn.Sequential(nn.Linear(12, 3), sa.nn.dropout(self.rate)), **fields)
    architecture = supernet.space.sample(random.Random(0))
    supernet.activate(architecture)
    assert supernet.body[1].rate.now == architecture["rate"]


def test_a_real_number_stays_open_where_no_list_of_sizes_is_needed():
    supernet = built(lambda self: nn.Sequential(nn.Linear(12, 3), sa.nn.drop_path(self.rate)), rate=sa.real(0.0, 0.4))
    low, high = (supernet.space.decide(lambda path, decision, end=end: end) for end in (0.0, 0.4))
    supernet.activate(high)
    assert supernet.body[1].rate.now == 0.4
    assert isinstance(supernet.extract(low)[1], nn.Identity)


def test_a_copy_has_its_own_weights_and_its_own_selection():
    supernet = open_build(Open, IMAGES).eval()
    rng = random.Random(0)
    first, second = supernet.space.sample(rng), supernet.space.sample(rng)
    supernet.activate(first)
    copied = copy.deepcopy(supernet)
    with torch.no_grad():
        before = supernet(batch(IMAGES))
        assert torch.equal(copied(batch(IMAGES)), before)
        copied.activate(second)
        for parameter in copied.parameters():
            parameter.add_(1.0)
        assert torch.equal(supernet(batch(IMAGES)), before)
    assert not copied.training


def test_every_width_may_have_its_own_batch_normalisation():
    supernet = open_build(Open, IMAGES, batch_norm="per_width").eval()
    shared = open_build(Open, IMAGES).eval()
    assert sum(p.numel() for p in supernet.parameters()) > sum(p.numel() for p in shared.parameters())
    rng = random.Random(0)
    for _ in range(5):
        subnet = supernet.extract(supernet.space.sample(rng))
        with torch.no_grad():
            assert relative(supernet(batch(IMAGES)), subnet(batch(IMAGES))) < 1e-5
    with pytest.raises(SpaceError, match="no batch_norm 'per_widht'\n.*per_width"):
        open_build(Open, IMAGES, batch_norm="per_widht")


def test_an_optional_plain_value_is_refused_by_name():
    with pytest.raises(SpaceError, match="extra.some is a plain value.*extra says so\n.*a space with a build"):
        built(lambda self: nn.Identity(), extra=sa.optional(sa.choice(4, 8)))


@pytest.mark.parametrize(
    ("fixed", "told"),
    [
        ({"stemm": 8}, "Open has no decision 'stemm' to fix"),
        ({"stem": 7}, "Open: stem cannot be fixed to 7"),
    ],
)
def test_what_is_fixed_must_be_a_decision_and_one_of_its_values(fixed, told):
    with pytest.raises(SpaceError, match=told):
        open_build(Open, IMAGES, fixed=fixed)
