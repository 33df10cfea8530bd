"""What multi-fidelity strategies share: a ladder of fidelities, how many configurations stand on each rung, which of
them are promoted, and whether the rungs agree.

Successive halving: Jamieson & Talwalkar, AISTATS 2016. Hyperband: Li et al., JMLR 18, 2018, algorithm 1.
"""

from __future__ import annotations

import dataclasses
import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.errors import ConfigError, did_you_mean
from searchitect.objectives import Constraint, Objective
from searchitect.pareto import constrained_ranks, hypervolume
from searchitect.strategies.selection import from_best, losses, violation
from searchitect.strategies.strategy import Setting
from searchitect.trial import Fidelity, Trial

__all__ = [
    "Agreement",
    "Bracket",
    "Ladder",
    "RungAlarm",
    "agreements",
    "disagreement",
    "halving_sizes",
    "hyperband_brackets",
    "make_ladder",
    "promoted",
    "rung_agreement",
]

RUNGS_OF_SHARES = {"data_fraction": 3, "resolution": 2, "width": 2, "seconds": 3}
"""Rungs by default where no natural least amount is known; epochs begin at one."""

DISAGREEMENT = 0.4
"""Kendall's τ between two rungs below which the lower one foretells too little."""

ALARMING_PAIRS = 8
"""Architectures on both rungs without which no alarm is raised."""

FEWEST_PAIRS = 6
"""Architectures that must have reached both rungs before τ is told."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The fidelities of a search, from the shortest evaluation to the full one.

    Attributes:
        fidelities: one per rung; the last is the study's own.
        amounts: what each spends along the axis: epochs, seconds, or a share.
        eta: one in so many is promoted.
    """

    fidelities: tuple[Fidelity, ...]
    amounts: tuple[float, ...]
    eta: int

    def __len__(self) -> int:
        return len(self.fidelities)

    def rung_of(self, fidelity: Fidelity) -> int | None:
        """Return the rung with this fidelity; None where there is none."""
        return self.fidelities.index(fidelity) if fidelity in self.fidelities else None


