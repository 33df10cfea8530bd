"""The model of a search's response: how it answers, and how well it knows that."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.explain.searches import response as response_module
from searchitect.explain.searches.evidence import INACTIVE, Evidence, Factor
from searchitect.explain.searches.response import codes_of, fit_response
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture

ACCURACY = Objective("accuracy", "maximize")
FACTORS = (
    *(Factor(f"x{j}", ("1", "2", "3", "4"), (0.25,) * 4, j == 0, (1, 2, 3, 4)) for j in range(3)),
    Factor("pool.size", ("2", "3", INACTIVE), (0.25, 0.25, 0.5), True, (2, 3, None)),
)
EFFECTS = np.array([[0.0, 0.1, 0.2, 0.3], [0.0, 0.2, 0.0, 0.1], [0.0, 0.0, 0.0, 0.0], [0.0, 0.1, 0.05, 0.0]])


def truth(codes: np.ndarray) -> np.ndarray:
    return EFFECTS[np.arange(4), codes].sum(axis=1)


def planted(count: int, noise: float, seed: int = 0) -> Evidence:
    draw = np.random.default_rng(seed)
    codes = draw.integers([4, 4, 4, 3], size=(count, 4))
    told = truth(codes) + noise * draw.normal(size=count)
    return Evidence(FACTORS, codes, told, ACCURACY, np.ones(count, bool), np.arange(count))


def test_predictions_and_intervals_hold_the_planted_differences() -> None:
    table = planted(80, 0.02)
    response = fit_response(table, noise=0.02)
    everything = planted(300, 0.0, 1)
    moved, half = response.differences(everything.codes, table.codes[0])
    wanted = truth(everything.codes) - truth(table.codes[:1])
    assert response.rank_correlation > 0.9
    assert np.corrcoef(response.predict(everything.codes), everything.targets)[0, 1] > 0.97
    assert (np.abs(moved - wanted) <= half).mean() > 0.93
    assert half.mean() < 0.05


def test_noise_that_is_not_known_to_be_luck_widens_the_intervals() -> None:
    table = planted(80, 0.02)
    known = fit_response(table, noise=0.02).differences(table.codes[:5], table.codes[9])[1]
    unknown = fit_response(table).differences(table.codes[:5], table.codes[9])[1]
    assert (unknown > 1.5 * known).all()


def test_a_few_collapsed_models_do_not_blur_the_others() -> None:
    table = planted(100, 0.005)
    collapsed = table.codes[:, 1] == 0
    told = np.where(collapsed & (table.codes[:, 2] == 0), -20.0, table.targets)
    response = fit_response(Evidence(FACTORS, table.codes, told, ACCURACY, table.uniform, table.numbers))
    assert response.warp.unit is not None
    good = table.codes[table.codes[:, 1] != 0]
    moved, half = response.differences(good, good[0])
    assert np.abs(moved - (truth(good) - truth(good[:1]))).mean() < 0.05
    assert np.median(half) < 0.5


def test_a_large_study_is_thinned_and_keeps_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_module, "MOST_ROWS", 40)
    table = planted(150, 0.02)
    response = fit_response(table)
    assert len(response.posterior.targets) == 40
    best = response.warp.forth(np.sort(table.targets)[-10:])
    assert np.isin(best.round(9), response.posterior.targets.round(9)).all()


def test_what_was_never_tried_is_not_answered() -> None:
    tried = Architecture("s", {"x0": 1, "x1": 2, "x2": 3, "other": 1})
    response = fit_response(planted(40, 0.02))
    assert response.knows(tried)
    assert not response.knows(Architecture("s", {"x0": 9, "x1": 2, "x2": 3}))
    assert not response.knows(Architecture("s", {"x0": 1, "x1": 2, "x2": 3, "other": 2}), tried)
    with pytest.raises(ConfigError, match="x0 = 9"):
        codes_of(FACTORS, [Architecture("s", {"x0": 9, "x1": 2, "x2": 3})])


def test_a_constant_objective_is_refused() -> None:
    table = planted(20, 0.0)
    flat = Evidence(FACTORS, table.codes, np.zeros(20), ACCURACY, table.uniform, table.numbers)
    with pytest.raises(ConfigError, match="nothing to explain"):
        fit_response(flat)
