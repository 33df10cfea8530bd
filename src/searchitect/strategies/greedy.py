"""Greedy search: coordinate ascent over decisions, the most important first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.climbing import Climber
from searchitect.strategies.importance import importances
from searchitect.strategies.neighbourhood import changed_decision
from searchitect.strategies.strategy import Setting

__all__ = ["Greedy"]


class Greedy(Climber):
    """Try all values of one decision, commit to the best, go on with the next decision in order of importance.

    Importance is the share of the variance of (ranked) results between the values of a decision, over all that was
    observed so far (the main effects of a functional analysis of variance: Hutter, Hoos & Leyton-Brown, ICML 2014).
    After a commitment all decisions are open again; when none can be improved, a new ascent begins.

    Args:
        starts: random architectures evaluated before each ascent; they give the first importances.
        neighbours: where one move leads to more architectures, or to a continuum, so many are sampled.
        replicates: evaluations that a final incumbent may get while it leads by less than 2σ̂; 1 for one only.

    Raises:
        ConfigError: a number is below 1.
    """

    def __init__(self, setting: Setting, *, starts: int = 10, neighbours: int = 200, replicates: int = 3) -> None:
        super().__init__(setting, starts, neighbours, replicates, first_improvement=False)

    def _grouped(self, architectures: Sequence[Architecture], incumbent: Architecture) -> Iterable[list[Architecture]]:
        lines: dict[str, list[Architecture]] = {}
        for architecture in architectures:
            lines.setdefault(changed_decision(incumbent, architecture), []).append(architecture)
        observed = [(trial.architecture, self._known.mean(key)) for key, trial in self._trials.items()]
        weights = importances(observed, list(incumbent))
        return [lines[path] for path in sorted(lines, key=lambda path: (-weights[path], path))]
