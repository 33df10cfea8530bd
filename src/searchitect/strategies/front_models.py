"""What is believed of several measurements: one Gaussian process for each objective, and for each limit in danger.

Objectives are modelled on a scale that is linear from the best to an early median, and logarithmic beyond: a collapsed
model, ten times worse than all others, neither stretches the scale nor counts as good as the mediocre ones. A limit is
modelled, not punished: the probability that it holds multiplies what an acquisition promises (Gardner et al. 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from searchitect.objectives import Constraint
from searchitect.pareto import front
from searchitect.predictors.gaussian_process import GaussianPosterior, GaussianProcess, evenly
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.archive import Archive
from searchitect.strategies.selection import losses, violation
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.predictors.kernels import Rows

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["FrontModel", "FrontModels", "LimitModels", "compressed", "log_feasible", "scale_of"]


Values = Callable[[int], "Vector"]
"""Returns a column of numbers of the first so many complete trials."""


EARLY = 10
"""Trials whose median divides the mediocre from the bad: as many are random, later ones of the search's own choice."""


def scale_of(values: Vector) -> tuple[float, float]:
    """Return the median of the first `EARLY` values, and how far the best of all lies from it."""
    import numpy as np

    middle = float(np.median(values[:EARLY]))
    unit = middle - float(values.min())
    return middle, unit if unit > 0 else float(np.ptp(values)) or 1.0


def compressed(values: Vector) -> Vector:
    """Return the values with everything worse than the early median on a logarithmic scale; order is kept.

    Args:
        values: losses in the order of the trials, shape (n,).
    """
    import numpy as np

    middle, unit = scale_of(values)
    beyond = np.maximum(values - middle, 0.0)
    return np.asarray(np.minimum(values, middle) + unit * np.log1p(beyond / unit))


def log_feasible(posteriors: Sequence[GaussianPosterior], rows: Rows) -> Vector:
    """Return the log of the probability that all modelled limits hold, noise included; shape (n,)."""
    import numpy as np
    from scipy.special import log_ndtr

    total = np.zeros(len(rows))
    for posterior in posteriors:
        mean, deviation = posterior.predict(rows)
        total += log_ndtr(-mean / np.hypot(deviation, posterior.noise))
    return total


@dataclass(frozen=True)
class FrontModel:
    """The models of one moment.

    Attributes:
        trials: complete trials they rest on.
        objectives: one posterior for each objective, of compressed losses; noise left out.
        limits: one for each limit that some trial broke; below 0 it holds.
        means: believed losses of the trials, shape (n, m).
        feasible: places of trials that keep all limits.
        front: places of those of them that no other is believed to dominate.
        middle, unit: `scale_of` each objective, shape (m,).
    """

    trials: list[Trial]
    objectives: list[GaussianPosterior]
    limits: list[GaussianPosterior]
    means: Matrix
    feasible: list[int]
    front: list[int]
    middle: Vector
    unit: Vector

    def predict(self, rows: Rows) -> tuple[Matrix, Matrix]:
        """Return mean and deviation of each objective, shapes (n, m)."""
        import numpy as np

        found = [posterior.predict(rows) for posterior in self.objectives]
        return np.stack([mean for mean, _ in found], axis=1), np.stack([spread for _, spread in found], axis=1)

    def box(self) -> tuple[Vector, Vector]:
        """Return the ideal point of the believed front, and the extent in each objective in which trades are sought.

        As far as the front goes, and at least to the early median: a front of one point, or of a few that are nearly
        equal in one objective, says nothing about what else there may be. At most as far beyond that median as the best
        lies before it: among what is so bad in one respect nobody chooses by another.
        """
        import numpy as np

        points = self.means[self.front]
        low = points.min(axis=0)
        high = np.maximum(points.max(axis=0), self.middle)
        high = np.minimum(high, self.middle + self.unit * np.log(2.0))
        whole = np.ptp(self.means, axis=0)
        return low, np.where(high - low > 0.01 * whole, high - low, np.where(whole > 0, whole, 1.0))

    def believing(self, rows: Rows) -> FrontModel:
        """Return the model that takes running trials for observed, at their predicted means."""
        return replace(
            self,
            objectives=[posterior.believing(rows) for posterior in self.objectives],
            limits=[posterior.believing(rows) for posterior in self.limits],
        )


