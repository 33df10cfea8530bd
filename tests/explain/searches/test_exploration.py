"""The map of architectures: the same distances, the same map every time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence, Factor
from searchitect.explain.searches.exploration import exploration_map
from searchitect.objectives import Objective

ACCURACY = Objective("accuracy", "maximize")


def table(codes: np.ndarray, values: np.ndarray | None = None) -> Evidence:
    count, width = codes.shape
    factors = tuple(Factor(f"x{j}", ("a", "b", "c"), (1 / 3,) * 3) for j in range(width))
    told = np.arange(count) / count if values is None else values
    return Evidence(factors, codes, told, ACCURACY, np.zeros(count, bool), np.arange(count))


def test_two_families_lie_apart_and_the_first_axis_says_what_parts_them() -> None:
    draw = np.random.default_rng(0)
    codes = np.where(np.arange(60)[:, None] < 30, 0, 1) * np.ones((60, 6), int)
    codes[:, 5] = draw.integers(3, size=60)
    found = exploration_map(table(codes.astype(np.int64)))
    sides = np.array([place.x for place in found.places])
    assert (np.sign(sides[:30]) != np.sign(sides[30:])).all()
    assert found.told > 0.8
    assert found.axes[0][0].split(" = ")[1] in "ab"
    json.dumps(found.to_json(), allow_nan=False)


def test_distances_in_the_plane_are_those_of_differing_decisions_where_two_axes_tell_all() -> None:
    codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = exploration_map(table(codes))
    points = np.array([[place.x, place.y] for place in found.places])
    assert found.told == pytest.approx(1)
    for one in range(4):
        for other in range(4):
            wanted = (2 * (codes[one] != codes[other]).sum()) ** 0.5
            assert np.linalg.norm(points[one] - points[other]) == pytest.approx(wanted, abs=1e-3)


def test_the_order_of_columns_and_rows_leaves_the_map_as_it_is() -> None:
    codes = np.random.default_rng(1).integers(3, size=(40, 5))
    first = exploration_map(table(codes))
    order = np.random.default_rng(2).permutation(40)
    again = exploration_map(table(codes).rows(order))
    assert [(p.number, p.x, p.y) for p in again.places] == [(p.number, p.x, p.y) for p in first.places]


def test_a_place_says_how_far_it_lies_from_the_best_before_it() -> None:
    codes = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 2]])
    found = exploration_map(table(codes, np.array([0.1, 0.5, 0.2, 0.4])))
    assert [place.apart for place in found.places] == [None, 0.25, 0.75, 0.25]


def test_many_places_are_thinned_and_the_best_stay() -> None:
    codes = np.random.default_rng(3).integers(3, size=(900, 4))
    found = exploration_map(table(codes, np.arange(900) % 97 / 97.0), most=100)
    assert len(found.places) == 100
    assert found.total == 900
    assert sum(place.value == 96 / 97 for place in found.places) == 9


def test_two_trials_make_no_map() -> None:
    with pytest.raises(ConfigError, match="at least 3 trials"):
        exploration_map(table(np.array([[0, 1], [1, 0]])))
