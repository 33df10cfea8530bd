"""What a study has spent, and on what: the ledger that stands beside the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from searchitect.evaluation import Energy
from searchitect.study.energy import spent_energy
from searchitect.study.scored import PROXIES
from searchitect.study.state import StudyState
from searchitect.trial import Trial, TrialState

__all__ = ["Spent", "spending"]

_WORDS = {"search": "search", "random": "random search", "confirm": "confirmation"}


@dataclass(frozen=True, slots=True)
class Spent:
    """One line of the ledger.

    Attributes:
        what: "search", "random search", "confirmation", "failures", "proxies" or "reused".
        trials: how many it is the sum of; 0 for proxies.
        seconds: busy seconds of the workers.
        joules: its share of the energy of all evaluations, by seconds; None before anything was spent.
        saved: busy seconds that reused trials would have cost; 0 elsewhere.
    """

    what: str
    trials: int
    seconds: float
    joules: float | None = None
    saved: float = 0.0

    def to_json(self) -> dict[str, Any]:
        joules = None if self.joules is None else round(self.joules, 3)
        line: dict[str, Any] = {"what": self.what, "trials": self.trials, "seconds": round(self.seconds, 3)}
        line["joules"] = joules
        return line | ({"saved_seconds": round(self.saved, 3)} if self.what == "reused" else {})


def spending(state: StudyState) -> tuple[Spent, ...]:
    """Return the ledger: what was spent on trials that gave a result, by phase, on those that failed, and on scores.

    The seconds of all lines add up to the busy seconds of the study; lines without trials and seconds are left out.
    """
    energy = spent_energy(state)
    total = sum(state.seconds.values())
    ran = [trial for trial in state.trials if trial.reused is None and trial.state.is_finished]
    lines = []
    for phase in dict.fromkeys([*_WORDS, *state.seconds]):
        if phase != PROXIES:
            own = [t for t in ran if t.phase == phase and t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
            lines.append(Spent(_WORDS.get(phase, phase), len(own), _seconds(own)))
    failed = [trial for trial in ran if trial.state is TrialState.FAILED]
    lines.append(Spent("failures", len(failed), _seconds(failed)))
    lines.append(Spent("proxies", 0, state.seconds.get(PROXIES, 0.0)))
    again = [trial for trial in state.trials if trial.reused is not None]
    saved = _seconds(state.trials[t.reused] for t in again if t.reused is not None)
    lines.append(Spent("reused", len(again), 0.0, saved=saved))
    return tuple(_with_energy(line, energy, total) for line in lines if line.trials or line.seconds)


def _seconds(trials: Iterable[Trial]) -> float:
    return sum(trial.clock.get("seconds", 0.0) for trial in trials)


def _with_energy(line: Spent, energy: Energy | None, total: float) -> Spent:
    if energy is None or total <= 0:
        return line
    return Spent(line.what, line.trials, line.seconds, energy.joules * line.seconds / total, line.saved)
