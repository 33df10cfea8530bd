"""Niches: regions of what a model costs or looks like, each of which wants a best model of its own.

A niche is a box on measurements, `low < value <= high` for each of them: half-open, so that a grid has no gaps and
`latency_ms<=5` is a niche. Niches may overlap: with limits 3, 5 and 8 ms *nested*, one evaluation is a candidate for
every niche that contains it (Schneider et al., "Tackling neural architecture search with quality diversity
optimization", AutoML 2022, §3). Where boxes would be too many, centroidal Voronoi cells cut the occupied part of the
space of features into regions of like weight (Vassiliades et al., "Using centroidal Voronoi tessellations to scale up
MAP-Elites", IEEE TEVC 2018, algorithm 1).

The value of a feature is a measurement, or is read off the architecture: a decision's path where its value is a
number, or `active_decisions`, how many decisions it makes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from searchitect.errors import ConfigError, ConstraintError
from searchitect.objectives import parse_constraint
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]

__all__ = ["ACTIVE_DECISIONS", "Boxes", "Niche", "Niches", "Regions", "describe", "is_structural", "parse_niches"]

ACTIVE_DECISIONS = "active_decisions"
MOST_NICHES = 10_000

_HINT = "niches=['latency_ms<=5', 'latency_ms<=10'], {'nested': {NAME: [5, 10]}}, {'grid': …} or {'cvt': …}"


@dataclass(frozen=True, slots=True)
class Niche:
    """A box.

    Attributes:
        bounds: feature to (low, high): `low < value <= high`; infinite where there is no bound.
    """

    name: str
    bounds: Mapping[str, tuple[float, float]]

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether all features lie in their intervals; a missing one does not."""
        return all(low < values.get(name, math.nan) <= high for name, (low, high) in self.bounds.items())


class Niches(Protocol):
    """Regions of the space of features.

    Attributes:
        features: their names, d; empty where the encoding of the architecture itself is the vector.
        names: of the k regions.
    """

    @property
    def features(self) -> tuple[str, ...]: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def holding(self, values: Matrix) -> Bools:
        """Return which of the k regions hold each of n vectors of features: (n, d) to (n, k)."""
        ...

    def to_json(self) -> Any:
        """Return what `parse_niches` reads back."""
        ...


@dataclass(frozen=True)
class Boxes:
    """Boxes, which may overlap."""

    boxes: tuple[Niche, ...]

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for box in self.boxes for name in box.bounds))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(box.name for box in self.boxes)

    def holding(self, values: Matrix) -> Bools:
        import numpy as np

        free = (-math.inf, math.inf)
        low, high = np.array([[b.bounds.get(f, free) for f in self.features] for b in self.boxes]).transpose(2, 0, 1)
        inside = (values[:, None, :] > low[None]) & (values[:, None, :] <= high[None])
        return np.asarray(inside.all(axis=2))

    def to_json(self) -> Any:
        return [
            {"name": box.name, "bounds": {name: [_or_none(low), _or_none(high)] for name, (low, high) in items}}
            for box in self.boxes
            for items in [box.bounds.items()]
        ]


