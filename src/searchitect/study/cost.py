"""What the next trial will take: a model of cost that is refitted as trials end.

log seconds = log(base) + w · (1, log FLOPs, log parameters, log passes), ridge regression of the difference from
`base`: the seconds that the timed epochs foretold, or FLOPs times passes over the data where nothing was timed. It
begins as `base` times the mean error, and learns what this machine does with large models and busy neighbours.

Seconds come from the clock, which strategies may not read. So a refit is an event of the journal, and what is predicted
is a function of the journal alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.trial import Fidelity, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["COUNTS", "CostModel", "Observed", "base_seconds", "fit_cost", "refit_due"]

COUNTS = frozenset({"flops", "parameters", "activations"})
"""What is asked of an architecture; where a count is not known it does not speak."""

PENALTY = 1.0
"""Ridge penalty of the slopes, in units of one trial: a handful of trials moves the mean, dozens move the slopes."""

FEWEST = 3
"""Complete trials from which on there is a model."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One trial that ended: its counts, passes over the data, what the base foretold, and its seconds."""

    counts: Mapping[str, float]
    passes: float
    base: float
    seconds: float


@dataclass(frozen=True, slots=True)
class CostModel:
    """Weights of (1, log FLOPs, log parameters, log passes), centred at `means`.

    Attributes:
        spread: standard deviation of the log of seconds around the prediction.
        trials: how many it was fitted on.
    """

    weights: tuple[float, ...]
    means: tuple[float, ...]
    spread: float
    trials: int

    def seconds(self, counts: Mapping[str, float], passes: float, base: float) -> float:
        """Predicted busy seconds of one evaluation."""
        columns = zip(_features(counts, passes), self.means, self.weights[1:], strict=True)
        return base * math.exp(self.weights[0] + sum((x - mean) * weight for x, mean, weight in columns))

    def to_json(self) -> dict[str, Any]:
        return {
            "weights": [round(weight, 6) for weight in self.weights],
            "means": [round(mean, 6) for mean in self.means],
            "spread": round(self.spread, 6),
            "trials": self.trials,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CostModel:
        return cls(tuple(value["weights"]), tuple(value["means"]), value["spread"], value["trials"])


def _features(counts: Mapping[str, float], passes: float) -> list[float]:
    logs = [math.log(max(1.0, counts.get(name, 1.0))) for name in ("flops", "parameters")]
    return [*logs, math.log(max(passes, 1e-6))]


def base_seconds(
    pace: Mapping[str, float] | None, counts: Mapping[str, float], fidelity: Fidelity, epochs: int | None = None
) -> tuple[float, float]:
    """Return what is foretold before anything was learned, in seconds or FLOPs, and the passes over the data.

    Args:
        pace: "fixed", "per_flop" and "per_activation" seconds of an epoch, as timed before the study; None where none
            was.
        epochs: of a full training, where the fidelity does not say.
    """
    full = fidelity.epochs if fidelity.epochs is not None else epochs
    passes = (full or 1) * fidelity.data_fraction * fidelity.resolution**2
    if fidelity.seconds is not None:
        return fidelity.seconds, passes
    if pace is None or not {"flops", "activations"} <= set(counts):
        return passes * max(1.0, counts.get("flops", 1.0)), passes
    each = pace["fixed"] + pace["per_flop"] * counts["flops"] + pace["per_activation"] * counts["activations"]
    return max(1e-9, each * passes), passes


def fit_cost(rows: Sequence[Observed]) -> CostModel | None:
    """Fit by ridge regression; the intercept is not shrunk. None of fewer than `FEWEST` rows."""
    import numpy as np

    rows = [row for row in rows if row.seconds > 0]
    if len(rows) < FEWEST:
        return None
    x = np.array([_features(row.counts, row.passes) for row in rows])
    y = np.log([row.seconds / row.base for row in rows])
    means, middle = x.mean(axis=0), float(y.mean())
    centred = x - means
    slopes = np.linalg.solve(centred.T @ centred + PENALTY * np.eye(x.shape[1]), centred.T @ (y - middle))
    left = y - middle - centred @ slopes
    spread = float(np.sqrt(left @ left / max(1, len(rows) - 1)))
    return CostModel((middle, *slopes.tolist()), tuple(means.tolist()), spread, len(rows))


def refit_due(complete: int) -> bool:
    """Whether the model is refitted after so many complete trials: 3, 5, 10, and then every tenth."""
    return complete in (FEWEST, 5) or (complete > 0 and complete % 10 == 0)


def completed(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that ended with a result, on their own account."""
    return [trial for trial in trials if trial.is_complete and trial.reused is None]
