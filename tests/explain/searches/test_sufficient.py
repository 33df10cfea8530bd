"""What no explanation can be made of is refused with what would be needed."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence, Factor
from searchitect.explain.searches.sufficient import check_sufficient
from searchitect.objectives import Objective

FACTOR = Factor("x", ("a", "b"), (0.5, 0.5))


def table(targets: list[float], factors: tuple[Factor, ...] = (FACTOR,)) -> Evidence:
    count = len(targets)
    codes = np.zeros((count, len(factors)), dtype=np.int64)
    return Evidence(factors, codes, np.array(targets), Objective("a", "maximize"), np.ones(count, bool), codes[:, :0])


def test_too_few_trials_say_how_many_are_missing() -> None:
    with pytest.raises(ConfigError, match="rules need at least 5 complete trials") as caught:
        check_sufficient(table([0.1, 0.2]), 5, "rules")
    assert "3 more trials" in str(caught.value)


def test_no_trial_at_all_is_too_few() -> None:
    with pytest.raises(ConfigError, match="there are 0"):
        check_sufficient(table([]), 1, "rules")


def test_a_constant_objective_says_its_value() -> None:
    with pytest.raises(ConfigError, match=r"a is 0\.3 in all 3 trials"):
        check_sufficient(table([0.3] * 3), 2, "rules")


def test_trials_that_decide_alike_explain_nothing() -> None:
    with pytest.raises(ConfigError, match="decided everything alike"):
        check_sufficient(table([0.1, 0.2, 0.3], ()), 2, "rules")


def test_enough_is_not_refused() -> None:
    check_sufficient(table([0.1, 0.2, 0.3]), 3, "rules")
