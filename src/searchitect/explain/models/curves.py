"""Deletion and insertion: how fast the answer fades when what a map marks is taken away, or returns when it is given.

Petsiuk et al., "RISE", 2018, section 4.3. A lower area under the deletion curve, a higher one under the insertion
curve, is better; both are compared with random maps of the same grain: a map of squares with random squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from searchitect.explain.models.effort import Groups
from searchitect.explain.models.subject import Floats, Subject

__all__ = ["Areas", "Gain", "curve_areas", "gain_over", "random_areas"]

RANDOM_MAPS = 20

STEPS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Areas under the curves of n inputs, in units of probability (or of score); (n,) or (maps, n)."""

    deletion: Floats
    insertion: Floats


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much a map's area is better than that of random maps, mean over inputs, with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def is_shown(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    def to_json(self) -> dict[str, Any]:
        return {"mean": round(self.mean, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def curve_areas(subject: Subject, maps: Floats, *, signed: bool = True, steps: int = STEPS, seed: int = 0) -> Areas:
    """Areas of maps (n, *places) of a subject's inputs; equal values are ordered at random.

    Where the model is no classifier, the score counts, turned so that the input's is above the reference's; a signed
    map is turned with it.
    """
    sign = _sign(subject)
    turned = maps.reshape(len(maps), -1) * (sign[:, None] if signed else 1.0)
    order = np.lexsort((np.random.default_rng(seed).random(turned.shape), -turned), axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    cuts = np.linspace(0, order.shape[1], steps + 1).round()
    gone = torch.from_numpy((rank[:, None, :] < cuts[None, :, None]).reshape(len(maps), -1, *subject.places))
    deletion, insertion = [], []
    for row, (point, target) in enumerate(zip(subject.points, subject.targets, strict=True)):
        shown = point.expand(steps + 1, *point.shape)
        wanted = target.expand(steps + 1)
        deletion.append(sign[row] * subject.belief(subject.kept(shown, ~gone[row]), wanted))
        insertion.append(sign[row] * subject.belief(subject.kept(shown, gone[row]), wanted))
    share = 1 / steps
    return Areas(*(np.trapezoid(np.stack(rows), dx=share, axis=1) for rows in (deletion, insertion)))


def random_areas(
    subject: Subject, groups: Groups | None, *, count: int = RANDOM_MAPS, steps: int = STEPS, seed: int = 0
) -> Areas:
    """Areas (count, n) of random maps whose parts are those of `groups`, by default every place for itself."""
    rng = np.random.default_rng(seed)
    parts = np.arange(int(np.prod(subject.places))).reshape(subject.places) if groups is None else groups
    found = []
    for number in range(count):
        values = rng.random((len(subject), int(parts.max()) + 1))
        found.append(curve_areas(subject, values[:, parts], steps=steps, seed=seed + number))
    return Areas(np.stack([areas.deletion for areas in found]), np.stack([areas.insertion for areas in found]))


def gain_over(own: Floats, random: Floats, *, lower: bool) -> Gain:
    """Mean difference between a map's areas (n,) and those of random maps (maps, n), with its interval.

    With several inputs the interval is Student's over inputs, paired; with one it is that of the random maps.

    Args:
        lower: whether a lower area is better: that of deletion.
    """
    from scipy.stats import t

    differences = (random - own[None, :]) * (1 if lower else -1)
    paired: NDArray[np.float64] = differences.mean(0)
    mean, count = float(paired.mean()), len(paired)
    if count < 2:
        low, high = np.percentile(differences, [2.5, 97.5])
        return Gain(mean, float(low), float(high))
    half = float(t.ppf(0.975, count - 1)) * float(paired.std(ddof=1)) / count**0.5
    return Gain(mean, mean - half, mean + half)


def _sign(subject: Subject) -> Floats:
    """+1, or -1 where a score that is no probability lies below that of the reference."""
    if subject.classifies:
        return np.ones(len(subject))
    empty = subject.reference.expand_as(subject.points)
    rise = subject.belief(subject.points, subject.targets) - subject.belief(empty, subject.targets)
    return np.where(rise < 0, -1.0, 1.0)