@dataclass(frozen=True)
class Regions:
    """Voronoi cells: a vector belongs to the nearest of the k centres, after logarithms and division by the scales.

    Attributes:
        centres: (k, d), in the units of the scaled features.
        logarithmic: which features are compared by their logarithm.
        means, scales: of the (logarithms of the) features.
    """

    features: tuple[str, ...]
    centres: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    logarithmic: tuple[bool, ...]

    @property
    def names(self) -> tuple[str, ...]:
        if not self.features:
            return tuple(f"region {place}" for place in range(len(self.centres)))
        return tuple(self._name(centre) for centre in self.centres)

    def _name(self, centre: tuple[float, ...]) -> str:
        columns = zip(self.features, centre, self.means, self.scales, self.logarithmic, strict=True)
        plain = {f: math.exp(c * s + m) if log else c * s + m for f, c, m, s, log in columns}
        return ", ".join(f"{feature}≈{value:.4g}" for feature, value in plain.items())

    def scaled(self, values: Matrix) -> Matrix:
        """Return the vectors in the units of the centres."""
        import numpy as np

        columns = [
            np.log(np.maximum(v, 1e-12)) if log else v for v, log in zip(values.T, self.logarithmic, strict=True)
        ]
        return np.asarray((np.stack(columns, axis=1) - np.array(self.means)) / np.array(self.scales))

    def holding(self, values: Matrix) -> Bools:
        import numpy as np

        centres = np.array(self.centres)
        apart = ((self.scaled(values)[:, None, :] - centres[None]) ** 2).sum(axis=2)
        return np.asarray(np.arange(len(centres))[None, :] == apart.argmin(axis=1)[:, None])

    def to_json(self) -> Any:
        return {
            "features": list(self.features),
            "centres": [list(centre) for centre in self.centres],
            "means": list(self.means),
            "scales": list(self.scales),
            "logarithmic": list(self.logarithmic),
        }


def is_structural(feature: str, space: SearchSpace) -> bool:
    """Whether a feature is read off the architecture instead of being measured."""
    return feature == ACTIVE_DECISIONS or any(feature == decision.path for decision in space.decisions())


def describe(
    features: Sequence[str], space: SearchSpace | None, architecture: Architecture, measurements: Mapping[str, float]
) -> Vector | None:
    """Return the vector of features, shape (d,), or None where one of them is not known or no number.

    Args:
        space: makes the vector where there are no features: the encoding of the architecture.
    """
    import numpy as np

    if not features:
        return None if space is None else space.encode(architecture)
    values = [_value(name, architecture, measurements) for name in features]
    return np.array(values) if all(map(math.isfinite, values)) else None


def _value(feature: str, architecture: Architecture, measurements: Mapping[str, float]) -> float:
    if feature in measurements:
        return float(measurements[feature])
    if feature == ACTIVE_DECISIONS:
        return float(len(architecture))
    value = architecture.get(feature)
    return float(value) if isinstance(value, (int, float)) else math.nan


def parse_niches(value: Any) -> Niches:
    """Read niches from plain data, as they stand in an option.

    Args:
        value: a list of texts ("latency_ms<=5", "latency_ms<=5 and parameters<=1e5") or of boxes ({"latency_ms":
            [null, 5]}, and "name" for a name); {"nested": {NAME: LIMITS}}, one niche `NAME <= limit` for each limit;
            {"grid": {NAME: EDGES}}, the intervals between the edges, and those beyond the first and the last; several
            names in "nested" and "grid" are combined. Or what `Regions.to_json` returned.

    Raises:
        ConfigError: it has another form, an interval is empty, or there are no niches or more than 10,000.
    """
    if isinstance(value, (Boxes, Regions)):
        return value
    if isinstance(value, Mapping) and "centres" in value:
        return _regions(value)
    if isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in ("nested", "grid"):
        ((how, edges),) = value.items()
        return _boxes(_combined(how, edges))
    if isinstance(value, (list, tuple)):
        return _boxes([_box(entry) for entry in value])
    raise ConfigError(f"cannot read the niches {_short(value)}", hint=_HINT)


def _boxes(boxes: Sequence[Niche]) -> Boxes:
    if not 0 < len(boxes) <= MOST_NICHES:
        raise ConfigError(f"expected 1 to {MOST_NICHES:,} niches, got {len(boxes):,}", hint=_HINT)
    names = [box.name for box in boxes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"the niche {twice!r} is given twice")
    return Boxes(tuple(boxes))


