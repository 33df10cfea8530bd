"""Bayesian optimisation with a Gaussian process over decisions: their effects, those of pairs, and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.predictors.effects_kernel import EffectsKernel
from searchitect.predictors.gaussian_process import GaussianProcess
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.acquisition import Acquisition
from searchitect.strategies.gaussian_search import GaussianSearch
from searchitect.strategies.pending import Pending
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    from searchitect.predictors.kernels import Rows

__all__ = ["GP"]


class GP(GaussianSearch):
    """Fit a Gaussian process with one learned scale per decision, try what promises the largest improvement.

    The kernel is that of `predictors.effects_kernel`; arguments as for `GaussianSearch`, but that `exploration` is 0.5,
    and 1 with `per_cost`, by default.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        acquisition: Acquisition = "ei",
        refit_every: int = 5,
        initial: int | None = None,
        candidates: int = 150,
        max_points: int = 1000,
        width: float = 2.0,
        pending: Pending = "believer",
        per_cost: bool = False,
        exploration: float | None = None,
    ) -> None:
        self._columns = Columns.of(setting.space)
        if exploration is None:
            # A price is set against plain improvement: with less, the cheap and unknown would seem worth nothing.
            exploration = 1.0 if per_cost else 0.5
        super().__init__(
            setting,
            GaussianProcess(EffectsKernel(self._columns)),
            acquisition=acquisition,
            refit_every=refit_every,
            initial=initial,
            candidates=candidates,
            max_points=max_points,
            width=width,
            pending=pending,
            per_cost=per_cost,
            exploration=exploration,
        )

    def encode(self, architectures: Sequence[Architecture]) -> Rows:
        return self._columns.encode(architectures)

    def relevance(self) -> dict[str, float]:
        """Return the scale of each decision, largest first: how fast the score changes with it.

        They are learned with the product of `DecisionKernel` alone, which has no other way to explain the scores.
        """
        return self._columns.scales(self._learned_by(GaussianProcess(DecisionKernel(self._columns))))
