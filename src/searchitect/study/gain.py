"""What the next trials are expected to bring: the stop rule `until="gain<=0.001"`. A pure function of the journal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from searchitect.objectives import Objective
from searchitect.trial import Fidelity, Trial

__all__ = ["GAIN", "UNIT", "expected_gain"]

GAIN = "gain"
"""The word for it in a stop condition."""

UNIT = 10
"""Evaluations that the gain is expected of."""

FEWEST = 20
"""Complete evaluations before which nothing is expected: the rule does not end a search so early."""


def expected_gain(trials: Sequence[Trial], objective: Objective, full: Fidelity) -> float | None:
    """Return by how much the best is expected to improve in the next `UNIT` evaluations; None before `FEWEST`.

    The larger of two estimates. What independent draws would bring: the expected gain of the n-th draw is
    E[max_n − max_(n−1)], and its jackknife estimate (best − second best) / n. And how fast the best has improved over
    the last third of the evaluations, as a strategy that learns goes on improving for a while.

    Args:
        trials: of the search, in any order; those at the full fidelity that are complete count.
    """
    losses = [
        objective.loss(trial.measurements[objective.name])
        for trial in sorted(trials, key=lambda trial: trial.number)
        if trial.is_complete and trial.reused is None and trial.proposal.fidelity == full
    ]
    if len(losses) < FEWEST:
        return None
    first, second = sorted(losses)[:2]
    best = list(accumulate(losses, min))
    window = max(UNIT, len(losses) // 3)
    pace = (best[-1 - window] - best[-1]) / window if window < len(losses) else (best[0] - best[-1]) / window
    return UNIT * max((second - first) / len(losses), pace)
