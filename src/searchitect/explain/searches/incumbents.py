"""The best found so far, trial by trial, with a band for what is luck in it.

The best of many noisy results is too good. Where the noise of one evaluation is known (from confirmation seeds), each
result is drawn towards the mean of all by as much as noise explains of their spread (James and Stein 1961; the
normal-normal posterior), and the band is the 95 % interval of what the incumbent is truly worth. Where it is not known,
the band comes from resampling the trials: what another order of luck would have found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from searchitect.errors import ConfigError
from searchitect.explain.searches.intervals import evenly_with
from searchitect.objectives import Objective
from searchitect.seeding import derive
from searchitect.trial import Fidelity, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["BestSoFar", "best_so_far", "best_so_far_of", "replicate_noise"]

MOST_POINTS, RESAMPLES, FEWEST_FREEDOM = 200, 300, 3

Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """The curve, thinned: every improvement as long as there is room, other points at even distances.

    Attributes:
        evaluations: how many results there were, from 1.
        observed: the best of them.
        low, high: the band.
        improved: numbers of the trials that became incumbents.
        source: of the band: "confirmations", "given" noise, or "resampling".
        noise: standard deviation of one evaluation; None where it is not known.
    """

    objective: Objective
    evaluations: tuple[int, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    improved: tuple[int, ...]
    source: Literal["confirmations", "given", "resampling"]
    noise: float | None

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"objective": self.objective.name, "direction": self.objective.direction}
        curves = {name: list(getattr(self, name)) for name in ("evaluations", "observed", "low", "high", "improved")}
        return told | curves | {"source": self.source, "noise": self.noise}


def best_so_far(
    trials: Sequence[Trial], objective: Objective, *, phase: str = "search", noise: float | None = None, seed: int = 0
) -> BestSoFar:
    """The curve of one phase of a study; only trials of the highest fidelity count.

    Args:
        phase: "search" or "random".
        noise: standard deviation of one evaluation; by default from the confirmations among `trials`, where they repeat
            architectures often enough.
        seed: of the resampling.

    Raises:
        ConfigError: no trial of this phase is complete with the objective.
    """
    told = [t for t in trials if t.phase == phase and t.is_complete and t.reused is None]
    told = [t for t in told if objective.name in t.measurements and t.proposal.replicate == 0]
    if not told:
        raise ConfigError(f"no complete trial of the {phase} tells {objective.name!r}")
    full = max((t.proposal.fidelity for t in told), key=_amount)
    told = [t for t in told if t.proposal.fidelity == full]
    found = replicate_noise(trials, objective.name) if noise is None else None
    values = [float(t.measurements[objective.name]) for t in told]
    numbers = [t.number for t in told]
    known = noise if noise is not None else found
    source: Literal["confirmations", "given"] = "given" if noise is not None else "confirmations"
    return best_so_far_of(values, objective, numbers=numbers, noise=known, source=source, seed=seed)


def best_so_far_of(
    values: Sequence[float],
    objective: Objective,
    *,
    numbers: Sequence[int] | None = None,
    noise: float | None = None,
    source: Literal["confirmations", "given"] = "given",
    seed: int = 0,
) -> BestSoFar:
    """The same of plain values in the order in which they were found.

    Args:
        noise: standard deviation of one value; without it the band is resampled.
    """
    import numpy as np

    told = np.asarray(values, dtype=np.float64)
    called = list(range(len(told))) if numbers is None else list(numbers)
    sign = 1.0 if objective.direction == "maximize" else -1.0
    best = sign * np.maximum.accumulate(sign * told)
    turns = [0, *(np.flatnonzero(np.diff(best) != 0) + 1).tolist()]
    if noise is None:
        low, high = _resampled(sign * told, seed)
    else:
        low, high = _believed(sign * told, sign * best, noise)
    low, high = (low, high) if sign > 0 else (-high, -low)
    kept = evenly_with(len(told), MOST_POINTS, [0, len(told) - 1, *turns])
    observed, under, over = (tuple(float(number) for number in curve[kept]) for curve in (best, low, high))
    return BestSoFar(
        objective,
        tuple(place + 1 for place in kept),
        observed,
        under,
        over,
        tuple(called[place] for place in turns[-MOST_POINTS:]),
        "resampling" if noise is None else source,
        noise,
    )


def replicate_noise(trials: Iterable[Trial], name: str) -> float | None:
    """Return the standard deviation between trainings of one architecture, pooled over those that were confirmed.

    None where there are fewer than three degrees of freedom. Only confirmations count: a trial that was confirmed was
    chosen for its luck, its replicates were not.
    """
    groups: dict[str, list[float]] = {}
    for trial in trials:
        if trial.phase == "confirm" and trial.is_complete and trial.reused is None and name in trial.measurements:
            groups.setdefault(trial.key, []).append(float(trial.measurements[name]))
    freedom = sum(len(values) - 1 for values in groups.values())
    if freedom < FEWEST_FREEDOM:
        return None
    squares = sum((v - sum(values) / len(values)) ** 2 for values in groups.values() for v in values)
    return float((squares / freedom) ** 0.5)


def _amount(fidelity: Fidelity) -> tuple[float, ...]:
    """What a fidelity spends; where nothing is said, everything."""
    most = [math.inf if part is None else float(part) for part in (fidelity.epochs, fidelity.seconds)]
    return (*most, fidelity.data_fraction, fidelity.resolution, fidelity.width)


def _believed(values: Vector, best: Vector, noise: float) -> tuple[Vector, Vector]:
    """The 95 % interval of the incumbent's true value, all results known; `values` are better where higher."""
    import numpy as np

    spread = float(values.var(ddof=1)) if len(values) > 1 else noise**2
    share = max(0.0, 1 - noise**2 / spread) if spread > 0 else 0.0
    middle = values.mean() + share * (best - values.mean())
    half = Z * noise * share**0.5
    return np.asarray(middle - half), np.asarray(middle + half)


def _resampled(values: Vector, seed: int) -> tuple[Vector, Vector]:
    """Quantiles of the best so far when each result is one drawn from those up to a tenth of the search away."""
    import numpy as np

    count = len(values)
    reach = max(2, count // 10)
    rng = np.random.default_rng(derive(seed, "resampled"))
    places = np.clip(np.arange(count) + rng.integers(-reach, reach + 1, size=(RESAMPLES, count)), 0, count - 1)
    curves = np.maximum.accumulate(values[places], axis=1)
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    return low, high
