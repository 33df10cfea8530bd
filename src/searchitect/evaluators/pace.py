"""`Pace`: how long an epoch of any model takes here, learned from a few timed ones.

A trial of a time budget may spend seconds, not epochs: otherwise large models are judged after more computing than they
will get later, and win by it. Seconds are predicted from counts, never read from the clock, so that a trial trains the
same number of epochs whenever it is repeated.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from searchitect.trial import Fidelity

__all__ = ["COUNTS", "Pace", "fit_pace"]

COUNTS = frozenset({"flops", "activations"})
"""What the prediction is made of. Activations follow the time of small models better than FLOPs do: Radosavovic et al.,
"Designing network design spaces", CVPR 2020, §3.3 and figure 12."""

FEWEST_PROBES = 3
"""Timed models below which every model is taken to be as fast as their mean."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one epoch on one worker: `fixed + per_flop · flops + per_activation · activations`."""

    fixed: float
    per_flop: float = 0.0
    per_activation: float = 0.0

    def epoch_seconds(self, counts: Mapping[str, float]) -> float:
        """Predicted seconds of one pass over all training data, with its validation."""
        return self.fixed + self.per_flop * counts["flops"] + self.per_activation * counts["activations"]

    def in_epochs(self, fidelity: Fidelity, counts: Mapping[str, float]) -> Fidelity:
        """Return what a fidelity in seconds means for a model of these counts: epochs, and a share of the data.

        At most `fidelity.epochs`; 4.6 epochs are 5 on 92 % of the data.
        """
        if fidelity.seconds is None:
            return fidelity
        passes = fidelity.seconds / max(1e-9, self.epoch_seconds(counts))
        if fidelity.epochs is not None and passes >= fidelity.epochs:
            return dataclasses.replace(fidelity, seconds=None)
        epochs = max(1, math.ceil(passes))
        share = min(1.0, max(0.02, round(passes / epochs, 3)))
        return dataclasses.replace(fidelity, epochs=epochs, data_fraction=share, seconds=None)

    def to_json(self) -> dict[str, float]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, float]) -> Pace:
        return cls(value["fixed"], value["per_flop"], value["per_activation"])


def fit_pace(probes: Sequence[tuple[float, Mapping[str, float]]]) -> Pace:
    """Fit non-negative coefficients by least relative squares.

    Args:
        probes: seconds of one epoch and counts of each timed model; at least one.
    """
    import numpy as np
    from scipy.optimize import nnls

    seconds = np.array([spent for spent, _ in probes])
    if len(probes) < FEWEST_PROBES:
        return Pace(float(seconds.mean()))
    columns = np.array([[1.0, counts["flops"], counts["activations"]] for _, counts in probes])
    scale = np.maximum(columns.mean(axis=0), 1.0)
    found, _ = nnls(columns / scale / seconds[:, None], np.ones(len(seconds)))
    fixed, per_flop, per_activation = found / scale
    return Pace(float(fixed), float(per_flop), float(per_activation))
