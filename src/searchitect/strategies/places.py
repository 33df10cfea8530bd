"""Places where a model must serve, as a strategy sees them: limits, what counts there, and how probable a limit is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, SearchitectError
from searchitect.objectives import Constraint, Objective, parse_constraint, parse_objective
from searchitect.predictors.gaussian_process import GaussianProcess
from searchitect.predictors.kernels import Columns
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

__all__ = ["Chances", "Place", "parse_places"]

LEAST = 1e-3
"""A modelled probability is never smaller: the model of a limit may be wrong."""

_HINT = "places=[{'name': 'phone', 'limits': ['latency_ms<=20'], 'importance': 2}]"


@dataclass(frozen=True, slots=True)
class Place:
    """One place.

    Attributes:
        limits: all must hold.
        importance: of this place among the others.
        wanted: measurement and weight of what counts here.
    """

    name: str
    limits: tuple[Constraint, ...]
    importance: float
    wanted: tuple[tuple[Objective, float], ...]


def parse_places(value: Any, objectives: Sequence[Objective]) -> tuple[Place, ...]:
    """Read places from plain data, as they stand in an option.

    Args:
        value: a list of tables: "name", "limits" (texts), "importance", and "wanted" (measurement to weight; the first
            objective by default). None is one place without limits.
        objectives: of the study; they say the direction of what is wanted.

    Raises:
        ConfigError: it has another form.
    """
    known = {objective.name: objective for objective in objectives}
    entries = [{"name": "everywhere"}] if value is None else value
    if not isinstance(entries, (list, tuple)) or not entries or not all(isinstance(e, Mapping) for e in entries):
        raise ConfigError(f"cannot read the places {str(value)[:100]}", hint=_HINT)
    found: list[Place] = []
    for entry in entries:
        if unknown := set(entry) - {"name", "limits", "importance", "wanted"}:
            raise ConfigError(f"a place has no {sorted(unknown)[0]!r}", hint=_HINT)
        weights = entry.get("wanted") or {objectives[0].name: 1.0}
        importance = entry.get("importance", 1.0)
        sound = isinstance(weights, Mapping) and all(_positive(weight) for weight in weights.values())
        if not sound or not _positive(importance) or not isinstance(entry.get("limits", []), (list, tuple)):
            raise ConfigError(f"cannot read the place {str(dict(entry))[:100]}", hint=_HINT)
        wanted = tuple((known.get(name) or parse_objective(name), float(w)) for name, w in weights.items())
        limits = tuple(parse_constraint(text) for text in entry.get("limits", ()))
        found.append(Place(str(entry.get("name", len(found))), limits, float(importance), wanted))
    return tuple(found)


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


class Chances:
    """How probable it is that an architecture keeps the limits of each place.

    What is known without training is asked for, once; every limit also has a Gaussian process of the logarithm of its
    quantity, for what is not known or costs too much to ask.
    """

    def __init__(self, setting: Setting, places: Sequence[Place], columns: Columns, process: GaussianProcess) -> None:
        self._setting, self._places, self._columns, self._process = setting, places, columns, process
        self._limits = list(dict.fromkeys(limit for place in places for limit in place.limits))
        self._names = frozenset(name for limit in self._limits for name in limit.names)
        self._facts: dict[str, Mapping[str, float]] = {}
        self._learned: dict[Constraint, tuple[int, bool, Any]] = {}

    def kept(self, trials: Sequence[Trial]) -> Matrix:
        """Which limits complete trials keep, as they were measured: 0 or 1, (trials, places)."""
        import numpy as np

        rows = [[all(one.holds(t.measurements) for one in place.limits) for place in self._places] for t in trials]
        return np.array(rows, dtype=np.float64).reshape(len(trials), len(self._places))

    def are_known(self, architecture: Architecture) -> bool:
        """Whether all limits can be judged without training, as on this architecture."""
        told = self._told(architecture)
        return bool(self._limits) and all(limit.name in told for limit in self._limits)

    def known(self, architectures: Sequence[Architecture]) -> Matrix:
        """0 or 1 by what is known without training, (architectures, places)."""
        import numpy as np

        rows = [
            [all(one.holds(self._told(a)) for one in place.limits) for place in self._places] for a in architectures
        ]
        return np.array(rows, dtype=np.float64).reshape(len(architectures), len(self._places))

    def modelled(self, architectures: Sequence[Architecture], trials: Sequence[Trial], learn: int = 0) -> Matrix:
        """Probabilities by a model of what the complete trials measured, (architectures, places).

        Args:
            learn: hyper-parameters are learned from so many of the trials; with 0 the prior's serve, which is enough to
                say what should be asked for.
        """
        import numpy as np

        rows = self._columns.encode(architectures)
        each = {limit: self._probability(limit, rows, trials, learn) for limit in self._limits}
        columns = [
            np.prod([each[limit] for limit in place.limits], axis=0) if place.limits else np.ones(len(architectures))
            for place in self._places
        ]
        return np.stack(columns, axis=1)

    def _probability(self, limit: Constraint, rows: Any, trials: Sequence[Trial], learn: int) -> Any:
        import numpy as np
        from scipy.special import ndtr

        bounds = [limit.bound(trial.measurements) for trial in trials]
        known = [place for place, value in enumerate(bounds) if math.isfinite(value)]
        if not known:
            return np.ones(len(rows))
        values, at = np.array([bounds[place] for place in known]), limit.limit
        logs = bool((values > 0).all()) and at > 0
        if logs:
            values, at = np.log(values), math.log(at)
        seen = self._columns.encode([trials[place].architecture for place in known])
        if self._learned.get(limit, ())[:2] != (learn, logs):
            first = sum(place < learn for place in known)
            theta = self._process.learned(seen[:first], values[:first]) if first >= 2 else self._process.prior().mean
            self._learned[limit] = learn, logs, theta
        posterior = self._process.given(self._learned[limit][2], seen, values)
        mean, deviation = posterior.predict(rows)
        below = ndtr((at - mean) / np.maximum(deviation, 1e-9))
        return np.maximum(below if limit.relation == "<=" else 1.0 - below, LEAST)

    def _told(self, architecture: Architecture) -> Mapping[str, float]:
        text = architecture.text
        if text not in self._facts:
            facts = self._setting.facts
            try:
                self._facts[text] = facts(architecture, self._names) if facts is not None and self._names else {}
            except SearchitectError:  # nothing can be built of it; the study's check says so too
                self._facts[text] = {}
        return self._facts[text]
