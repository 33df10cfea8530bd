"""Bayesian optimisation of several objectives with Gaussian processes: all but the acquisition."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.predictors.targets import rank_correlation
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.acquisition import most_promising
from searchitect.strategies.archive import Archive, initial_trials
from searchitect.strategies.cost_cooling import CostCooling
from searchitect.strategies.front_models import FrontModel, FrontModels, log_feasible
from searchitect.strategies.strategy import Belief, Setting
from searchitect.trial import Proposal, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]

__all__ = ["GaussianFront"]

PARENTS = 10
"""Trials that are mutated into candidates."""


class GaussianFront(ABC):
    """Fit a Gaussian process to each objective and propose what promises to push the front furthest.

    Hyper-parameters are learned, cold, from the first m = k·⌊completed/k⌋ complete trials; the posteriors rest on all
    complete trials, and on running ones at their predicted means (kriging believer). Limits on measured quantities
    are modelled in the same way; those known without training are checked, for free.

    Args:
        name: of the random streams.
        initial: random trials before the models decide; by default a quarter of the budget within 3..10. The first is
            the space's default architecture.
        refit_every: k.
        candidates: random candidates per ask, and as many mutants of the best ten; a third more of the best of both.
        per_cost: promise per predicted cost instead of promise; see `CostCooling`.
    """

    def __init__(
        self,
        setting: Setting,
        name: str,
        *,
        initial: int | None,
        refit_every: int,
        candidates: int,
        per_cost: bool,
    ) -> None:
        self._setting, self._name, self._candidates = setting, name, candidates
        self._initial = initial or initial_trials(setting)
        self._archive = Archive(setting, refit_every)
        self._models = FrontModels(setting, self._archive)
        self._cooling = CostCooling(setting, self._archive, self._initial) if per_cost else None

    @abstractmethod
    def _promise(self, model: FrontModel, rows: Rows, rng: random.Random) -> Vector:
        """Return the log of the acquisition of each row; the same random numbers for every call of one ask."""

    @abstractmethod
    def _parents(self, model: FrontModel, rng: random.Random) -> list[int]:
        """Return places of the trials to mutate, best first."""

    def ask(self, number: int) -> Proposal | None:
        setting, archive = self._setting, self._archive
        rng = stream(setting.seed, self._name, number)
        if archive.is_young(self._initial):
            return archive.opening(rng)
        model = self._models.model()
        luck = rng.getrandbits(64)
        parents = [model.trials[place].architecture for place in self._parents(model, random.Random(luck))[:PARENTS]]
        if archive.running:
            model = model.believing(self._models.encode([t.architecture for t in archive.running.values()]))

        def score(architectures: Sequence[Architecture]) -> Vector:
            rows = self._models.encode(architectures)
            found = log_feasible(model.limits, rows)
            if model.feasible:
                found = found + self._promise(model, rows, random.Random(luck))
            return found if self._cooling is None else found - self._cooling.discount(architectures)

        count = self._candidates
        chosen = most_promising(setting, archive.seen, parents, score, rng, random_draws=count, mutants=count)
        return None if chosen is None else Proposal(chosen, setting.fidelity)

    def tell(self, trial: Trial) -> None:
        self._archive.tell(trial)

    def belief(self) -> Belief:
        """The trial of best believed first objective, and how well held-out predictions rank the trials by it."""
        if len(self._archive.complete) < 2:
            return Belief(note="no model yet: fewer than two complete trials")
        model = self._models.model()
        places = model.feasible or list(range(len(model.trials)))
        best = min(places, key=lambda place: model.means[place, 0])
        agreement = rank_correlation(model.objectives[0].held_out(), model.objectives[0].targets)
        note = f"{len(model.objectives)} Gaussian processes on {len(model.trials)} trials"
        note += f", {len(model.front)} believed on the front"
        return Belief(model.trials[best].number, agreement, note)
