"""Arithmetic, functions and conditions of decisions that are not made yet."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given, strategies as st

from searchitect.errors import SpaceError
from searchitect.spaces.open_values import (
    OpenFlag,
    OpenNumber,
    OpenOption,
    OpenSubset,
    Selection,
    calculate,
    condition,
)


def number(selection, path, *candidates):
    return OpenNumber(selection, (path,), lambda values: values[path], candidates, domains={path: candidates})


@given(
    a=st.lists(st.integers(1, 50), min_size=1, max_size=5, unique=True),
    b=st.lists(st.integers(1, 50), min_size=1, max_size=5, unique=True),
    op=st.sampled_from([operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.truediv]),
)
def test_an_expression_is_what_python_makes_of_the_values(a, b, op):
    selection = Selection()
    made = op(number(selection, "a", *a), number(selection, "b", *b))
    results = set()
    for x in a:
        for y in b:
            selection.values = {"a": x, "b": y}
            assert made.now == op(x, y)
            results.add(op(x, y))
    assert made.candidates == tuple(sorted(results))
    assert (made.smallest, made.largest) == (min(results), max(results))


def test_a_number_that_occurs_twice_is_the_same_both_times():
    width = number(Selection(), "w", 4, 8)
    assert (2 * width - width).candidates == (4, 8)
    assert ((width + width) // width).candidates == (2,)


def test_rounding_and_any_function_stay_open():
    selection = Selection(values={"w": 10, "kind": "b"})
    width, kind = number(selection, "w", 10, 20), OpenOption(selection, "kind", ("a", "b"))
    assert round(width * 0.66).now == 7
    assert (-width).now == -10
    assert calculate(max, width, 16).candidates == (16, 20)
    assert calculate(lambda w, k: w * (3 if k == "b" else 1), width, kind).now == 30
    assert calculate(max, 3, 5) == 5


def test_ends_of_large_expressions_come_from_the_ends_of_their_parts():
    selection = Selection()
    total = sum(number(selection, f"w{n}", *range(1, 101)) for n in range(10))
    assert (total.smallest, total.largest) == (10, 1000)
    assert len(total.candidates) == 991


def test_a_condition_without_doubt_is_not_open():
    selection = Selection(values={"w": 4})
    width = number(selection, "w", 4, 8)
    assert condition(operator.ge, width, 4) is True
    assert condition(operator.gt, width, 8) is False
    assert condition(operator.eq, 3, 3) is True
    doubt = condition(operator.gt, width, 4)
    assert isinstance(doubt, OpenFlag)
    assert not doubt.now
    assert doubt.value({"w": 8})


def test_a_decision_that_is_not_reached_counts_as_its_largest_or_first():
    selection = Selection()
    assert (2 * number(selection, "w", 4, 8)).now == 16
    assert OpenOption(selection, "kind", ("a", "b")).now == "a"
    assert OpenSubset(selection, "reads", (0, 1, 2)).now == (0, 1, 2)


def test_the_number_of_an_option_needs_only_the_decisions_of_that_option():
    selection = Selection(values={"kind": "wide"})
    kind = OpenOption(selection, "kind", ("wide", "own"))
    made = kind.number({"wide": 64, "own": number(selection, "w", 4, 8)})
    assert made.now == 64
    assert made.candidates == (4, 8, 64)
    selection.values = {"kind": "own", "w": 8}
    assert made.now == 8
    with pytest.raises(SpaceError, match="kind: no number is given for its option 'own'"):
        kind.number({"wide": 64})


def test_a_flag_chooses_between_numbers():
    selection = Selection(values={"w": 4})
    width = number(selection, "w", 4, 8)
    made = condition(operator.gt, width, 4).number(width * 10, 0)
    assert made.now == 0
    selection.values = {"w": 8}
    assert made.now == 80


def test_a_subset_can_stand_for_other_positions():
    selection = Selection(values={"reads": (1, 3)})
    backs = OpenSubset(selection, "reads", (1, 2, 3))
    places = backs.mapped(lambda taken: tuple(sorted(5 - back for back in taken)))
    assert places.now == (2, 4)
    assert places.all == (2, 3, 4)
    assert backs.holds(3).now
    assert not backs.holds(2).now


def test_a_calculation_that_can_divide_by_zero_names_its_decisions():
    selection = Selection()
    many = sum(number(selection, f"w{n}", 0, *range(1, 50)) for n in range(4))
    with pytest.raises(SpaceError, match="w0 and w1.*can divide by zero"):
        _ = (many // many).largest


def test_a_flag_cannot_be_asked_by_python():
    width = number(Selection(), "w", 4, 8)
    with pytest.raises(SpaceError, match="whether w.*\n.*sa.nn.when"):
        bool(condition(operator.gt, width, 4))
