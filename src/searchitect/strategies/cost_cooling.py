"""Expected improvement per cost: cheap candidates first, the best ones at the end.

Lee, Perrone, Archambeau & Seeger, "Cost-aware Bayesian optimization", 2020 (arXiv 2003.10870), §3: EI / c(x)^α, where
the cooling α falls from 1 to 0 as the budget is spent. Dividing by the whole cost until the end would never try what is
dear, however good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.archive import Archive
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["CostCooling"]

UNKNOWN_BUDGET = 100
"""Trials that are taken for the budget where none is known."""


class CostCooling:
    """log c(x)^α of candidates, to be taken off the log of an acquisition.

    The budget of a study is counted in trials here: it is worth as many trials at the mean cost of the first ones,
    which were drawn before there was a model.

    Args:
        initial: number of these first trials.

    Raises:
        ConfigError: the study has no model of cost.
    """

    def __init__(self, setting: Setting, archive: Archive, initial: int) -> None:
        if setting.cost is None:
            raise ConfigError(
                "per_cost needs a prediction of what an evaluation takes, and this study has none",
                hint="leave per_cost out, or search a task: seconds or FLOPs are then predicted",
            )
        self._cost, self._archive, self._initial = setting.cost, archive, initial
        self._budget = setting.budget or UNKNOWN_BUDGET

    def alpha(self) -> float:
        """Return α = (τ − spent) / (τ − spent on the initial design) in 0..1; a function of what was told."""
        # Asked anew each time: the model of cost learns, and a rebuilt strategy knows its latest state only.
        costs = [self._cost(trial.architecture) for trial in self._archive.complete]
        costs += [self._cost(trial.architecture) for trial in self._archive.running.values()]
        first = costs[: self._initial]
        if not first:
            return 1.0
        total = self._budget * sum(first) / len(first)
        left, all_left = total - sum(costs), total - sum(first)
        return min(1.0, max(0.0, left / all_left)) if all_left > 0 else 0.0

    def discount(self, architectures: Sequence[Architecture]) -> Vector:
        """Return α·log c of each, shape (n,)."""
        import numpy as np

        costs = np.array([self._cost(architecture) for architecture in architectures], dtype=np.float64)
        return np.asarray(self.alpha() * np.log(np.maximum(costs, 1e-12)))
