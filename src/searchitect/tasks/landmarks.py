"""Landmarks of a task: how far the simplest learners come on it, which says more of two tasks than their sizes do.

Pfahringer, Bensusan and Giraud-Carrier, "Meta-learning by landmarking various learning algorithms", ICML 2000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from searchitect.seeding import stream
from searchitect.tasks.task import Split, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["landmarks"]

LEARN, JUDGE = 300, 150
"""Most training and validation examples that are read."""

WIDEST = 4_096
"""Most numbers of one example that are looked at, spread evenly."""


def landmarks(task: Task) -> dict[str, float]:
    """Return the skill of four learners, fitted on some training examples and judged on some of the validation split.

    `neighbour` (the nearest), `centroids` (the nearest class mean), `line` (ridge regression on the classes or values)
    and `stump` (one cut of the best single column). Skill is the share of the constant guess's error that is gone, from
    0 to 1: of wrong classes, or of squared errors (regression has no `centroids`). The test split is not touched; the
    same task always has the same landmarks. Empty where inputs are no plain numbers.
    """
    rng = stream(0, "landmarks", task.digest)
    learned, judged = _some(task.train, LEARN, rng), _some(task.validation, JUDGE, rng)
    if learned is None or judged is None or len(learned[0]) < 2 or not len(judged[0]):
        return {}
    (x, y), (others, truth) = learned, judged
    centre, scale = x.mean(axis=0), x.std(axis=0) + 1e-6 * (1.0 + np.abs(x).max())
    x, others = (x - centre) / scale, (others - centre) / scale
    if task.spec.kind == "classification":
        return _of_classes(x, y.astype(np.int64), others, truth.astype(np.int64))
    return _of_values(x, _columns(y), others, _columns(truth))


def _of_classes(x: Matrix, y: NDArray[Any], others: Matrix, truth: NDArray[Any]) -> dict[str, float]:
    classes = np.unique(y)
    shown = (y[:, None] == classes).astype(np.float64)
    means = (shown.T @ x) / shown.sum(axis=0)[:, None]
    answers = {
        "neighbour": y[_nearest(others, x)],
        "centroids": classes[_nearest(others, means)],
        "line": classes[_line(x, shown, others).argmax(axis=1)],
        "stump": classes[_stump(x, shown, others).argmax(axis=1)],
    }
    wrong = float(np.mean(truth != classes[shown.sum(axis=0).argmax()]))
    return {name: _skill(float(np.mean(truth != answer)), wrong) for name, answer in answers.items()}


def _of_values(x: Matrix, y: Matrix, others: Matrix, truth: Matrix) -> dict[str, float]:
    answers = {"neighbour": y[_nearest(others, x)], "line": _line(x, y, others), "stump": _stump(x, y, others)}
    wrong = float(np.mean((truth - y.mean(axis=0)) ** 2))
    return {name: _skill(float(np.mean((truth - answer) ** 2)), wrong) for name, answer in answers.items()}


def _skill(error: float, constant: float) -> float:
    return round(min(1.0, max(0.0, 1.0 - error / constant)), 4) if constant > 0 else 0.0


def _nearest(rows: Matrix, places: Matrix) -> NDArray[Any]:
    distances = (places**2).sum(axis=1)[None, :] - 2.0 * rows @ places.T
    return np.asarray(distances.argmin(axis=1))


def _line(x: Matrix, y: Matrix, others: Matrix) -> Matrix:
    """Ridge regression in its dual form: wide inputs cost no more than narrow ones."""
    gram = x @ x.T + 0.1 * x.shape[1] * np.eye(len(x))
    mean = y.mean(axis=0)
    return np.asarray(mean + (others @ x.T) @ np.linalg.solve(gram, y - mean))


def _stump(x: Matrix, y: Matrix, others: Matrix) -> Matrix:
    """The column whose cut at its mean explains most of the squared error, and the means of both sides."""
    above = (x > 0.0).astype(np.float64)
    counts = above.sum(axis=0)
    gap = (above.T @ (y - y.mean(axis=0))) ** 2
    gain = gap.sum(axis=1) / np.maximum(counts * (1.0 - counts / len(x)), 1e-9) * ((counts > 0) & (counts < len(x)))
    column = int(gain.argmax())
    side, mean = above[:, column] > 0, y.mean(axis=0)
    high, low = (y[part].mean(axis=0) if part.any() else mean for part in (side, ~side))
    found: Matrix = np.where((others[:, column] > 0.0)[:, None], high, low)
    return found


def _some(split: Split, most: int, rng: Any) -> tuple[Matrix, NDArray[Any]] | None:
    """A few examples as rows of numbers, and their targets; None where inputs are no numbers."""
    places = np.array(sorted(rng.sample(range(len(split)), min(most, len(split)))), dtype=np.int64)
    inputs = [np.asarray(part) for part in split.read(places)]
    if any(part.dtype.kind not in "buif" for part in inputs):
        return None
    flat = np.concatenate([part.reshape(len(places), -1).astype(np.float64) for part in inputs], axis=1)
    kept = np.linspace(0, flat.shape[1] - 1, min(WIDEST, flat.shape[1])).astype(np.int64)
    return np.nan_to_num(flat[:, kept], posinf=0.0, neginf=0.0), np.asarray(split.targets)[places]


def _columns(values: NDArray[Any]) -> Matrix:
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)