class _Learner:
    """Gaussian processes on the decisions of a space: hyper-parameters of the first m trials, posteriors of all.

    Hyper-parameters are learned cold, for each column of numbers by its name, whenever m has changed.
    """

    def __init__(self, archive: Archive, columns: Columns) -> None:
        self._archive, self.columns = archive, columns
        self._process = GaussianProcess(DecisionKernel(columns))
        self._learned: dict[str, tuple[int, Vector]] = {}
        self._rows: list[Rows] = []

    def rows(self) -> Rows:
        """Rows of all complete trials."""
        import numpy as np

        new = [trial.architecture for trial in self._archive.complete[len(self._rows) :]]
        self._rows += list(self.columns.encode(new)) if new else []
        return np.stack(self._rows)

    def posterior(self, name: str, values: Values) -> GaussianPosterior:
        """Return the posterior of one measurement, or the like, given the values of the first trials."""
        rows, known = self.rows(), self._archive.known
        if name not in self._learned or self._learned[name][0] != known:
            if known < 2:
                theta = self._process.prior().mean
            else:
                places = evenly(known, self._process.fit_points)
                # Scaled by the first m trials alone: a rebuilt strategy, asked later, has to learn the same.
                theta = self._process.learned(rows[places], values(known)[places])
            self._learned[name] = known, theta
        return self._process.given(self._learned[name][1], rows, values(len(rows)))


class LimitModels:
    """Posteriors of the limits that a complete trial has broken; the others are no danger, and cost nothing."""

    def __init__(self, setting: Setting, archive: Archive) -> None:
        self._limits, self._archive = setting.constraints, archive
        self._learner = _Learner(archive, Columns.of(setting.space))
        self._cached: tuple[int, list[GaussianPosterior]] = (0, [])

    def posteriors(self) -> list[GaussianPosterior]:
        """Return one posterior for each limit in danger: of a value that is below 0 where it holds."""
        count = len(self._archive.complete)
        if not self._limits or count < 2:
            return []
        if self._cached[0] != count:
            found = [limit for limit in self._limits if self._in_danger(self._beyond(limit, count))]
            posteriors = [self._learner.posterior(str(limit), partial(self._beyond, limit)) for limit in found]
            self._cached = count, posteriors
        return self._cached[1]

    def log_feasible(self, posteriors: Sequence[GaussianPosterior], architectures: Sequence[Architecture]) -> Vector:
        """Return the log of the probability that all limits hold, by the models that `posteriors` returned."""
        return log_feasible(posteriors, self._learner.columns.encode(architectures))

    @staticmethod
    def _in_danger(beyond: Vector) -> bool:
        """Whether a trial broke the limit; where a measurement is missing there is nothing to learn from."""
        return bool((beyond > 0).any()) and bool((beyond == beyond).all())

    def _beyond(self, limit: Constraint, count: int) -> Vector:
        """How far the first trials are beyond the limit, with both tails on a logarithmic scale."""
        import numpy as np

        sign = 1.0 if limit.relation == "<=" else -1.0
        trials = self._archive.complete[:count]
        beyond = sign * np.array([limit.bound(trial.measurements) - limit.limit for trial in trials])
        return np.asarray(np.arcsinh(beyond / (float(np.median(np.abs(beyond))) or 1.0)))


def _first(column: Vector, count: int) -> Vector:
    return compressed(column[:count])


class FrontModels:
    """The models of the objectives and limits of a study; a function of the complete trials alone."""

    def __init__(self, setting: Setting, archive: Archive) -> None:
        self._setting, self._archive, self.columns = setting, archive, Columns.of(setting.space)
        self._learner = _Learner(archive, self.columns)
        self._limits = LimitModels(setting, archive)
        self._cached: tuple[int, FrontModel] | None = None

    def encode(self, architectures: Sequence[Architecture]) -> Rows:
        """One row per architecture, as the kernel wants them."""
        return self.columns.encode(architectures)

    def model(self) -> FrontModel:
        """Return what is believed now; there must be two complete trials."""
        import numpy as np

        count = len(self._archive.complete)
        if self._cached is None or self._cached[0] != count:
            trials, setting = list(self._archive.complete), self._setting
            table = np.array([losses(trial, setting.objectives) for trial in trials])
            posteriors = [
                self._learner.posterior(str(objective), partial(_first, table[:, place]))
                for place, objective in enumerate(setting.objectives)
            ]
            means = np.stack([posterior.fitted() for posterior in posteriors], axis=1)
            feasible = [place for place, trial in enumerate(trials) if violation(trial, setting.constraints) <= 0]
            # Means that differ by less than a tenth of the noise are equal, or ties would fill the front.
            steps = np.array([max(0.1 * posterior.noise, 1e-12) for posterior in posteriors])
            best = [feasible[place] for place in front(np.round(means[feasible] / steps))]
            middle, unit = np.array([scale_of(column) for column in table.T]).T
            model = FrontModel(trials, posteriors, self._limits.posteriors(), means, feasible, best, middle, unit)
            self._cached = count, model
        return self._cached[1]
