"""Latency (or energy) on a device of which a few networks are known: what an additive table can say, and what other
devices say, weighed by how well each foretold the measured networks it had not seen.

Experts, each an `AdditiveProcess`:

    additive             y linear in the features, in the unit of y: an additive table of costs
    log additive         log y linear in the features
    smooth               log y smooth in the features
    other devices        log y smooth in the factors
    table and devices    y linear in features and factors; the same for log y

*Factors* are the principal components of the latencies of reference networks on known devices (HELP, Lee et al.,
NeurIPS 2021, describes a device by such latencies; here a network is described by them). The additive table must pass
a check of additivity (R² and bias on whole networks that were left out), otherwise it has no say. The weight of an
expert is exp(−n/2 · (e/e* − 1)), e the mean squared leave-one-out error of log y, e* the smallest of all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from searchitect.predictors.additive_process import AdditivePosterior, AdditiveProcess, Group

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["Additivity", "Factors", "FewShot", "FewShotPosterior"]

MOST_FACTORS = 4
LEAST_R2, MOST_BIAS = 0.8, 0.1
"""An additive table whose held-out R² is lower, or whose held-out bias is larger, is not additive here."""

_LEAST_VALUE = 1 / 3
"""A linear expert never foretells less than this share of the smallest value seen: latencies are positive."""


@dataclass(frozen=True, slots=True)
class Additivity:
    """How well costs add up, on whole networks that were left out.

    Attributes:
        r2: share of the variance that is explained, in the unit of the targets.
        bias: mean error divided by the mean target.
    """

    r2: float
    bias: float

    @property
    def passes(self) -> bool:
        """Whether an additive table may be believed."""
        return self.r2 >= LEAST_R2 and abs(self.bias) <= MOST_BIAS


@dataclass(frozen=True)
class Factors:
    """Principal components of latencies on known devices.

    Attributes:
        mean, unit, axes: of the latencies of the reference networks: (devices,), (devices,), (devices, factors).
        log_mean, log_unit, log_axes: of their logarithms.
    """

    mean: Vector
    unit: Vector
    axes: Matrix
    log_mean: Vector
    log_unit: Vector
    log_axes: Matrix

    @classmethod
    def of(cls, latencies: Matrix, count: int = MOST_FACTORS) -> Factors:
        """Learn from (networks, devices), all positive: at least two networks."""
        import numpy as np

        plain, logs = _components(latencies, count), _components(np.log(latencies), count)
        return cls(*plain, *logs)

    def linear(self, latencies: Matrix) -> Matrix:
        """Return the factors of networks from their latencies on the same devices: (networks, factors)."""
        factors: Matrix = (latencies - self.mean) / self.unit @ self.axes
        return factors

    def logarithmic(self, latencies: Matrix) -> Matrix:
        """The same of the logarithms."""
        import numpy as np

        factors: Matrix = (np.log(latencies) - self.log_mean) / self.log_unit @ self.log_axes
        return factors


def _components(rows: Matrix, count: int) -> tuple[Vector, Vector, Matrix]:
    import numpy as np

    mean, unit = rows.mean(axis=0), rows.std(axis=0)
    unit = np.where(unit > 1e-12, unit, 1.0)
    _, sizes, axes = np.linalg.svd((rows - mean) / unit, full_matrices=False)
    kept = sizes[:count] > 1e-6 * max(float(sizes[0]), 1e-12)
    return mean, unit, axes[:count][kept].T


@dataclass(frozen=True, slots=True)
class _Expert:
    """Which columns it sees, and whether it foretells the logarithm."""

    name: str
    log: bool
    groups: tuple[Group, ...]


class FewShot:
    """Learns positive costs from a few networks; see the module.

    Args:
        widths: of the feature groups, side by side: costs of single decisions or operations, their totals, …
        factors: from other devices; None without.
    """

    def __init__(self, widths: Sequence[int], factors: Factors | None = None) -> None:
        self._widths, self._factors = tuple(widths), factors

    def fit(self, features: Matrix, targets: Vector, references: Matrix | None = None) -> FewShotPosterior:
        """Fit in O(n³).

        Args:
            features: (n, sum of widths).
            targets: (n,), positive.
            references: (n, devices), positive: the same networks on the devices of `factors`.
        """
        import numpy as np

        rows = self._rows(features, references)
        fitted: list[tuple[_Expert, AdditivePosterior, Vector, Vector]] = []
        logs = np.log(targets)
        least = _LEAST_VALUE * float(targets.min())
        check = Additivity(0.0, 0.0)
        for expert in self._experts(rows.shape[1]):
            posterior = AdditiveProcess(expert.groups).fit(rows, logs if expert.log else targets)
            foretold, deviation = posterior.left_out()
            if expert.name == "additive":
                check = _additivity(foretold, targets)
                if not check.passes:
                    continue
            fitted.append((expert, posterior, *_in_logs(expert, foretold, deviation, least)))
        errors = np.array([np.square(mean - logs).mean() for _, _, mean, _ in fitted])
        weights = np.exp(-0.5 * len(targets) * (errors / max(float(errors.min()), 1e-12) - 1.0))
        weights /= weights.sum()
        mean, sd = _mixed(weights, [mean for *_, mean, _ in fitted], [sd for *_, sd in fitted])
        # The variances were themselves learned from these few rows: that costs about six of them.
        stretch = float(np.sqrt(np.square((mean - logs) / sd).mean())) * (1.0 + 6.0 / len(targets))
        experts = tuple((expert, posterior) for expert, posterior, _, _ in fitted)
        return FewShotPosterior(self, experts, weights, least, min(max(stretch, 1.0), 4.0), check, mean)

    def _rows(self, features: Matrix, references: Matrix | None) -> Matrix:
        import numpy as np

        if self._factors is None:
            return features
        assert references is not None
        return np.concatenate(
            [features, self._factors.linear(references), self._factors.logarithmic(references)], axis=1
        )

    def _experts(self, width: int) -> list[_Expert]:
        starts = [sum(self._widths[:place]) for place in range(len(self._widths) + 1)]
        own = tuple(Group(start, stop) for start, stop in itertools.pairwise(starts))
        experts = [
            _Expert("additive", False, own),
            _Expert("log additive", True, own),
            _Expert("smooth", True, (*own, Group(0, starts[-1], curved=True))),
        ]
        if self._factors is None:
            return experts
        middle = starts[-1] + self._factors.axes.shape[1]
        linear, logarithmic = Group(starts[-1], middle), Group(middle, width)
        curved = Group(middle, width, curved=True)
        return [
            *experts,
            _Expert("other devices", True, (logarithmic, curved)),
            _Expert("table and devices", False, (linear, *own)),
            _Expert("log table and devices", True, (logarithmic, *own)),
        ]


@dataclass(frozen=True)
class FewShotPosterior:
    """Experts with their weights.

    Attributes:
        stretch: by which the deviations are multiplied, so that the networks left out lie where they were foretold.
        check: of the additive table.
        left_out: leave-one-out prediction of log y of each training row.
    """

    model: FewShot
    experts: tuple[tuple[_Expert, AdditivePosterior], ...]
    weights: Vector
    least: float
    stretch: float
    check: Additivity
    left_out: Vector

    @cached_property
    def shares(self) -> dict[str, float]:
        """Weight of each expert by its name, largest first."""
        named = {expert.name: float(w) for (expert, _), w in zip(self.experts, self.weights, strict=True)}
        return dict(sorted(named.items(), key=lambda item: -item[1]))

    def predict(self, features: Matrix, references: Matrix | None = None) -> tuple[Vector, Vector]:
        """Return mean and deviation of log y of each row, noise of measuring included; arguments as in `fit`."""
        import numpy as np

        rows = self.model._rows(features, references)
        chosen = [place for place, weight in enumerate(self.weights) if weight > 1e-3]
        means, sds = [], []
        for expert, posterior in (self.experts[place] for place in chosen):
            mean, deviation = posterior.predict(rows)
            deviation = np.hypot(deviation, posterior.noise)
            mean, deviation = _in_logs(expert, mean, deviation, self.least)
            means.append(mean)
            sds.append(deviation)
        weights = self.weights[chosen] / self.weights[chosen].sum()
        mean, sd = _mixed(weights, means, sds)
        return mean, self.stretch * sd


def _in_logs(expert: _Expert, mean: Vector, deviation: Vector, least: float) -> tuple[Vector, Vector]:
    """Mean and deviation of the logarithm; of a linear expert by its slope there."""
    import numpy as np

    if expert.log:
        return mean, deviation
    positive = np.maximum(mean, least)
    return np.log(positive), deviation / positive


def _mixed(weights: Vector, means: Sequence[Vector], sds: Sequence[Vector]) -> tuple[Vector, Vector]:
    """Mean and deviation of a mixture."""
    import numpy as np

    mean = weights @ np.stack(means)
    second = weights @ (np.square(np.stack(sds)) + np.square(np.stack(means)))
    return mean, np.sqrt(np.maximum(second - np.square(mean), 1e-12))


def _additivity(foretold: Vector, targets: Vector) -> Additivity:
    import numpy as np

    left = float(np.square(foretold - targets).sum())
    total = float(np.square(targets - targets.mean()).sum())
    return Additivity(1.0 - left / max(total, 1e-300), float((foretold - targets).mean() / targets.mean()))
