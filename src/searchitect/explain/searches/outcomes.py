"""Where the budget went, and which options fail: counts of how trials ended, by phase and by option."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.explain.searches.evidence import Evidence, evidence_of
from searchitect.explain.searches.intervals import wilson
from searchitect.objectives import Objective
from searchitect.trial import Trial

__all__ = ["ENDINGS", "OptionOutcomes", "Outcomes", "PhaseCost", "outcomes"]

ENDINGS = ("complete", "pruned", "failed", "infeasible", "reused")
"""How a trial ends; a reused one repeated a result for free."""

MOST_DECISIONS, CONFIDENCE = 40, 0.05


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """What one phase spent on trials of one ending.

    Attributes:
        trials: how many.
        seconds: busy seconds of the workers.
    """

    phase: str
    ending: str
    trials: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class OptionOutcomes:
    """How trials with one option ended.

    Attributes:
        counts: per ending, in the order of `ENDINGS`; they sum to `tries`.
        seconds: busy seconds of all of them.
        low, high: 95 % interval of the share that failed or was infeasible (Wilson).
        notable: that share is larger than that of all other trials beyond chance (Fisher's exact test, Holm over all
            options, 5 %).
    """

    decision: str
    option: str
    tries: int
    counts: tuple[int, ...]
    seconds: float
    low: float
    high: float
    notable: bool = False

    @property
    def lost(self) -> int:
        """How many gave no result: failed or infeasible."""
        return self.counts[ENDINGS.index("failed")] + self.counts[ENDINGS.index("infeasible")]

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"decision": self.decision, "option": self.option, "tries": self.tries}
        told |= {"counts": dict(zip(ENDINGS, self.counts, strict=True)), "seconds": round(self.seconds, 3)}
        return told | {"lost": self.lost, "low": self.low, "high": self.high, "notable": self.notable}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Where the budget went.

    Attributes:
        phases: per phase and ending what was spent.
        options: the heat map, decision by decision in the order of the space.
        left_out: decisions that are not shown because there are too many.
    """

    phases: tuple[PhaseCost, ...]
    options: tuple[OptionOutcomes, ...]
    trials: int
    left_out: int

    @property
    def texts(self) -> tuple[str, ...]:
        """A sentence for each option that fails more often than others, the worst first, at most five."""
        worst = sorted((one for one in self.options if one.notable), key=lambda one: -one.lost / one.tries)
        return tuple(
            f"{one.decision} = {one.option}: {one.lost} of {one.tries} trials gave no result "
            f"({one.low:.0%} to {one.high:.0%})"
            for one in worst[:5]
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "texts": list(self.texts),
            "trials": self.trials,
            "phases": [one.to_json() for one in self.phases],
            "options": [one.to_json() for one in self.options],
            "left_out": self.left_out,
        }


def outcomes(trials: Iterable[Trial], *, most: int = MOST_DECISIONS) -> Outcomes:
    """Count how trials ended, and what they cost. Confirmations count by phase only: the search did not choose them.

    Args:
        most: decisions in the heat map; of more, those are kept whose options differ most in how they end.
    """
    ended = [trial for trial in trials if trial.state.is_finished]
    spent: dict[tuple[str, str], list[float]] = {}
    for trial in ended:
        spent.setdefault((trial.phase, _ending(trial)), []).append(trial.clock.get("seconds", 0.0))
    phases = tuple(PhaseCost(*key, len(all_), float(sum(all_))) for key, all_ in sorted(spent.items()))
    searched = [trial for trial in ended if trial.phase != "confirm"]
    if not searched:
        return Outcomes(phases, (), len(ended), 0)
    table = evidence_of([t.architecture for t in searched], [0.0] * len(searched), Objective("nothing", "minimize"))
    options = _options(table, searched)
    names = list(dict.fromkeys(one.decision for one in options))
    if len(names) > most:
        spread = {name: _spread([one for one in options if one.decision == name]) for name in names}
        names = sorted(sorted(names, key=lambda name: -spread[name])[:most], key=names.index)
    left_out = len({one.decision for one in options}) - len(names)
    return Outcomes(phases, tuple(one for one in options if one.decision in names), len(ended), left_out)


def _ending(trial: Trial) -> str:
    return "reused" if trial.reused is not None else trial.state.value


def _options(table: Evidence, trials: Sequence[Trial]) -> list[OptionOutcomes]:
    import numpy as np

    endings = np.array([ENDINGS.index(_ending(trial)) for trial in trials])
    seconds = np.array([trial.clock.get("seconds", 0.0) for trial in trials])
    found = []
    for column, factor in zip(table.codes.T, table.factors, strict=True):
        for code, level in enumerate(factor.levels):
            here = column == code
            counts = tuple(int(n) for n in np.bincount(endings[here], minlength=len(ENDINGS)))
            one = OptionOutcomes(factor.name, level, int(here.sum()), counts, float(seconds[here].sum()), 0.0, 1.0)
            low, high = wilson(one.lost, one.tries)
            found.append(OptionOutcomes(one.decision, level, one.tries, counts, one.seconds, low, high))
    return _marked(found, int((endings == 2).sum() + (endings == 3).sum()), len(trials))


def _marked(options: list[OptionOutcomes], lost: int, total: int) -> list[OptionOutcomes]:
    """Mark the options that fail more often than the rest, with Holm's correction."""
    from dataclasses import replace

    from scipy.stats import fisher_exact

    chances = []
    for place, one in enumerate(options):
        rest, rest_lost = total - one.tries, lost - one.lost
        table = [[one.lost, one.tries - one.lost], [rest_lost, rest - rest_lost]]
        chances.append((float(fisher_exact(table, alternative="greater").pvalue) if one.lost else 1.0, place))
    for rank, (chance, place) in enumerate(sorted(chances)):
        if chance > CONFIDENCE / (len(chances) - rank):
            break
        options[place] = replace(options[place], notable=True)
    return options


def _spread(options: Sequence[OptionOutcomes]) -> float:
    shares = [one.lost / one.tries for one in options if one.tries]
    return max(shares, default=0.0) - min(shares, default=0.0)
