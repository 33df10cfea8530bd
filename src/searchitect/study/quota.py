"""A bound on the disk that weights of trials take: the least useful go first, and the journal says which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from searchitect.storage.artifacts import Kept
from searchitect.study.finalists import feasible, pareto_front
from searchitect.study.incidents import DISCARDED
from searchitect.trial import Trial, TrialState

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = ["KEPT_BEST", "Quota"]

KEPT_BEST = 10
"""So many of the best trials keep their weights in any case."""


class Quota:
    """Keeps the weights of a study within so many bytes; what was removed is an event.

    The best `KEPT_BEST` trials and those of the front keep theirs, and so do running trials, those that they go on or
    inherit from, and all that a result refers to: every confirmed model. Where these alone take more, nothing else is
    left to remove. What trials left is measured once, then that of those which may have changed.

    Args:
        kept: the files of the study's trials; None where nothing is kept.
        most: bytes; None for no bound.
    """

    def __init__(self, study: Study, kept: Kept | None, most: int | None) -> None:
        self._study, self._most = study, most
        self._kept = None if most is None else kept
        self._sizes: dict[int, int] = {}
        if self._kept is not None:
            self._note(self._kept.numbers())

    def keep(self, changed: Trial | None = None) -> None:
        """Remove what is least useful until the rest is within bounds.

        Args:
            changed: the trial that has just ended, if one has: its files, and those that it went on from, are others.
        """
        if self._kept is None or self._most is None:
            return
        if self._kept.grows:
            self._note(self._study.state.running)
        if changed is not None:
            before = changed.proposal.continues
            self._note([changed.number] if before is None else [changed.number, before])
        gone = list(self._excess())
        if gone:
            self._study.mark({"kind": DISCARDED, "numbers": gone})
            for number in gone:
                self._kept.remove(number)
                del self._sizes[number]

    def _note(self, numbers: Iterable[int]) -> None:
        assert self._kept is not None
        for number in numbers:
            self._sizes[number] = self._kept.size(number)

    def _excess(self) -> Iterator[int]:
        """Numbers of the trials whose weights go."""
        assert self._most is not None
        excess = sum(self._sizes.values()) - self._most
        for number in _least_useful_first(self._study) if excess > 0 else ():
            if self._sizes.get(number):
                yield number
                excess -= self._sizes[number]
            if excess <= 0:
                return


def _least_useful_first(study: Study) -> Iterator[int]:
    state = study.state
    running = [state.trials[number] for number in state.running]
    needed = {trial.number for trial in running} | {t.proposal.continues for t in running}
    needed |= {t.proposal.inherits for t in running}
    first, found = study.objectives[0], (state.of_phase("search"), study.objectives, study.constraints)
    order = [t.number for t in sorted(feasible(*found), key=lambda t: first.loss(t.measurements[first.name]))]
    kept = needed | set(order[:KEPT_BEST]) | {trial.number for trial in pareto_front(*found)}
    place = {number: index for index, number in enumerate(order)}
    ended = [t for t in state.trials if t.phase in ("search", "random") and t.state is not TrialState.RUNNING]
    # Those without a place failed, were pruned or break a limit.
    for trial in sorted(ended, key=lambda t: (-place.get(t.number, len(order)), t.number)):
        if trial.number not in kept:
            yield trial.number
