"""A scale on which collapsed models do not hide the rest."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.explain.searches.warping import Warp, log_warp
from searchitect.objectives import Objective

ACCURACY, LOSS = Objective("accuracy", "maximize"), Objective("loss", "minimize")
TAILED = np.array([0.9, 0.91, 0.89, 0.88, 0.9, 0.92, 0.1, 0.87, 0.9, 0.1])


@pytest.mark.parametrize("warp", [Warp(ACCURACY), Warp(LOSS), log_warp(TAILED, ACCURACY), log_warp(-TAILED, LOSS)])
def test_what_was_bent_is_bent_back_and_the_slope_is_that_of_the_way_back(warp: Warp) -> None:
    values = TAILED if warp.objective is ACCURACY else -TAILED
    bent = warp.forth(values)
    assert warp.back(bent) == pytest.approx(values)
    step = 1e-6
    assert warp.slope(bent) == pytest.approx((warp.back(bent + step) - warp.back(bent - step)) / (2 * step), rel=1e-4)


def test_smaller_is_better_on_the_bent_scale_and_the_tail_is_short() -> None:
    warp = log_warp(TAILED, ACCURACY)
    assert warp is not None
    bent = warp.forth(TAILED)
    assert (np.argsort(bent, kind="stable") == np.argsort(-TAILED, kind="stable")).all()
    assert bent.max() / np.median(bent) < (0.92 - TAILED.min()) / (0.92 - np.median(TAILED)) / 5


def test_values_without_a_bad_tail_are_left_as_they_are() -> None:
    assert log_warp(np.linspace(0, 1, 20), ACCURACY) is None
    assert log_warp(1.0 - TAILED, ACCURACY) is None  # the tail is on the good side
