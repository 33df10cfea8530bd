"""When a phase ends: after so many trials, so many seconds, or once a condition holds, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from searchitect.objectives import Constraint
from searchitect.trial import Trial

__all__ = ["FAILURES_IN_A_ROW", "REPEATS_IN_A_ROW", "Limit"]

REPEATS_IN_A_ROW = 1_000
"""A strategy that proposes nothing but known or infeasible architectures this often counts as exhausted."""

FAILURES_IN_A_ROW = 10
"""When the first trials of a study fail this often without one success, the fault is not the candidates'."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds of one phase; None means no bound.

    Attributes:
        trials: evaluations started; reused and infeasible trials are free.
        seconds: wall time of the phase.
        cost: busy seconds of all workers together; what running trials will take is estimated by their mean.
        until: ends the phase once a complete trial keeps it.
        enough: ends it once this says so; asked before each trial but the first.
        gain: ends it once the next evaluations are expected to bring no more than this; see `study.gain`.
        joules: energy of the phase, where the machine counts it.
    """

    trials: int | None = None
    seconds: float | None = None
    cost: float | None = None
    until: tuple[Constraint, ...] = ()
    enough: Callable[[], bool] | None = None
    gain: float | None = None
    joules: float | None = None

    def reached(self, trial: Trial) -> bool:
        """Whether a finished trial keeps all conditions of `until`."""
        return bool(self.until) and trial.is_complete and all(c.holds(trial.measurements) for c in self.until)


def hopeless(trials: Iterable[Trial]) -> str | None:
    """The last reason if the first `FAILURES_IN_A_ROW` finished trials all failed."""
    finished = [trial for trial in trials if trial.state.is_finished and trial.reused is None]
    if len(finished) >= FAILURES_IN_A_ROW and not any(t.is_complete for t in finished):
        return finished[-1].reason or "no reason was given"
    return None
