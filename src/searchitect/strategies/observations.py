"""What was observed of every architecture, replicates together, and the noise they tell of."""

from __future__ import annotations

from searchitect.objectives import Objective
from searchitect.trial import Trial

__all__ = ["Observations"]


class Observations:
    """A fold over tells: the losses of each canonical key, and the standard deviation between replicates.

    A strategy that compares single observations is blocked by a lucky one. It re-evaluates the incumbent while
    `in_doubt`; where replicates turn out identical the evaluator is deterministic and nothing more is spent on them.

    Args:
        objective: smaller loss is better.
        most: evaluations that one architecture may get; 1 for no replicates.
    """

    def __init__(self, objective: Objective, most: int) -> None:
        self._objective, self._most = objective, most
        self._means: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._attempts: dict[str, int] = {}
        self._squares, self._freedom = 0.0, 0

    def tell(self, trial: Trial) -> None:
        key = trial.key
        self._attempts[key] = max(self._attempts.get(key, 0), trial.proposal.replicate + 1)
        if not trial.is_complete or (trial.reused is not None and key in self._means):
            return
        loss = self._objective.loss(trial.measurements[self._objective.name])
        count, mean = self._counts.get(key, 0), self._means.get(key, 0.0)
        if count:  # Welford's update, pooled over all architectures
            self._squares += (loss - mean) ** 2 * count / (count + 1)
            self._freedom += 1
        self._counts[key] = count + 1
        self._means[key] = mean + (loss - mean) / (count + 1)

    def __contains__(self, key: str) -> bool:
        return key in self._means

    def mean(self, key: str) -> float:
        """Mean loss of an observed architecture."""
        return self._means[key]

    def replicate(self, key: str) -> int:
        """Number of the next replicate: 0 before the first evaluation."""
        return self._attempts.get(key, 0)

    @property
    def noise(self) -> float | None:
        """σ̂ of a single observation, pooled over all replicates; None before the first pair."""
        return (self._squares / self._freedom) ** 0.5 if self._freedom else None

    def in_doubt(self, key: str, rival: float) -> bool:
        """Whether it leads, over a rival's loss, by less than 2σ̂ and another replicate may settle it."""
        lead = rival - self._means[key]
        if lead < 0 or self._attempts.get(key, 0) >= self._most:
            return False
        noise = self.noise
        return noise is None or lead < 2 * noise
