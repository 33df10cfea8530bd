"""A map of what was tried: architectures as points in a plane, near one another where they decide alike, in time order.

Classical multidimensional scaling (Torgerson 1952) of the number of decisions in which two architectures differ, which
is the principal component analysis of their one-hot codes. Signs are fixed, so that the same study gives the same map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.searches.intervals import evenly_with

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

__all__ = ["ExplorationMap", "Place", "exploration_map", "one_hot"]

MOST_PLACES = 500


@dataclass(frozen=True, slots=True)
class Place:
    """One trial on the map.

    Attributes:
        number: of the trial; places stand in the order of numbers, which is that of time.
        uniform: whether it was drawn at random.
        apart: share of the decisions in which it differs from the best that was known before it; None for the first.
    """

    number: int
    x: float
    y: float
    value: float
    uniform: bool
    apart: float | None


@dataclass(frozen=True, slots=True)
class ExplorationMap:
    """The map, thinned to a bounded number of places: the fifty best and others at even distances in time.

    Attributes:
        told: share of all differences between architectures that the two axes show; the map is rough where it is low.
        axes: per axis the levels that pull hardest to its right (or upper) end and to the other, in words.
    """

    places: tuple[Place, ...]
    told: float
    axes: tuple[tuple[str, str], tuple[str, str]]
    total: int

    def to_json(self) -> dict[str, Any]:
        columns = {name: [getattr(place, name) for place in self.places] for name in Place.__slots__}
        return {"told": self.told, "axes": [list(axis) for axis in self.axes], "total": self.total, "places": columns}


def exploration_map(evidence: Evidence, *, most: int = MOST_PLACES) -> ExplorationMap:
    """Lay out all rows.

    Args:
        most: places that are kept.

    Raises:
        ConfigError: there are fewer than three rows, or they all decide alike.
    """
    import numpy as np

    if len(evidence) < 3 or not evidence.factors:
        raise ConfigError(f"a map needs at least 3 trials that differ, there are {len(evidence)}")
    hot, labels = one_hot(evidence)
    centred = hot - hot.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    loadings = np.zeros((hot.shape[1], 2))
    width = min(2, hot.shape[1])
    loadings[:, :width] = vectors[:, ::-1][:, :width]
    for axis in range(2):
        top = int(np.argmax(np.round(np.abs(loadings[:, axis]), 9)))
        loadings[:, axis] *= -1.0 if loadings[top, axis] < 0 else 1.0
    points = centred @ loadings
    total = float(values.sum())
    order = np.argsort(evidence.numbers, kind="stable")
    apart = _apart(evidence, order)
    sign = 1.0 if evidence.objective.direction == "minimize" else -1.0
    best = np.argsort(sign * evidence.targets[order], kind="stable")[: min(50, most)]
    places = []
    for place in evenly_with(len(order), most, best.tolist()):
        row = int(order[place])
        x, y = (round(float(number), 4) for number in points[row])
        told = float(evidence.targets[row]), bool(evidence.uniform[row])
        places.append(Place(int(evidence.numbers[row]), x, y, *told, apart[place]))
    ends = [(labels[int(np.argmax(column))], labels[int(np.argmin(column))]) for column in loadings.T]
    share = float(values[::-1][:2].sum()) / total if total > 0 else 0.0
    return ExplorationMap(tuple(places), min(1.0, share), (ends[0], ends[1]), len(evidence))


def one_hot(evidence: Evidence) -> tuple[Matrix, list[str]]:
    """Return a column of 0 and 1 per level of each factor, shape (n, levels), and "decision = level" of each."""
    import numpy as np

    blocks, labels = [], []
    for column, factor in zip(evidence.codes.T, evidence.factors, strict=True):
        blocks.append((column[:, None] == np.arange(len(factor.levels))).astype(np.float64))
        labels += [f"{factor.name} = {level}" for level in factor.levels]
    return np.concatenate(blocks, axis=1), labels


def _apart(evidence: Evidence, order: Codes) -> list[float | None]:
    """Per trial in time order, how far it lies from the best before it."""
    found: list[float | None] = []
    best: int | None = None
    for row in order.tolist():
        found.append(None if best is None else float((evidence.codes[row] != evidence.codes[best]).mean()))
        if best is None or evidence.objective.better(float(evidence.targets[row]), float(evidence.targets[best])):
            best = row
    return found
