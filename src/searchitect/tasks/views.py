"""Views of a split: what another place would see of the same data. A slice of the examples, or damaged images.

Corruptions follow CIFAR-10-C (Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions
and perturbations", ICLR 2019): Gaussian noise, Gaussian blur, contrast, each with five severities; the noise of an
example depends on its place in the split alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError, did_you_mean
from searchitect.seeding import derive
from searchitect.tasks.preprocessing import ImagePreprocessing, TablePreprocessing
from searchitect.tasks.task import ArraySplit, RawInputs, Split, Task

__all__ = ["View", "held_view", "labelled_split", "view_of"]

Operator = Literal["==", "!=", "<=", ">=", "<", ">", "in"]

_PREDICATE = re.compile(r"^\s*(?P<column>[^=!<>]+?)\s*(?P<how>==|!=|<=|>=|<|>|\bin\b)\s*(?P<value>.+?)\s*$")
_LABEL = "label"

NOISE = (0.04, 0.06, 0.08, 0.09, 0.10)
BLUR = (0.4, 0.6, 0.7, 0.8, 1.0)
CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
"""By severity: standard deviation as a share of the range, sigma in pixels (of 32, where images are larger), factor."""

MOST_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a place sees the data.

    Attributes:
        name: of the place.
        metric: what is measured there, under the name `<metric>_<name>`.
        slice: "label == 'shirt'", "label in ['shirt', 'coat']", "age >= 60"; None for all examples.
        corruption: "noise", "blur" or "contrast"; None for images as they are.
        severity: 1 to 5.
    """

    name: str
    metric: str
    slice: str | None = None
    corruption: str | None = None
    severity: int = 3

    @property
    def measurement(self) -> str:
        """Name of what is measured there."""
        return f"{self.metric}_{self.name}"


def view_of(task: Task, split: Split, view: View) -> Split:
    """Return what the view shows of a split.

    Raises:
        TaskError: the slice cannot be read, names no column (the nearest is named), or leaves no example; or the data
            are no images and cannot be corrupted.
    """
    found = split
    if view.slice is not None:
        chosen = np.flatnonzero(_chosen(task, split, view.slice))
        if not len(chosen):
            raise TaskError(f"the slice {view.slice!r} of {view.name!r} leaves no example of {len(split)}")
        found = _Chosen(found, chosen)
    if view.corruption is not None:
        if not isinstance(task.preprocessing, ImagePreprocessing):
            raise TaskError(f"{view.name!r}: only images can be corrupted, and these data are a table")
        found = _Corrupted(found, _corruption(task.preprocessing, view), derive(0, "corruption", view.corruption))
    return found


def held_view(task: Task, split: Split, view: View) -> Split:
    """Return what the view shows, in memory: damaged once, not at every read."""
    found = view_of(task, split, view)
    return ArraySplit(found.read(np.arange(len(found))), found.targets)


def labelled_split(task: Task, path: str) -> Split:
    """Return labelled data of the same kind as a task's, to be tested on: a folder or file that `sa.task` reads.

    Raises:
        TaskError: it cannot be read, or holds labels or shapes that the task does not know.
    """
    from searchitect.tasks.open import task as open_task

    other = open_task(path, test_fraction=0, validation_fraction=0.2, kind=task.spec.kind)
    if type(other.preprocessing) is not type(task.preprocessing) or other.spec.inputs != task.spec.inputs:
        raise TaskError(
            f"{path} holds examples of shape {other.spec.inputs}, the task has {task.spec.inputs}",
            hint="bring them to the same form, such as the size of the images",
        )
    if isinstance(task.preprocessing, TablePreprocessing) and other.preprocessing != task.preprocessing:
        return _table_split(task, path)
    unknown = [label for label in other.labels if label not in task.labels]
    if unknown:
        hint = did_you_mean(unknown[0], task.labels)
        raise TaskError(f"{path} has the class {unknown[0]!r}, which training lacks", hint=hint)
    number = np.array([task.labels.index(label) for label in other.labels], dtype=np.int64)
    parts = [part for part in (other.train, other.validation, other.test) if part is not None]
    inputs = [part.read(np.arange(len(part))) for part in parts]
    joined = tuple(np.concatenate(columns) for columns in zip(*inputs, strict=True))
    targets = np.concatenate([part.targets for part in parts])
    return ArraySplit(joined, number[targets] if task.spec.kind == "classification" else targets)


