"""A mixed operation is the weighted sum of its options, and costs what it computes."""

import pytest
import torch
from torch import nn

from searchitect.nn.mixed import Gated, Mixed, chain, choose, number_for
from searchitect.spaces.open_values import OpenFlag, OpenNumber, OpenOption, Selection


class Counted(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor, self.calls = nn.Parameter(torch.tensor(float(factor))), 0

    def forward(self, x):
        self.calls += 1
        return self.factor * x


def mixed(*factors, path="kind"):
    option = OpenOption(Selection(), path, tuple(map(str, factors)))
    return Mixed(option, {str(factor): Counted(factor) for factor in factors})


X = torch.arange(6.0).view(2, 3)


def test_without_weights_the_active_option_alone_is_computed():
    module = mixed(2, 3)
    module.option.selection.values = {"kind": "3"}
    assert torch.equal(module(X), 3 * X)
    assert [operation.calls for operation in module.operations] == [0, 1]


def test_weights_are_those_of_the_sum():
    module = mixed(2, 3, 5)
    weights = torch.tensor([0.5, 0.25, 0.25], requires_grad=True)
    module.option.selection.weights["kind"] = weights
    output = module(X)
    assert torch.allclose(output, (1.0 + 0.75 + 1.25) * X)
    output.sum().backward()
    assert torch.allclose(weights.grad, torch.tensor([2.0, 3.0, 5.0]) * X.sum())
    assert torch.allclose(module.operations[1].factor.grad, 0.25 * X.sum())


def test_an_option_of_weight_zero_is_not_computed():
    module = mixed(2, 3, 5)
    module.option.selection.weights["kind"] = [0.0, torch.tensor(1.0), 0.0]
    assert torch.equal(module(X), 3 * X)
    assert [operation.calls for operation in module.operations] == [0, 1, 0]


def test_weights_that_are_all_zero_give_zeros_of_the_right_shape():
    module = mixed(2, 3)
    module.option.selection.weights["kind"] = [0.0, 0.0]
    assert torch.equal(module(X), torch.zeros(2, 3))


def test_the_sum_never_changes_what_an_option_handed_out():
    option = OpenOption(Selection(), "kind", ("a", "b", "c"))
    module = Mixed(option, {"a": nn.Identity(), "b": nn.Identity(), "c": nn.Identity()})
    option.selection.weights["kind"] = [1.0, 1.0, 1.0]
    x = X.clone()
    assert torch.equal(module(x), 3 * X)
    assert torch.equal(x, X)


def test_second_derivatives_pass_through_the_sum():
    module = mixed(2, 3).double()
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    module.option.selection.weights["kind"] = weights
    assert torch.autograd.gradgradcheck(lambda w: _with(module, w), (weights,))


def _with(module, weights):
    module.option.selection.weights["kind"] = weights.softmax(0)
    return module(X.double()).square().sum()


def test_what_stands_around_a_sum_plays_no_part_where_one_option_is_active():
    module = mixed(2, 3)
    module.around = lambda mix, x: mix(x[:, :1]).expand_as(x)
    module.option.selection.values = {"kind": "2"}
    assert torch.equal(module(X), 2 * X)
    module.option.selection.weights["kind"] = [0.0, 1.0]
    assert torch.equal(module(X), 3 * X[:, :1].expand_as(X))


def test_a_gated_module_is_the_identity_where_its_flag_is_down():
    up = [True]
    module = Gated(OpenFlag(lambda: up[0], ("depth",)), Counted(2))
    assert torch.equal(module(X), 2 * X)
    up[0] = False
    assert module(X) is X


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_chain_of_open_length_leaves_out_what_is_beyond_it(length):
    selection = Selection(values={"depth": length})
    depth = OpenNumber(selection, ("depth",), lambda values: values["depth"], (1, 2, 3))
    assert torch.equal(chain(depth, lambda place: Counted(2))(X), 2**length * X)


def test_plain_values_need_no_selection():
    assert len(chain(2, lambda place: nn.Identity())) == 2
    assert isinstance(choose("a", {"a": nn.ReLU, "b": nn.GELU}), nn.ReLU)
    assert number_for("a", {"a": 3, "b": 4}) == 3


def test_an_open_option_chooses_a_module_and_a_number():
    option = OpenOption(Selection(values={"kind": "b"}), "kind", ("a", "b"))
    module = choose(option, {"a": nn.ReLU, "b": nn.Identity})
    assert torch.equal(module(-X), -X)
    assert number_for(option, {"a": 3, "b": 4}).now == 4
