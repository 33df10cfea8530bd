"""The archive of elites: the best of every niche, and how good such a collection is.

Mouret and Clune, "Illuminating search spaces by mapping elites", 2015 (arXiv 1504.04909); the QD score is that of Pugh,
Soros and Stanley, "Quality diversity: a new frontier for evolutionary computation", Frontiers in Robotics and AI 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from searchitect.objectives import Constraint, Objective
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.niches import Niches, describe
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["EliteArchive", "coverage", "elites_of", "qd_score", "regrets", "summed_loss"]


class EliteArchive:
    """A fold over evaluated trials: each becomes the elite of every niche that holds it and where it is better.

    Attributes:
        elites: niche, by its place, to (loss, trial); niches without a trial are missing.
    """

    def __init__(self, niches: Niches) -> None:
        self.niches = niches
        self.elites: dict[int, tuple[float, Trial]] = {}

    def add(self, trial: Trial, loss: float, features: Vector | None) -> list[int]:
        """Take note of a trial and return the niches where it is the new elite; among equals the earlier stays."""
        won = [niche for niche in self.niches_of(features) if niche not in self.elites or loss < self.elites[niche][0]]
        for niche in won:
            self.elites[niche] = loss, trial
        return won

    def niches_of(self, features: Vector | None) -> list[int]:
        """Return the places of the niches that hold a vector of features; none where it is not known."""
        import numpy as np

        if features is None:
            return []
        return [int(place) for place in np.flatnonzero(self.niches.holding(features[None])[0])]

    def trials(self) -> list[Trial]:
        """Return the different elites, in the order of their niches."""
        found = {trial.number: trial for _, (_, trial) in sorted(self.elites.items())}
        return list(found.values())

    def losses(self) -> list[float]:
        """Return the loss of the elite of every niche; infinite where there is none."""
        return [self.elites[n][0] if n in self.elites else math.inf for n in range(len(self.niches.names))]


def elites_of(
    trials: Iterable[Trial],
    niches: Niches,
    space: SearchSpace | None,
    objective: Objective,
    limits: Sequence[Constraint] = (),
) -> EliteArchive:
    """Return the archive of complete trials that keep the limits. A pure function of them.

    Args:
        space: needed where the niches are regions of the encoding.
    """
    archive = EliteArchive(niches)
    for trial in trials:
        if not trial.is_complete or trial.reused is not None or objective.name not in trial.measurements:
            continue
        if all(limit.holds(trial.measurements) for limit in limits):
            told: Mapping[str, float] = {**trial.clock, **trial.measurements}
            features = describe(niches.features, space, trial.architecture, told)
            archive.add(trial, objective.loss(trial.measurements[objective.name]), features)
    return archive


def coverage(losses: Sequence[float]) -> float:
    """Share of the niches that have an elite; `losses` are infinite where there is none."""
    return sum(map(math.isfinite, losses)) / len(losses)


def qd_score(losses: Sequence[float], worst: float) -> float:
    """Sum over the niches of `worst − loss`, at least 0 each; a niche without an elite gives nothing.

    Args:
        worst: loss of a model that is worth nothing, such as that of guessing.
    """
    return sum(max(0.0, worst - loss) for loss in losses if math.isfinite(loss))


def summed_loss(losses: Sequence[float], worst: float) -> float:
    """Sum over the niches of the loss, which is `worst` where there is no elite (Schneider et al. 2022, §5)."""
    return sum(loss if math.isfinite(loss) else worst for loss in losses)


def regrets(losses: Sequence[float], best: Sequence[float], worst: float) -> list[float]:
    """Return, niche by niche, how much worse its elite is than the best that there is.

    Args:
        best: loss of the best member of each niche, from a complete table; infinite where it has none. Then the
            regret is 0.
        worst: what counts where a niche has a member but no elite was found.
    """
    pairs = zip(losses, best, strict=True)
    return [0.0 if math.isinf(b) else (a if math.isfinite(a) else worst) - b for a, b in pairs]