def _table_split(task: Task, path: str) -> Split:
    from pathlib import Path

    from searchitect.tasks.rows import rows_for
    from searchitect.tasks.table_files import is_table, read_columns

    if not is_table(Path(path)):
        raise TaskError(f"cannot read {path} as a table with labels", hint="a .csv, .tsv or .parquet file")
    columns = read_columns(Path(path), 16 << 30)
    target = str(task.source.get("target", ""))
    if target not in columns:
        raise TaskError(f"{path} has no column {target!r} with the targets", hint=did_you_mean(target, columns))
    raw = rows_for(task.describe(), path)
    if task.spec.kind == "regression":
        return ArraySplit(raw, np.asarray(columns[target], dtype=np.float32))
    values = [str(value) for value in columns[target]]
    unknown = [value for value in values if value not in task.labels]
    if unknown:
        raise TaskError(f"{path} has the class {unknown[0]!r}, which training lacks")
    return ArraySplit(raw, np.array([task.labels.index(value) for value in values], dtype=np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """Some examples of a split."""

    split: Split
    places: NDArray[np.int64]

    @property
    def targets(self) -> NDArray[Any]:
        chosen: NDArray[Any] = self.split.targets[self.places]
        return chosen

    @property
    def nbytes(self) -> int:
        return self.split.nbytes * len(self.places) // max(1, len(self.split))

    def __len__(self) -> int:
        return len(self.places)

    def read(self, indices: NDArray[np.int64]) -> RawInputs:
        return self.split.read(self.places[indices])


@dataclass(frozen=True, slots=True, eq=False)
class _Corrupted:
    """A split of images that are damaged when they are read."""

    split: Split
    damage: Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
    seed: int

    @property
    def targets(self) -> NDArray[Any]:
        return self.split.targets

    @property
    def nbytes(self) -> int:
        return self.split.nbytes

    def __len__(self) -> int:
        return len(self.split)

    def read(self, indices: NDArray[np.int64]) -> RawInputs:
        [pixels] = self.split.read(indices)
        damaged = [
            self.damage(image, np.random.default_rng((self.seed, int(place))))
            for image, place in zip(pixels, indices, strict=True)
        ]
        return (np.stack(damaged),) if damaged else (pixels,)


def _corruption(
    preprocessing: ImagePreprocessing, view: View
) -> Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]:
    scale, level = preprocessing.scale, view.severity - 1
    whole = preprocessing.dtype == "uint8"
    sigma = BLUR[level] * max(1.0, max(preprocessing.shape[1:]) / 32)

    def damage(image: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        plain = image.astype(np.float64) / scale
        if view.corruption == "noise":
            plain = plain + rng.normal(0.0, NOISE[level], plain.shape)
        elif view.corruption == "blur":
            plain = _blurred(plain, sigma)
        else:
            mean = plain.mean(axis=(1, 2), keepdims=True)
            plain = (plain - mean) * CONTRAST[level] + mean
        if whole:
            return np.rint(np.clip(plain, 0.0, 1.0) * scale).astype(image.dtype)
        return (plain * scale).astype(image.dtype)

    return damage


def _blurred(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Gaussian blur of (channels, height, width), the edge repeated; the kernel is cut at four deviations."""
    reach = max(1, int(4 * sigma + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        padded = np.pad(image, pad, mode="edge")
        size = image.shape[axis]
        image = sum(w * np.take(padded, range(k, k + size), axis=axis) for k, w in enumerate(kernel))
    return image


def _chosen(task: Task, split: Split, text: str) -> NDArray[np.bool_]:
    match = _PREDICATE.match(text) if len(text) <= MOST_TEXT else None
    if match is None:
        raise TaskError(f"cannot read the slice {text[:80]!r}", hint="label == 'shirt', label in ['a', 'b'], age >= 60")
    column, how = match["column"].strip().strip("'\""), match["how"]
    value = _value(match["value"], text)
    if isinstance(value, list) != (how == "in"):
        raise TaskError(f"cannot read the slice {text!r}: 'in' goes with a list", hint="label in ['shirt', 'coat']")
    values, known = _column(task, split, column)
    if known is not None:
        named = value if isinstance(value, list) else [value]
        for one in named:
            if str(one) not in known:
                raise TaskError(f"{column} is never {one!r}", hint=did_you_mean(str(one), known))
        if how not in ("==", "!=", "in"):
            raise TaskError(f"{column} is no number, so it cannot be compared by {how}", hint=f"{column} == 'NAME'")
        hit = np.isin(values, [known.index(str(one)) for one in named])
        return ~hit if how == "!=" else hit
    wanted = value if isinstance(value, list) else [value]
    if any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in wanted):
        raise TaskError(f"{column} is a number, got {value!r}", hint=f"{column} >= 60")
    if how in ("==", "!=", "in"):
        hit = np.isin(values, wanted)
        return ~hit if how == "!=" else hit
    compare = {"<=": np.less_equal, ">=": np.greater_equal, "<": np.less, ">": np.greater}[how]
    return np.asarray(compare(values, value), dtype=np.bool_)


def _value(text: str, where: str) -> Any:
    """A number, a quoted text, or a list of these."""
    try:
        value = json.loads(text.replace("'", '"'))
    except ValueError:
        raise TaskError(f"cannot read {text!r} in the slice {where!r}", hint="a number, or a text in quotes") from None
    if not isinstance(value, (list, str, int, float)) or isinstance(value, bool):
        raise TaskError(f"cannot read {text!r} in the slice {where!r}", hint="a number, or a text in quotes")
    return value


def _column(task: Task, split: Split, name: str) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """The values of a column, and the names of its categories where it has some."""
    if name == _LABEL and task.labels:
        return split.targets, task.labels
    if name == _LABEL:
        return split.targets, None
    if not isinstance(task.preprocessing, TablePreprocessing):
        raise TaskError(f"images have no column {name!r}", hint="label == 'NAME' chooses examples of a class")
    raw = split.read(np.arange(len(split)))
    numeric, categories = task.preprocessing.numeric, dict(task.preprocessing.categories)
    if name in numeric:
        return raw[0][:, numeric.index(name)], None
    if name in categories:
        return raw[-1][:, list(categories).index(name)], categories[name]
    raise TaskError(f"the data have no column {name!r}", hint=did_you_mean(name, [*numeric, *categories, _LABEL]))
