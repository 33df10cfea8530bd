"""Niches: what they hold, how they are read, what is refused."""

import json
import math

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.spaces import Architecture
from searchitect.strategies.niches import Boxes, Regions, describe, parse_niches
from tests.strategies.spaces import Conditional, Flat


def held(value, *vectors):
    """The names of the niches that hold each vector."""
    niches = parse_niches(value)
    return [[niches.names[i] for i in np.flatnonzero(row)] for row in niches.holding(np.array(vectors, dtype=float))]


def test_nested_limits_hold_one_value_in_every_niche_above_it():
    niches = {"nested": {"latency_ms": [3, 5, 8]}}
    assert held(niches, [2], [3], [3.01], [8], [9]) == [
        ["latency_ms<=3", "latency_ms<=5", "latency_ms<=8"],
        ["latency_ms<=3", "latency_ms<=5", "latency_ms<=8"],
        ["latency_ms<=5", "latency_ms<=8"],
        ["latency_ms<=8"],
        [],
    ]


def test_a_grid_has_neither_gaps_nor_overlaps():
    values = [[-1e9], [10], [10.0001], [20], [1e9]]
    assert held({"grid": {"flops": [10, 20]}}, *values) == [
        ["flops<=10"],
        ["flops<=10"],
        ["10<flops<=20"],
        ["10<flops<=20"],
        ["flops>20"],
    ]
    assert len(parse_niches({"grid": {"flops": [10, 20], "latency_ms": [1]}}).names) == 6


def test_texts_are_limits_and_a_lower_limit_belongs_to_its_niche():
    niches = ["parameters<=100", "parameters>=50 and latency_ms<=2"]
    assert held(niches, [50, 2], [49.9, 2], [101, 2]) == [list(niches), niches[:1], niches[1:]]


def test_boxes_may_have_names_and_open_ends():
    niches = [{"name": "small", "parameters": [None, 100]}, {"parameters": [100, None]}]
    assert held(niches, [100], [101]) == [["small"], ["parameters>100"]]
    assert parse_niches(niches).boxes[0].holds({"parameters": 7.0})
    assert not parse_niches(niches).boxes[0].holds({})


def test_a_region_holds_what_is_nearest_to_its_centre_by_logarithm_where_that_is_asked():
    regions = Regions(("flops",), ((0.0,), (math.log(100.0),)), (0.0,), (1.0,), (True,))
    assert regions.holding(np.array([[1.0], [9.0], [11.0], [1e6]])).argmax(axis=1).tolist() == [0, 0, 1, 1]
    assert regions.names == ("flops≈1", "flops≈100")


@pytest.mark.parametrize(
    "value",
    [
        {"nested": {"latency_ms": [3, 5]}},
        ["a<=1 and b>=2"],
        {"features": ["a"], "centres": [[0.0], [1.0]], "means": [0.5], "scales": [2.0], "logarithmic": [False]},
    ],
)
def test_niches_survive_json(value):
    niches = parse_niches(value)
    assert parse_niches(json.loads(json.dumps(niches.to_json()))) == niches
    assert parse_niches(niches) is niches


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "expected 1 to 10,000 niches, got 0"),
        (["latency_ms"], "cannot read the niche 'latency_ms'"),
        (["a>=2 and a<=1"], "no a lies above 2 and at or below 1"),
        ([{"a": [1, 1]}], "no a lies above 1 and at or below 1"),
        ([{"a": [0, math.nan]}], "the bounds of 'a' are finite numbers, got nan"),
        ([{"name": "x"}], "bounds nothing"),
        (["a<=1", "a<=1"], "'a<=1' is given twice"),
        ({"nested": {"a": [2, 1]}}, "the numbers of 'a' must increase"),
        ({"grid": {"a": []}}, "wants a list of numbers for 'a'"),
        ({"grid": {name: list(range(30)) for name in "abc"}}, "more than 10,000 niches"),
        ({"centres": [[1]]}, "cannot read the regions"),
        (7, "cannot read the niches 7"),
    ],
)
def test_what_cannot_be_read_is_said(value, message):
    with pytest.raises(ConfigError, match=message):
        parse_niches(value)


def test_features_are_measurements_or_read_off_the_architecture():
    space = sa.SearchSpace.of(Flat)
    architecture = Architecture.of(Flat(2, 3, 7))
    assert describe(["flops", "third", "active_decisions"], space, architecture, {"flops": 5.0}).tolist() == [5, 7, 3]
    assert describe(["flops"], space, architecture, {}) is None
    assert describe(["flops"], space, architecture, {"flops": math.nan}) is None
    assert describe([], space, architecture, {}).tolist() == space.encode(architecture).tolist()
    deep = sa.SearchSpace.of(Conditional)
    assert describe(["blocks.length"], deep, deep.default(), {}).tolist() == [1.0]


def test_boxes_are_compared_by_value():
    assert parse_niches(["a<=1"]) == parse_niches(["a<=1"])
    assert isinstance(parse_niches(["a<=1"]), Boxes)
