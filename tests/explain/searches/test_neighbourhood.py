"""The neighbourhood of the winner: every one-step edit, predicted, measured where it was tried."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import numpy as np
import pytest

import searchitect as sa
from searchitect.explain.searches.evidence import INACTIVE, Evidence, Factor, evidence_of
from searchitect.explain.searches.neighbourhood import code_neighbourhood, neighbourhood
from searchitect.explain.searches.response import fit_response
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

ACCURACY = Objective("accuracy", "maximize")


@sa.space
class Net:
    depth: int = sa.integer(1, 6)
    kernel: int = sa.choice(3, 5, 7)
    act: str = sa.choice("relu", "gelu")


SPACE = SearchSpace.of(Net)


def quality(architectures: Sequence[Architecture]) -> list[float]:
    return [0.1 * a["depth"] - 0.05 * (a["kernel"] == 7) for a in architectures]  # type: ignore


def test_every_neighbour_is_there_with_what_it_changes_the_best_first() -> None:
    winner = Architecture.of(Net(5, 3, "relu"))
    found = neighbourhood(winner, quality, ACCURACY, SPACE)
    assert found.total == len(found.edits) == len(list(SPACE.neighbours(winner))) == 5
    assert found.edits[0].changes[0].text == "depth: 5 → 6"
    assert [edit.change for edit in found.edits] == pytest.approx([0.1, 0, 0, -0.05, -0.1])
    assert (found.better, found.worse) == (1, 2)
    json.dumps(found.to_json(), allow_nan=False)


def test_of_a_loss_the_edit_that_lowers_it_comes_first() -> None:
    found = neighbourhood(Architecture.of(Net(5, 3, "relu")), quality, Objective("loss", "minimize"), SPACE)
    assert found.edits[0].changes[0].text == "depth: 5 → 4"


def test_a_model_tells_intervals_that_hold_the_truth_and_decides_what_is_sure() -> None:
    rng = random.Random(0)
    drawn = [SPACE.sample(rng) for _ in range(80)]
    noisy = [value + rng.gauss(0, 0.005) for value in quality(drawn)]
    response = fit_response(evidence_of(drawn, noisy, ACCURACY))
    found = neighbourhood(Architecture.of(Net(4, 3, "relu")), response, ACCURACY, SPACE)
    truth = dict(zip([e.text for e in found.edits], found.edits, strict=True))
    base = quality([Architecture.of(Net(4, 3, "relu"))])[0]
    for edit in truth.values():
        values = {"depth": 4, "kernel": 3, "act": "relu", edit.changes[0].decision: edit.changes[0].after}
        assert edit.change is not None
        assert edit.half is not None
        wanted = 0.1 * values["depth"] - 0.05 * (values["kernel"] == 7) - base  # type: ignore
        assert abs(edit.change - wanted) <= edit.half
    assert (found.better, found.worse) == (1, 2)


def test_an_option_that_no_trial_had_is_called_untried_and_comes_last() -> None:
    rng = random.Random(1)
    drawn = [a for a in (SPACE.sample(rng) for _ in range(200)) if a["kernel"] != 7 and a["act"] == "relu"]
    response = fit_response(evidence_of(drawn, quality(drawn), ACCURACY))
    found = neighbourhood(Architecture.of(Net(4, 3, "relu")), response, ACCURACY, SPACE)
    untried = [edit for edit in found.edits if edit.change is None]
    assert found.edits[-2:] == tuple(untried)
    assert [edit.text for edit in untried] == ["kernel: 3 → 7: never tried", "act: relu → gelu: never tried"]


def test_what_was_measured_stands_beside_the_prediction() -> None:
    winner, other = Architecture.of(Net(5, 3, "relu")), Architecture.of(Net(6, 3, "relu"))
    measured = {frozenset(winner.items()): (3, 0.5), frozenset(other.items()): (8, 0.7)}
    found = neighbourhood(winner, quality, ACCURACY, SPACE, measured=measured)
    assert (found.edits[0].trial, found.edits[0].measured) == (8, pytest.approx(0.2))
    assert "measured +0.2, trial 8" in found.edits[0].text
    assert all(edit.trial is None for edit in found.edits[1:])


def test_of_a_huge_neighbourhood_some_are_drawn_always_the_same() -> None:
    winner = Architecture.of(Net(3, 3, "relu"))
    found = neighbourhood(winner, quality, ACCURACY, SPACE, most=3)
    assert (len(found.edits), found.total) == (3, 5)
    assert found == neighbourhood(winner, quality, ACCURACY, SPACE, most=3)
    assert "3 drawn from 5" in found.text


def test_rows_of_codes_have_neighbours_too_without_those_that_bring_others_along() -> None:
    factors = (
        Factor("kernel", ("3", "5", "7"), (0.3,) * 3, True),
        Factor("pool", ("Plain", "Pooled"), (0.5, 0.5)),
        Factor("pool.Pooled.size", ("2", "3", INACTIVE), (0.25, 0.25, 0.5), True),
    )
    draw = np.random.default_rng(0)
    codes = np.stack([draw.integers(3, size=50), draw.integers(2, size=50), draw.integers(2, size=50)], axis=1)
    codes[:, 2] = np.where(codes[:, 1] == 1, codes[:, 2], 2)
    table = Evidence(factors, codes, codes[:, 0] * 0.1, ACCURACY, np.ones(50, bool), np.arange(50))
    found = code_neighbourhood(table, np.array([1, 1, 0]), fit_response(table))
    assert {edit.changes[0].text for edit in found.edits} == {
        "kernel: 5 → 3",
        "kernel: 5 → 7",
        "pool.Pooled.size: 2 → 3",
    }
    assert found.edits[0].change == pytest.approx(0.1, abs=0.01)
    assert found.edits[0].measured == pytest.approx(0.1)