@dataclass(frozen=True, slots=True)
class Bracket:
    """A run of successive halving: the rung it begins on, and how many configurations stand there and above."""

    first: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether two rungs put the same architectures in the same order.

    Attributes:
        tau: Kendall's τ-b between their values; None of fewer than `FEWEST_PAIRS` architectures, or where one side is
            constant.
        pairs: how many architectures were completed on both.
    """

    tau: float | None
    pairs: int


@dataclass(frozen=True, slots=True)
class RungAlarm:
    """Two adjacent rungs that put the same architectures in another order.

    Attributes:
        lower: what is not worth beginning with any more.
        higher: where new configurations begin from now on.
        tau, pairs: as in `Agreement`.
    """

    lower: Fidelity
    higher: Fidelity
    tau: float
    pairs: int

    def to_json(self) -> dict[str, Any]:
        return {
            "lower": self.lower.to_json(),
            "higher": self.higher.to_json(),
            "tau": round(self.tau, 4),
            "pairs": self.pairs,
        }


def make_ladder(setting: Setting, *, eta: int = 3, r_min: float | None = None, axis: str = "epochs") -> Ladder:
    """Return the rungs R·η^−k ≥ r_min, where R is what a full evaluation of the setting spends.

    Epochs are whole numbers, and those that a table recorded where it knows no others; where the setting's budget is a
    time, the axis of epochs is counted in seconds. A full evaluation too short to be divided has one rung only.

    Args:
        r_min: the least amount, in the unit of the axis; by default 1 epoch (the first that was recorded), a ninth of
            the data or of the seconds, or a third of the resolution or width.
        axis: a field of `Fidelity`: "epochs", "data_fraction", "resolution", …

    Raises:
        ConfigError: there is no such axis, a number is out of range, or it is not known what a full evaluation spends.
    """
    if isinstance(eta, bool) or not isinstance(eta, int) or eta < 2:
        raise ConfigError(f"eta is a whole number from 2 on: one in so many is promoted, got {eta!r}")
    axes = [field.name for field in dataclasses.fields(Fidelity) if field.name != "seconds"]
    if axis not in axes:
        raise ConfigError(f"there is no fidelity axis {axis!r}", hint=did_you_mean(axis, axes))
    unit = "seconds" if axis == "epochs" and setting.fidelity.seconds is not None else axis
    full = _full(setting, unit)
    least = _least(setting, unit, full, eta) if r_min is None else r_min
    if not isinstance(least, (int, float)) or not 0 < least < math.inf or (r_min is not None and least > full):
        raise ConfigError(f"r_min lies above 0 and up to {full:g} {unit}, what a full evaluation spends, got {r_min!r}")
    amounts = [full]
    while amounts[0] / eta >= least * (1 - 1e-9):
        amounts.insert(0, amounts[0] / eta)
    if unit == "epochs":
        amounts = _whole(amounts, setting.recorded_epochs)
    lower = [_shorter(setting.fidelity, unit, amount) for amount in amounts[:-1]]
    return Ladder((*lower, setting.fidelity), tuple(amounts), eta)


def _full(setting: Setting, unit: str) -> float:
    amount: float | None = getattr(setting.fidelity, unit)
    if amount is None and setting.recorded_epochs:
        amount = float(setting.recorded_epochs[-1])
    if amount is None:
        raise ConfigError(
            "a search by rungs must know how many epochs a full evaluation has",
            hint="recipe=sa.Recipe(epochs=81), beside evaluate= too; sa.Study(..., fidelity=sa.Fidelity(epochs=81))",
        )
    return float(amount)


def _least(setting: Setting, unit: str, full: float, eta: int) -> float:
    if unit == "epochs":
        return float(setting.recorded_epochs[0]) if setting.recorded_epochs else 1.0
    return full / float(eta) ** (RUNGS_OF_SHARES.get(unit, 3) - 1)


def _whole(amounts: Sequence[float], recorded: Sequence[int]) -> list[float]:
    """Whole epochs, ascending, each once; the nearest that a table recorded where it recorded only some."""
    full = amounts[-1]
    lower = [epochs for epochs in recorded if epochs < full]
    if recorded:
        whole = {min(lower, key=lambda e: abs(math.log(e / a))) for a in amounts[:-1]} if lower else set()
    else:
        whole = {max(1, round(amount)) for amount in amounts[:-1]}
    return [*(float(epochs) for epochs in sorted(whole) if epochs < full), full]


def _shorter(full: Fidelity, unit: str, amount: float) -> Fidelity:
    exact: Any = int(amount) if unit == "epochs" else round(amount, 6)
    return dataclasses.replace(full, **{unit: exact})


def halving_sizes(first: int, rungs: int, eta: int = 3) -> tuple[int, ...]:
    """Return nᵢ = ⌊n·η^−i⌋ for the rungs of one bracket, at least 1."""
    return tuple(max(1, first // eta**i) for i in range(rungs))


def hyperband_brackets(rungs: int, eta: int = 3) -> tuple[Bracket, ...]:
    """Return the brackets s = s_max … 0 of Hyperband: n = ⌈(s_max + 1) / (s + 1) · η^s⌉ begin at R·η^−s.

    For R = 81 and η = 3, five rungs: 81, 34, 15, 8 and 5 configurations (Li et al. 2018, table 1).
    """
    brackets = []
    for s in range(rungs - 1, -1, -1):
        first = -(-rungs * eta**s // (s + 1))
        brackets.append(Bracket(rungs - 1 - s, halving_sizes(first, s + 1, eta)))
    return tuple(brackets)


def promoted(
    trials: Sequence[Trial], count: int, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> list[Trial]:
    """Return the `count` best complete trials of a rung, best first; of equals the earlier.

    With several objectives: by (constrained) non-dominated rank, then by what each adds to the hypervolume of those
    chosen before it from its front, so that what is promoted spreads over the front (Schmucker et al., "Multi-objective
    asynchronous successive halving", 2021, compare such rules).
    """
    complete = [trial for trial in trials if trial.is_complete]
    if len(objectives) == 1:
        return from_best(complete, objectives, constraints)[:count]
    rows = [losses(trial, objectives) for trial in complete]
    ranks = constrained_ranks(rows, [violation(trial, constraints) for trial in complete])
    chosen: list[Trial] = []
    for rank in sorted(set(ranks)):
        if len(chosen) >= count:
            break
        front = [place for place, own in enumerate(ranks) if own == rank]
        order = _by_hypervolume([rows[place] for place in front], count - len(chosen))
        chosen += [complete[front[place]] for place in order]
    return chosen


def _by_hypervolume(rows: Sequence[tuple[float, ...]], count: int) -> list[int]:
    """Places of up to `count` points, each the one that adds most to the volume of those before it.

    Gains only shrink as points are chosen, so a point whose old gain is beaten need not be computed again. The scale is
    that of these points; the reference lies a tenth beyond the worst, so that the ends of the front count too.
    """
    low, high = [min(column) for column in zip(*rows, strict=True)], [max(column) for column in zip(*rows, strict=True)]
    scale = [(top - bottom) or 1.0 for bottom, top in zip(low, high, strict=True)]
    points = [[(v - b) / s for v, b, s in zip(row, low, scale, strict=True)] for row in rows]
    reference = [1.1] * len(low)
    chosen: list[int] = []
    volume = 0.0
    waiting = [(-hypervolume([point], reference), place, 0) for place, point in enumerate(points)]
    heapq.heapify(waiting)
    while waiting and len(chosen) < count:
        gain, place, known = heapq.heappop(waiting)
        if known == len(chosen):
            chosen.append(place)
            volume -= gain
        else:
            with_it = hypervolume([points[i] for i in (*chosen, place)], reference)
            heapq.heappush(waiting, (min(0.0, volume - with_it), place, len(chosen)))
    return chosen


def rung_agreement(trials: Iterable[Trial], lower: Fidelity, higher: Fidelity, objective: Objective) -> Agreement:
    """Return how well the order at one fidelity foretells the order at a higher one: Kendall's τ-b.

    A pure function of finished trials, for the alarm that raises the least fidelity: compare `tau` of adjacent rungs
    with a threshold (0.4 is usual). Only architectures that completed both count, by canonical key; of several trials
    at one fidelity the earliest does. Where only the best of the lower rung were promoted their values lie close
    together, so τ is lower than it would be on a random sample: an alarm by it errs on the side of caution.
    """
    at: dict[Fidelity, dict[str, float]] = {lower: {}, higher: {}}
    for trial in trials:
        if trial.is_complete and objective.name in trial.measurements and trial.proposal.fidelity in at:
            value = objective.loss(trial.measurements[objective.name])
            at[trial.proposal.fidelity].setdefault(trial.key, value)
    keys = [key for key in at[lower] if key in at[higher]]
    first, second = [at[lower][key] for key in keys], [at[higher][key] for key in keys]
    return Agreement(_kendall(first, second) if len(keys) >= FEWEST_PAIRS else None, len(keys))


def _kendall(first: Sequence[float], second: Sequence[float]) -> float | None:
    import numpy as np

    above = np.triu_indices(len(first), 1)
    one, other = (np.sign(np.subtract.outer(v, v))[above] for v in (np.array(first), np.array(second)))
    size = float((one @ one) * (other @ other)) ** 0.5
    return float(one @ other) / size if size > 0 else None


def disagreement(ladder: Ladder, trials: Sequence[Trial], objective: Objective, rung: int) -> RungAlarm | None:
    """Return the alarm of a rung and the next one up: τ below `DISAGREEMENT` over `ALARMING_PAIRS` or more; or None.

    Those that reached both rungs are the best of the lower one, whose values lie close together, so their τ is low in
    the healthiest search. Hence what is compared is the τ that all of the lower rung would have, by Thorndike's formula
    for selection on one of two normal variables (case 2; "Personnel Selection", 1949, pp. 169-176), at the upper end of
    what chance leaves open (one-sided, 95 %).
    """
    lower, higher = ladder.fidelities[rung], ladder.fidelities[rung + 1]
    found = rung_agreement(trials, lower, higher, objective)
    if found.tau is None or found.pairs < ALARMING_PAIRS:
        return None
    possible = min(1.0, found.tau + _chance(found.pairs))
    if _unselected(possible, _selection(trials, lower, higher, objective)) >= DISAGREEMENT:
        return None
    return RungAlarm(lower, higher, found.tau, found.pairs)


def _selection(trials: Iterable[Trial], lower: Fidelity, higher: Fidelity, objective: Objective) -> float:
    """How much wider all of a rung spread than those that went on: ratio of the deviations of their normal scores."""
    import numpy as np
    from scipy.stats import norm, rankdata

    below: dict[str, float] = {}
    above: set[str] = set()
    for trial in trials:
        if trial.is_complete and objective.name in trial.measurements:
            if trial.proposal.fidelity == lower:
                below.setdefault(trial.key, objective.loss(trial.measurements[objective.name]))
            elif trial.proposal.fidelity == higher:
                above.add(trial.key)
    scores = norm.ppf((rankdata(list(below.values())) - 0.5) / max(1, len(below)))
    chosen = scores[[key in above for key in below]]
    narrow = float(np.std(chosen)) if len(chosen) else 0.0
    return max(1.0, float(np.std(scores)) / narrow) if narrow > 0 else 1.0


def _unselected(tau: float, ratio: float) -> float:
    """τ of all where those that were selected on one variable have `tau`; through r = sin(πτ/2) of a normal pair."""
    r = math.sin(math.pi * tau / 2)
    corrected = r * ratio / math.sqrt(1 + r * r * (ratio * ratio - 1))
    return 2 / math.pi * math.asin(corrected)


def _chance(pairs: int) -> float:
    """How far τ of unrelated orders strays upwards once in twenty: 1.645 standard deviations (Kendall 1938)."""
    return 1.645 * math.sqrt(2 * (2 * pairs + 5) / (9 * pairs * (pairs - 1)))


def agreements(ladder: Ladder, trials: Sequence[Trial], objective: Objective) -> Mapping[str, Agreement]:
    """Return the agreement of every two adjacent rungs, by their amounts: "4→12"."""
    steps = zip(range(len(ladder) - 1), range(1, len(ladder)), strict=True)
    return {
        f"{ladder.amounts[low]:g}→{ladder.amounts[high]:g}": rung_agreement(
            trials, ladder.fidelities[low], ladder.fidelities[high], objective
        )
        for low, high in steps
    }
