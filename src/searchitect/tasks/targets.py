"""Targets: which kind of task they ask for, and their encoding as class numbers or values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError

__all__ = ["as_array", "as_targets", "encode_classes", "encode_values", "infer_kind", "moments"]

Kind = Literal["classification", "regression"]

MAX_CLASSES = 100
EXAMPLES_PER_CLASS = 3


def as_array(value: Any, what: str) -> NDArray[Any]:
    """Turn a list, tensor, series or array into a numpy array without guessing.

    Raises:
        TaskError: it is ragged or no array at all.
    """
    if hasattr(value, "detach"):  # a torch tensor, wherever it lives
        value = value.detach().cpu()
    if hasattr(value, "to_numpy"):  # a series or a frame of any library
        value = value.to_numpy()
    elif hasattr(value, "toarray"):  # a sparse matrix
        value = value.toarray()
    try:
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TaskError(f"{what} cannot become one array; do the examples differ in size? ({error})") from error


def as_targets(value: Any) -> NDArray[Any]:
    """Return raw targets as booleans, whole numbers, floats or text, shape (n,), or floats (n, targets).

    A column (n, 1) is flattened; a matrix of zeros with a single one per row is read as class numbers.

    Raises:
        TaskError: there are none, they are of mixed or unusable types, missing, or not finite.
    """
    array = as_array(value, "the targets")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.size == 0:
        raise TaskError(f"targets must be one value (or one row of values) per example, got shape {array.shape}")
    if array.dtype == object:
        array = _from_objects(array)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind not in "biufU":
        raise TaskError(f"targets must be numbers, text or booleans, got {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise TaskError(f"{count} of {array.size} targets are missing or infinite", hint="remove these examples")
    if array.ndim == 2:
        if array.dtype.kind == "U":
            raise TaskError("text targets must be one label per example")
        return _class_of_one_hot(array) if _is_one_hot(array) else array.astype(np.float64)
    return array


def _from_objects(array: NDArray[Any]) -> NDArray[Any]:
    kinds = {type(item).__name__ for item in array.flat}
    missing = sum(item is None or (isinstance(item, float) and math.isnan(item)) for item in array.flat)
    if missing:
        raise TaskError(f"{missing} of {array.size} targets are missing", hint="remove these examples")
    for accepted in (str, bool | np.bool_, int | float | np.number):
        if all(isinstance(item, accepted) for item in array.flat):
            return np.array(array.tolist())
    raise TaskError(
        f"targets must all be text, all numbers or all booleans; got {', '.join(sorted(kinds))}",
        hint="turn the labels into text: [str(label) for label in y]",
    )


def _is_one_hot(array: NDArray[Any]) -> bool:
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all() and array.shape[1] > 1)


def _class_of_one_hot(array: NDArray[Any]) -> NDArray[Any]:
    classes: NDArray[Any] = np.argmax(array, axis=1)
    return classes


def infer_kind(targets: NDArray[Any]) -> Kind:
    """Decide between classification and regression.

    Text and booleans are classes. Whole numbers (also written as floats) are classes where there are at most two of
    them, or at most 100 with three examples each on average. Everything else is a regression.
    """
    if targets.ndim == 2:
        return "regression"
    if targets.dtype.kind in "bU":
        return "classification"
    if targets.dtype.kind == "f" and not (targets == np.round(targets)).all():
        return "regression"
    distinct = len(np.unique(targets))
    few = distinct <= 2 or (distinct <= MAX_CLASSES and len(targets) >= EXAMPLES_PER_CLASS * distinct)
    return "classification" if few else "regression"


def encode_classes(
    parts: Mapping[str, NDArray[Any]], names: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Number the classes of the training part in their sorted order and encode every part.

    Args:
        parts: raw targets by name of the part; "train" is there.
        names: names of the classes 0..k-1, where they are known.

    Returns:
        Class numbers by part, and the labels.

    Raises:
        TaskError: one class only, a class that training lacks, or values that cannot be classes.
    """
    train = parts["train"]
    if train.ndim != 1 or (train.dtype.kind == "f" and not (train == np.round(train)).all()):
        raise TaskError(
            "classes must be text, booleans or whole numbers, got numbers with decimals",
            hint="turn the values into classes first, or from Python: sa.task(DATA, kind='regression')",
        )
    present = np.unique(train)
    if len(present) < 2:
        raise TaskError(
            f"the data have one class only, {_label(present[0])!r}; a classification needs two",
            hint="check the targets"
            if train.dtype.kind == "U"
            else "if these are values: sa.task(DATA, kind='regression')",
        )
    encoded = {part: _encode(targets, present, part) for part, targets in parts.items()}
    return encoded, _labels(present, names)


def _encode(targets: NDArray[Any], present: NDArray[Any], part: str) -> NDArray[np.int64]:
    if (targets.dtype.kind == "U") != (present.dtype.kind == "U"):
        raise TaskError(f"the targets of the {part} split are of another type than those of the training split")
    places = np.clip(np.searchsorted(present, targets), 0, len(present) - 1)
    unknown = np.unique(targets[present[places] != targets])
    if len(unknown):
        shown = ", ".join(repr(_label(value)) for value in unknown[:5])
        raise TaskError(f"the {part} split has classes that training lacks: {shown}")
    return places.astype(np.int64)


def _labels(present: NDArray[Any], names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(_label(value) for value in present)
    if present.dtype.kind == "U" or present.min() < 0 or present.max() >= len(names):
        found = f"{_label(present[0])} to {_label(present[-1])}"
        raise TaskError(f"{len(names)} class names were given, but the classes are {found}")
    return tuple(str(names[int(value)]) for value in present)


def _label(value: Any) -> str:
    return str(int(value)) if isinstance(value, np.floating | np.integer) else str(value)


def encode_values(parts: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return regression targets as float32, (n,) or (n, targets).

    Raises:
        TaskError: they are text, do not vary, or leave the range of float32.
    """
    encoded = {}
    for part, targets in parts.items():
        if targets.dtype.kind == "U":
            raise TaskError("a regression needs numbers as targets, got text", hint="kind='classification'")
        if np.abs(targets.astype(np.float64)).max() > np.finfo(np.float32).max:
            raise TaskError(f"targets of the {part} split leave the range of float32", hint="scale them down")
        encoded[part] = targets.astype(np.float32)
    shapes = {values.shape[1:] for values in encoded.values()}
    if len(shapes) > 1:
        raise TaskError("the splits have different numbers of targets per example")
    flat = encoded["train"].reshape(len(encoded["train"]), -1)
    if (flat == flat[:1]).all(axis=0).any():
        raise TaskError("a regression target never varies: there is nothing to learn", hint="check the target column")
    return encoded


def moments(values: NDArray[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each target, (targets,) each."""
    flat = values.astype(np.float64).reshape(len(values), -1)
    deviation = flat.std(axis=0)
    return tuple(flat.mean(axis=0).tolist()), tuple(np.where(deviation > 0, deviation, 1.0).tolist())
