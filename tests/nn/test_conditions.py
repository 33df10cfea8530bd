"""Control flow of a build that works on plain and on open values alike."""

from __future__ import annotations

import operator

import torch
from torch import nn

from searchitect.nn import calculate, condition, number_where, present, when
from searchitect.nn.elastic import active_leaves
from searchitect.spaces.open_values import OpenNumber, Selection


def width(selection):
    return OpenNumber(selection, ("w",), lambda values: values["w"], (4, 8), domains={"w": (4, 8)})


def test_plain_values_decide_at_once():
    assert isinstance(when(True, nn.Tanh), nn.Tanh)
    assert isinstance(when(False, nn.Tanh), nn.Identity)
    assert isinstance(when(condition(operator.gt, 3, 5), nn.Tanh, nn.ReLU), nn.ReLU)
    assert (calculate(min, 3, 5), number_where(False, 7), number_where(True, 7), present(object())) == (3, 0, 7, True)


def test_an_open_condition_makes_both_and_asks_when_it_runs():
    selection = Selection()
    wide = condition(operator.gt, width(selection), 4)
    either = when(wide, lambda: nn.Linear(2, 2), lambda: nn.Linear(2, 3))
    x = torch.ones(1, 2)
    for value, outputs in ((4, 3), (8, 2)):
        selection.values = {"w": value}
        assert either(x).shape == (1, outputs)
        assert [leaf.out_features for leaf in active_leaves(either)] == [outputs]


def test_what_does_not_hold_is_left_out():
    selection = Selection(values={"w": 4})
    gated = when(condition(operator.gt, width(selection), 4), lambda: nn.Linear(2, 2))
    x = torch.ones(1, 2)
    assert gated(x) is x
    assert not list(active_leaves(gated))
    selection.values = {"w": 8}
    assert gated(x) is not x


def test_a_number_where_a_condition_holds_is_open():
    selection = Selection(values={"w": 4})
    wide = condition(operator.gt, width(selection), 4)
    made = number_where(wide, 3) + 1
    assert made.now == 1
    selection.values = {"w": 8}
    assert made.now == 4
