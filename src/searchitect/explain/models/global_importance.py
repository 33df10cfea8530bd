"""What counts over many inputs: the mean size of maps, permutation of parts, partial dependence of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from searchitect.errors import ConfigError
from searchitect.explain.models.maps import attribution_map, numbers
from searchitect.explain.models.subject import Floats, Subject
from searchitect.explain.wording import Words, words
from searchitect.seeding import derive

__all__ = [
    "Dependence",
    "GlobalImportance",
    "columns_of",
    "global_importance",
    "part_names",
    "partial_dependence",
    "permutation_importance",
]


@dataclass(frozen=True, slots=True, eq=False)
class GlobalImportance:
    """How much each part counts, with a 95 % interval of the mean over inputs or repeats.

    Attributes:
        means: what "importance" is: a phrase with its unit.
        names: of the parts, as `part_names`.
        values, low, high: (parts,).
    """

    means: str
    names: tuple[str, ...]
    values: Floats
    low: Floats
    high: Floats

    def to_json(self) -> dict[str, Any]:
        order = np.argsort(-self.values, kind="stable")
        rows = [
            {"name": self.names[i], "value": value, "low": low, "high": high}
            for i, value, low, high in zip(
                order.tolist(), *(numbers(a[order]) for a in (self.values, self.low, self.high)), strict=True
            )
        ]
        return {"means": self.means, "parts": rows}


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """How the answer follows one column while the others stay as they are (Friedman 2001, equation 47).

    Attributes:
        name: of the column.
        grid: (g,) values it is set to, in its own unit.
        mean: (g,) mean answer over rows.
        low, high: (g,) the band of 80 % of the rows' own curves (Goldstein et al. 2015).
        curves: (rows, g) own curves of some rows.
    """

    name: str
    grid: Floats
    mean: Floats
    low: Floats
    high: Floats
    curves: Floats

    def to_json(self) -> dict[str, Any]:
        parts = {"grid": self.grid, "mean": self.mean, "low": self.low, "high": self.high, "curves": self.curves}
        return {"name": self.name, **{key: numbers(value) for key, value in parts.items()}}


def part_names(subject: Subject, names: Sequence[str] | None = None, say: Words | None = None) -> tuple[str, ...]:
    """What the parts of `Subject.groups` are called, in English by default.

    Raises:
        ConfigError: `names` are not as many as there are parts.
    """
    groups, say = subject.groups(), say or words()
    count = int(groups.max()) + 1
    if names is not None:
        if len(names) != count:
            raise ConfigError(f"expected {count} names of the parts, got {len(names)}")
        return tuple(names)
    if subject.inputs.dim() == 4:
        across = int(groups[0].max()) + 1
        places = [divmod(part, across) for part in range(count)]
        return tuple(say("model.square", row=row + 1, column=column + 1) for row, column in places)
    key = {"tabular": "model.feature", "text": "model.token"}.get(subject.kind, "model.window")
    return tuple(say(key, number=part + 1) for part in range(count))


def columns_of(subject: Subject) -> Floats:
    """(n, parts) one number per part: the value of a column in its own unit, the mean of a square or window.

    Raises:
        ConfigError: a text has no numbers.
    """
    if subject.kind == "text":
        raise ConfigError("a text has no columns of numbers", hint="explain it with maps")
    groups = subject.groups().ravel()
    values = subject.reduced(subject.points).reshape(len(subject), -1)
    sums = np.zeros((len(subject), groups.max() + 1))
    np.add.at(sums.T, groups, values.T)
    means = sums / np.bincount(groups)
    if subject.column_units is not None:
        scale, shift = subject.column_units
        means[:, : len(scale)] = means[:, : len(scale)] * scale + shift
    return means


def global_importance(
    subject: Subject,
    method: str = "input_x_gradient",
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
    say: Words | None = None,
) -> GlobalImportance:
    """Mean |attribution| of every part over all inputs (the global view of Lundberg and Lee 2017).

    Raises:
        ConfigError, MissingExtraError: as `attribution_map`.
    """
    found = np.abs(attribution_map(subject, method, seed=seed).values).reshape(len(subject), -1)
    groups = subject.groups().ravel()
    sums = np.zeros((len(subject), groups.max() + 1))
    np.add.at(sums.T, groups, found.T)
    means = (say or words())("model.size_of_map", method=method)
    return _with_interval(means, part_names(subject, names, say), sums)


def permutation_importance(
    subject: Subject,
    truth: Any = None,
    *,
    repeats: int = 10,
    names: Sequence[str] | None = None,
    seed: int = 0,
    say: Words | None = None,
) -> GlobalImportance:
    """What is lost when one part is exchanged between inputs (Breiman 2001, section 10; Fisher et al. 2019).

    Args:
        truth: (n,) classes or values; by default the model's own answers, so that its loyalty to them is measured.

    Returns:
        The loss of accuracy, or of R² where the model is no classifier; one row of the mean per repeat.
    """
    points, groups = subject.points, torch.from_numpy(subject.groups())
    before = subject.answers(points)
    wanted = _truth(subject, truth, before)
    base, losses = _quality(subject, before, wanted), []
    for repeat in range(repeats):
        rng = np.random.default_rng(derive(seed, "permute", repeat))
        row = []
        for part in range(int(groups.max()) + 1):
            moved = points[torch.from_numpy(rng.permutation(len(points)))]
            mixed = torch.where(subject.spread((groups == part)[None]), moved, points)
            row.append(base - _quality(subject, subject.answers(mixed), wanted))
        losses.append(row)
    means = (say or words())("model.loss_accuracy" if subject.classifies else "model.loss_r2")
    return _with_interval(means, part_names(subject, names, say), np.asarray(losses))


def partial_dependence(
    subject: Subject,
    column: int,
    *,
    target: int | None = None,
    points: int = 20,
    curves: int = 20,
    name: str | None = None,
) -> Dependence:
    """Answer of the model while one column of a table goes through its values (5 % to 95 % of them).

    Args:
        column: number of the feature.
        target: column of the scores; by default each row's own target.

    Raises:
        ConfigError: the inputs are no table, or have no such column.
    """
    if subject.kind != "tabular" or not 0 <= column < subject.places[0]:
        raise ConfigError(
            f"partial dependence is of a column of a table, 0..{subject.places[0] - 1}; got {column} of {subject.kind}"
        )
    values = subject.points[:, column].double().numpy()
    distinct = np.unique(values)
    grid = (
        distinct
        if len(distinct) <= points
        else np.linspace(np.percentile(values, 5), np.percentile(values, 95), points)
    )
    wanted = subject.targets if target is None else torch.full_like(subject.targets, target)
    rows = []
    for value in grid:
        moved = subject.points.clone()
        moved[:, column] = float(value)
        rows.append(subject.belief(moved, wanted))
    table = np.stack(rows, axis=1)
    low, high = np.percentile(table, [10, 90], axis=0)
    shown = np.linspace(0, len(table) - 1, min(curves, len(table))).astype(int)
    grid = _in_own_unit(subject, column, grid)
    return Dependence(name or f"feature {column + 1}", grid, table.mean(0), low, high, table[shown])


def _in_own_unit(subject: Subject, column: int, values: Floats) -> Floats:
    units = subject.column_units
    if units is None or column >= units.shape[1]:
        return values
    found: Floats = values * units[0, column] + units[1, column]
    return found


def _with_interval(means: str, names: tuple[str, ...], rows: Floats) -> GlobalImportance:
    """Mean over rows (k, parts) and Student's interval."""
    from scipy.stats import t

    values, count = rows.mean(0), len(rows)
    half = np.zeros_like(values)
    if count > 1:
        half = float(t.ppf(0.975, count - 1)) * rows.std(0, ddof=1) / count**0.5
    return GlobalImportance(means, names, values, values - half, values + half)


def _truth(subject: Subject, truth: Any, scores: torch.Tensor) -> Floats:
    if truth is None:
        return np.asarray(scores.argmax(1) if subject.classifies else scores, dtype=np.float64)
    found = np.asarray(truth, dtype=np.float64)
    if len(found) != len(subject):
        raise ConfigError(f"expected the truth of {len(subject)} inputs, got {len(found)}")
    return found


def _quality(subject: Subject, scores: torch.Tensor, truth: Floats) -> float:
    if subject.classifies:
        return float((scores.argmax(1).numpy() == truth).mean())
    told, wanted = scores.double().numpy(), truth.reshape(len(truth), -1)
    spread = float(((wanted - wanted.mean(0)) ** 2).sum())
    return 1.0 - float(((told - wanted) ** 2).sum()) / spread if spread else 0.0
