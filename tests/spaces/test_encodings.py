"""Vectors of fixed length: what each column means."""

from __future__ import annotations

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.spaces import make_space
from tests.spaces.families import Average, Block, Classifier, Max, Tied


def test_one_hot_columns_follow_the_decisions() -> None:
    fields = {
        "pool": sa.choice(Max, Average),
        "wires": sa.subset("abc", 1, 3),
        "width": sa.integer(1, 3),
        "many": sa.integer(1, 100),
        "rate": sa.real(0.0, 2.0),
        "head": sa.optional(sa.choice(5, 6)),
    }
    space = sa.SearchSpace.of(make_space("Net", fields))
    start = space.read(
        {"decisions": {"pool": "Max", "wires": ["a", "c"], "width": 2, "many": 50, "rate": 0.5, "head": False}}
    )
    #         pool  size  wires    width    many  rate  head  content
    expected = [1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0.5, 0.25, 1, 0, 0, 0]
    active = [1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    assert space.encode(start).tolist() == expected
    assert space.mask(start).tolist() == [bool(a) for a in active]


def test_inactive_decisions_are_one_half_in_the_unit_cube() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"pool": sa.choice(Max, Average), "rate": sa.real(0.0, 2.0)}))
    start = space.read({"decisions": {"pool": "Max", "rate": 2}})
    assert space.encode(start, "unit_cube").tolist() == [0.25, 0.5, 1.0]
    assert space.mask(start, "unit_cube").tolist() == [True, False, True]
    assert space.decode([0.75, 0.9, 0.0]).decisions == {"pool": "Average", "pool.Average.size": 3, "rate": 0.0}


def test_a_subset_is_decoded_by_its_largest_numbers() -> None:
    space = sa.SearchSpace.of(make_space("Net", {"wires": sa.subset("abcd", 2, 3)}))
    assert space.decode([0.1, 0.2, 0.4, 0.3])["wires"] == ("c", "d")
    assert space.decode([0.9, 0.8, 0.7, 0.6])["wires"] == ("a", "b", "c")


def test_real_numbers_survive_the_unit_cube_exactly_at_extreme_scales() -> None:
    bounds = [
        (1e-300, 1e300, True),
        (1e6, 1e6 + 1e-3, False),
        (-1e-9, 1e-9, False),
        (1 / 3, 2 / 3, False),
        (5, 5, False),
    ]
    for low, high, log in bounds:
        space = sa.SearchSpace.of(make_space("Net", {"rate": sa.real(low, high, log=log)}))
        for place in np.linspace(0, 1, 101):
            architecture = space.decode([place])
            assert space.contains(architecture)
            assert space.decode(space.encode(architecture, "unit_cube")) == architecture


def test_the_largest_integer_ranges_survive_the_unit_cube() -> None:
    space = sa.SearchSpace.of(
        make_space("Net", {"width": sa.integer(0, 2**48 - 1), "log": sa.integer(1, 2**40, log=True)})
    )
    for width, log in [(0, 1), (2**48 - 1, 2**40), (123456789012345, 2**39 + 1), (2**47, 3)]:
        architecture = space.read({"decisions": {"width": width, "log": log}})
        assert space.decode(space.encode(architecture, "unit_cube")) == architecture


def test_wrong_vectors_are_refused() -> None:
    space = sa.SearchSpace.of(Average)
    with pytest.raises(SpaceError, match="a vector of 1 numbers"):
        space.decode([0.1, 0.2])
    with pytest.raises(SpaceError, match="no NaN"):
        space.decode([float("nan")])
    with pytest.raises(SpaceError, match="'one_hot' or 'unit_cube'"):
        space.encode(space.default(), "path")  # type: ignore[arg-type]


def test_a_point_that_breaks_a_condition_is_refused() -> None:
    with pytest.raises(SpaceError, match="Width times depth is at most 8"):
        sa.SearchSpace.of(Tied).decode([0.99, 0.5, 0.99, 0.5])


def test_decisions_are_described_in_the_order_of_the_columns() -> None:
    decisions = sa.SearchSpace.of(Classifier).decisions()
    by_path = {d.path: d for d in decisions}
    assert decisions[0].path == "blocks.length"
    assert (decisions[0].kind, decisions[0].low, decisions[0].high) == ("length", 1, 4)
    assert by_path["blocks.3.kernel"].pattern == "blocks.*.kernel"
    assert by_path["blocks.3.kernel"].options == (3, 5)
    assert by_path["blocks.3.kernel"].conditional
    assert not by_path["blocks.0.kernel"].conditional
    assert by_path["pool.Average.size"].conditional
    assert by_path["learning_rate"].role == "training"
    assert by_path["learning_rate"].log
    assert by_path["head"].options == (False, True)
    assert (by_path["inputs"].options, by_path["inputs"].high) == ((0, 1, 2, 3), 2)
    assert len(decisions) == 1 + 4 * 3 + 2 + 1 + 2 + 1
    assert Block in {
        type(b) for b in sa.SearchSpace.of(Classifier).instance(sa.SearchSpace.of(Classifier).default()).blocks
    }
