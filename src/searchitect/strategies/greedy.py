"""Greedy search: coordinate ascent over decisions, the most important first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from searchitect.spaces.architecture import Architecture
from searchitect.strategies.climbing import Climber
from searchitect.strategies.importance import importances
from searchitect.strategies.strategy import Setting
from searchitect.strategies.turns import Turns
from searchitect.trial import Trial

__all__ = ["Greedy"]


class Greedy(Climber):
    """Try all values of one decision, commit to the best, go on with the next decision in order of importance.

    Importance is the share of the variance of (ranked) results between the values of a decision, over all that was
    observed so far (the main effects of a functional analysis of variance: Hutter, Hoos & Leyton-Brown, ICML 2014).
    After a commitment all decisions are open again, the same order where all values can be tried, else by turns
    (`Turns`); when none can be improved, a new ascent begins.

    Args:
        starts: random architectures evaluated before each ascent; they give the first importances.
        neighbours: where one move leads to more architectures, or to a continuum, so many are sampled.
        replicates: evaluations that a final incumbent may get while it leads by less than 2σ̂; 1 for one only.

    Raises:
        ConfigError: a number is below 1.
    """

    def __init__(self, setting: Setting, *, starts: int = 10, neighbours: int = 200, replicates: int = 3) -> None:
        super().__init__(setting, starts, neighbours, replicates, first_improvement=False)
        self._turns = Turns()

    def tell(self, trial: Trial) -> None:
        incumbent = self._incumbent
        if incumbent is not None and trial.proposal.parent == incumbent.number and not trial.state.is_finished:
            self._turns.tell(incumbent, trial)
        super().tell(trial)

    def _grouped(self, architectures: Sequence[Architecture], incumbent: Architecture) -> Iterable[list[Architecture]]:
        observed = [(trial.architecture, self._known.mean(key)) for key, trial in self._trials.items()]
        weights = importances(observed, list(incumbent))
        return self._turns.ordered(incumbent, architectures, self._limit, weights).values()