def _combined(how: str, edges: Any) -> list[Niche]:
    if not isinstance(edges, Mapping) or not edges:
        raise ConfigError(f"{how!r} wants a table of features, got {_short(edges)}", hint=_HINT)
    sides = []
    for name, numbers in edges.items():
        if not isinstance(numbers, (list, tuple)) or not numbers:
            raise ConfigError(f"{how!r} wants a list of numbers for {name!r}, got {_short(numbers)}", hint=_HINT)
        limits = [_finite(name, number) for number in numbers]
        if any(b <= a for a, b in itertools.pairwise(limits)):
            raise ConfigError(f"the numbers of {name!r} must increase, got {_short(numbers)}", hint=_HINT)
        ends = [-math.inf, *limits, math.inf]
        nested = [(-math.inf, limit) for limit in limits]
        sides.append([(str(name), pair) for pair in (nested if how == "nested" else itertools.pairwise(ends))])
    if math.prod(len(side) for side in sides) > MOST_NICHES:
        raise ConfigError(f"these are more than {MOST_NICHES:,} niches", hint="{'cvt': …} makes as many as you say")
    return [_named(dict(bounds)) for bounds in itertools.product(*sides)]


def _box(entry: Any) -> Niche:
    if isinstance(entry, str):
        return _from_text(entry)
    if not isinstance(entry, Mapping):
        raise ConfigError(f"cannot read the niche {_short(entry)}", hint=_HINT)
    bounds = entry.get("bounds", {name: value for name, value in entry.items() if name != "name"})
    if not isinstance(bounds, Mapping) or not bounds:
        raise ConfigError(f"the niche {_short(entry)} bounds nothing", hint=_HINT)
    return _named({str(name): _interval(str(name), pair) for name, pair in bounds.items()}, entry.get("name"))


def _interval(name: str, pair: Any) -> tuple[float, float]:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise ConfigError(f"the bounds of {name!r} are [LOW, HIGH], got {_short(pair)}", hint="null is no bound")
    low = -math.inf if pair[0] is None else _finite(name, pair[0])
    high = math.inf if pair[1] is None else _finite(name, pair[1])
    return low, high


def _from_text(text: str) -> Niche:
    bounds: dict[str, tuple[float, float]] = {}
    for part in text.split(" and "):
        try:
            limit = parse_constraint(part)
        except ConstraintError as error:
            raise ConfigError(f"cannot read the niche {text!r}: {error.message}", hint=error.hint) from error
        low, high = bounds.get(limit.name, (-math.inf, math.inf))
        if limit.relation == "<=":
            bounds[limit.name] = low, min(high, limit.limit)
        else:  # the limit itself belongs to it
            bounds[limit.name] = max(low, math.nextafter(limit.limit, -math.inf)), high
    return _named(bounds, " and ".join(part.strip() for part in text.split(" and ")))


def _named(bounds: Mapping[str, tuple[float, float]], name: Any = None) -> Niche:
    for feature, (low, high) in bounds.items():
        if not low < high:
            raise ConfigError(f"no {feature} lies above {low:g} and at or below {high:g}", hint=_HINT)
    return Niche(str(name) if name is not None else ", ".join(_words(f, *pair) for f, pair in bounds.items()), bounds)


def _words(feature: str, low: float, high: float) -> str:
    if low == -math.inf:
        return feature if high == math.inf else f"{feature}<={high:g}"
    return f"{feature}>{low:g}" if high == math.inf else f"{low:g}<{feature}<={high:g}"


def _regions(value: Mapping[str, Any]) -> Regions:
    try:
        made = Regions(
            tuple(str(name) for name in value["features"]),
            tuple(tuple(float(x) for x in centre) for centre in value["centres"]),
            tuple(float(x) for x in value["means"]),
            tuple(float(x) for x in value["scales"]),
            tuple(bool(x) for x in value["logarithmic"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"cannot read the regions {_short(value)}", hint="{'cvt': …} makes them") from error
    sizes = {len(centre) for centre in made.centres} | {len(made.means), len(made.scales), len(made.logarithmic)}
    fits = not made.features or len(made.features) in sizes
    if len(sizes) != 1 or not fits or not all(scale > 0 for scale in made.scales):
        raise ConfigError(f"the regions {_short(value)} do not fit together", hint="{'cvt': …} makes them")
    return made


def _finite(name: str, number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise ConfigError(f"the bounds of {name!r} are finite numbers, got {number!r}", hint=_HINT)
    return float(number)


def _or_none(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:99] + "…"
