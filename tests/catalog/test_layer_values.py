from __future__ import annotations

import math

import pytest

from searchitect.catalog.layer_values import declare, read_options, training_field
from searchitect.catalog.vocabulary import LayerField
from searchitect.errors import SpaceError
from searchitect.spaces import SearchSpace, make_space

WIDTH = LayerField("width", (8,), low=1, high=64)
RATE = LayerField("rate", (0.1,), low=0.0, high=0.9, whole=False)
HOW = LayerField("how", ("max",), names=("max", "average", "hard_swish"))


@pytest.mark.parametrize(
    ("field", "value", "options"),
    [
        (WIDTH, 8, (8,)),
        (WIDTH, [8, 16, 8], (8, 16)),
        (WIDTH, 8.0, (8,)),
        (WIDTH, range(1, 4), (1, 2, 3)),
        (WIDTH, [(3, 3), [5, 5]], (3, 5)),
        (RATE, 0, (0.0,)),
        (RATE, [0.1, 0.5], (0.1, 0.5)),
        (HOW, ["max", "Avg"], ("max", "average")),
        (HOW, "HardSwish", ("hard_swish",)),
        (WIDTH, {"low": 8, "high": 32, "step": 8}, {"low": 8, "high": 32, "step": 8}),
        (RATE, {"low": 0.1, "high": 0.5, "log": True}, {"low": 0.1, "high": 0.5, "log": True}),
    ],
)
def test_scalars_lists_and_ranges_are_read(field, value, options):
    assert read_options("here", field, value) == options


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (WIDTH, 0, "here: expected 1 to 64, got 0"),
        (WIDTH, 65, "expected 1 to 64, got 65"),
        (WIDTH, True, "expected a whole number"),
        (WIDTH, 2.5, "expected a whole number"),
        (WIDTH, [3, [3, 5]], "expected a whole number"),
        (WIDTH, [], "expected 1 to 256 options, got 0"),
        (WIDTH, range(1000), "got 1000"),
        (WIDTH, None, "expected a whole number"),
        (RATE, math.nan, "expected a number"),
        (RATE, math.inf, "expected a number"),
        (HOW, "maxx", "did you mean 'max'"),
        (HOW, {"low": 1, "high": 2}, "got a range"),
        (WIDTH, {"low": 1}, "needs low and high"),
        (WIDTH, {"low": 9, "high": 8}, "low below high"),
        (RATE, {"low": 0, "high": 0.5, "log": True}, "above zero with log"),
        (WIDTH, {"low": 1, "high": 8, "stepp": 2}, "did you mean 'step'"),
        (WIDTH, {"low": 1, "high": 8, "step": 0}, "a step of at least 1"),
        (RATE, {"low": 0.1, "high": 0.8, "step": 2}, "no step"),
    ],
)
def test_other_values_are_refused_with_where_and_why(field, value, words):
    with pytest.raises(SpaceError, match=words):
        read_options("here", field, value)


def test_ranges_of_whole_numbers_and_of_real_ones_are_told_apart():
    fields = {
        "whole": declare({"low": 8, "high": 32, "step": 8}),
        "real": declare({"low": 0.1, "high": 0.5}),
        "fixed": declare((3,)),
    }
    space = SearchSpace.of(make_space("Three", fields))
    assert [d.kind for d in space.decisions()] == ["integer", "real", "choice"]


def test_fields_of_the_recipe_know_their_kind():
    assert training_field("optimizer").names == ("sgd", "adam", "adamw", "adagrad", "rmsprop")
    assert training_field("batch_size").whole
    assert not training_field("learning_rate").whole
    assert training_field("patience").whole
    with pytest.raises(SpaceError, match="is no decision"):
        training_field("best_epoch")
