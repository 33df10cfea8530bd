"""Voronoi cells of the features of a space: found where they are planted, the same for the same seed."""

import numpy as np
import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.objectives import Objective
from searchitect.strategies import Setting, make_strategy
from searchitect.strategies.niches import describe, parse_niches
from searchitect.strategies.tessellation import is_tessellation, made_niches, measured_features
from searchitect.testing.strategies import synthetic_search
from tests.strategies.spaces import Conditional, Flat, Tiny

SPACE = sa.SearchSpace.of(Flat)
SCORE = (Objective("score", "maximize"),)


def cost(architecture, names):
    """Four clusters by `first`, spread a little by `third`."""
    return {"flops": 10.0 ** architecture["first"] * (1 + 0.01 * architecture["third"])} if "flops" in names else {}


def test_planted_clusters_become_cells():
    niches = made_niches({"cvt": {"features": ["flops"], "count": 4, "samples": 2000}}, SPACE, cost, 0)
    cells = {first: set() for first in range(1, 5)}
    for first in cells:
        for third in range(1, 9):
            architecture = sa.Architecture.of(Flat(first, 1, third))
            vector = describe(niches.features, SPACE, architecture, cost(architecture, {"flops"}))
            cells[first].add(int(niches.holding(vector[None])[0].argmax()))
    assert [len(found) for found in cells.values()] == [1, 1, 1, 1]
    assert set.union(*cells.values()) == {0, 1, 2, 3}
    assert niches.logarithmic == (True,)


def test_cells_of_architectures_need_no_measurement_and_hold_each_of_them_once():
    space = sa.SearchSpace.of(Conditional)
    niches = made_niches({"cvt": {"count": 6, "samples": 300}}, space, None, 1)
    rng = sa.seeding.stream(0, "draws")
    rows = np.stack([describe((), space, space.sample(rng), {}) for _ in range(50)])
    inside = niches.holding(rows)
    assert inside.shape == (50, 6)
    assert (inside.sum(axis=1) == 1).all()
    assert inside.any(axis=0).sum() >= 5


def test_a_seed_fixes_the_cells_and_fewer_architectures_make_fewer():
    asked = {"cvt": {"count": 5, "samples": 200}}
    assert made_niches(asked, SPACE, None, 3) == made_niches(asked, SPACE, None, 3)
    assert made_niches(asked, SPACE, None, 3) != made_niches(asked, SPACE, None, 4)
    assert len(made_niches({"cvt": {"count": 50, "samples": 500}}, sa.SearchSpace.of(Tiny), None, 0).names) == 6


def test_what_is_made_is_read_again():
    niches = made_niches({"cvt": {"features": ["third"], "count": 3, "samples": 100}}, SPACE, None, 0)
    assert parse_niches(niches.to_json()) == niches
    assert made_niches(niches.to_json(), SPACE, None, 0) == niches


def test_the_measurements_that_niches_need_are_told():
    assert measured_features({"cvt": {"features": ["flops", "third"]}}, SPACE) == ("flops",)
    assert measured_features(["latency_ms<=5", "parameters<=3"], SPACE) == ("latency_ms", "parameters")
    assert measured_features(None, SPACE) == ()
    assert is_tessellation(None)
    assert not is_tessellation(["a<=1"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"features": ["accuracy"]}, "known without training; accuracy is not"),
        ({"feature": ["flops"]}, "no option 'feature'\n.*did you mean 'features'"),
        ({"features": "flops"}, "wants a list of features"),
        ({"count": 0}, "positive whole number as count, got 0"),
    ],
)
def test_what_cannot_be_made_is_said(asked, message):
    with pytest.raises(ConfigError, match=message):
        made_niches({"cvt": asked}, SPACE, cost, 0)


def test_boxes_are_refused_by_cvt_map_elites():
    with pytest.raises(ConfigError, match="makes cells, not boxes"):
        make_strategy("cvt_map_elites", Setting(SPACE, SCORE), {"niches": ["flops<=3"]})


def test_cvt_map_elites_fills_cells_of_cost():
    setting = Setting(SPACE, SCORE, 0, budget=100, facts=cost)
    strategy = make_strategy("cvt_map_elites", setting, {"features": ["first", "third"], "count": 12, "samples": 500})
    synthetic_search(strategy, setting, lambda a: float(a["second"]), 100)
    best = [elite.measurements["score"] for _, elite in strategy._archive.elites.values()]
    assert len(best) == 12
    assert sum(score == 4.0 for score in best) >= 10
