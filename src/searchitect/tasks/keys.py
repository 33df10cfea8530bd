"""Splits by group and by time: what belongs together stays together, and nobody learns from the future."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.seeding import derive
from searchitect.tasks.splits import Indices
from searchitect.tasks.tables import numbers
from searchitect.tasks.targets import as_array

__all__ = ["as_groups", "as_times", "check_apart", "hold_out_groups", "hold_out_latest"]

DRAWS, DRAWN = 100, 1_000_000
"""A cut by groups is the best of so many draws; of fewer where there are so many groups that this would take long."""


def as_groups(values: Any, count: int, where: str) -> NDArray[Any]:
    """Return the group of each example as text (n,).

    Args:
        values: numbers, text or booleans, one for each example.
        where: what they are called in a message.

    Raises:
        TaskError: another shape or length, or some are missing.
    """
    array = _one_each(values, count, where)
    missing = _missing(array)
    if missing:
        raise TaskError(
            f"{missing} of {count} values of {where} are missing", hint="a group of its own, or leave these rows out"
        )
    return np.array([str(value) for value in array.tolist()])


def as_times(values: Any, count: int, where: str) -> NDArray[Any]:
    """Return the time of each example as numbers (n,) that grow with it; their order in the data does not matter.

    Args:
        values: numbers, dates, or text such as 2011-01-31 or 2011-01-31 12:30:00, one for each example.

    Raises:
        TaskError: another shape or length, no times, or some are missing.
    """
    array = _one_each(values, count, where)
    missing = _missing(array)
    if missing:
        raise TaskError(
            f"{missing} of {count} values of {where} are missing, so their place in time is not known",
            hint="leave these rows out",
        )
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]").astype(np.int64)
    found = numbers(array.astype(object) if array.dtype.kind in "US" else array)
    if found is None or array.dtype.kind == "b":
        raise TaskError(
            f"{where} must be times, got {array.tolist()[0]!r}",
            hint="numbers, or dates such as 2011-01-31 or 2011-01-31 12:30:00",
        )
    if np.isinf(found).any():
        raise TaskError(f"{where} has infinite values", hint="leave these rows out")
    return found


def _one_each(values: Any, count: int, where: str) -> NDArray[Any]:
    array = as_array(values, where)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) != count:
        raise TaskError(f"{where} must be one value for each of the {count} examples, got the shape {array.shape}")
    return array


def _missing(array: NDArray[Any]) -> int:
    if array.dtype.kind == "M":
        return int(np.isnat(array).sum())
    return sum(v is None or v != v or type(v).__name__ in ("NAType", "NaTType") for v in array.tolist())


def hold_out_groups(
    groups: NDArray[Any],
    fraction: float,
    seed: int,
    purpose: str,
    classes: NDArray[Any] | None = None,
    labels: tuple[str, ...] = (),
    *,
    keep: int = 1,
) -> tuple[Indices, Indices]:
    """Cut examples into (kept, held out), both in rising order, so that no group is in both.

    Groups are drawn in a random order until the share is met as nearly as whole groups allow. Of 100 draws the one is
    taken whose size and shares of the classes come nearest; every class is in both parts.

    Args:
        groups: of each example, as text (n,).
        fraction, seed, purpose: as in `hold_out`.
        classes, labels: class numbers (n,) and their names, for a classification.
        keep: how many groups, and groups of every class, must stay.

    Raises:
        TaskError: there are too few groups, of all or of a class.
    """
    names, place = np.unique(groups, return_inverse=True)
    if len(names) <= keep:
        raise TaskError(
            f"{len(names)} group(s) cannot be split into {keep + 1} parts: each part needs one of its own",
            hint="another column, or make no test split with sa.task(DATA, test_fraction=0)",
        )
    counts = np.zeros((len(names), max(1, len(labels))), dtype=np.int64)
    column = np.zeros_like(place) if classes is None else classes
    np.add.at(counts.reshape(-1), place * counts.shape[1] + column, 1)
    if labels:
        _check_classes((counts > 0).sum(axis=0), labels, keep)
    generator = np.random.default_rng(derive(seed, "split", purpose))
    found = [_drawn(counts, fraction, keep, generator) for _ in range(max(1, min(DRAWS, DRAWN // len(names))))]
    distance, held = min(found, key=lambda one: one[0])
    if labels and not np.isfinite(distance):
        raise TaskError(
            f"no split by these {len(names)} groups was found in which every class is in every part",
            hint="larger fractions, finer groups, or leave rare classes out",
        )
    taken = np.isin(place, held)
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def _check_classes(spread: NDArray[Any], labels: tuple[str, ...], keep: int) -> None:
    small = [f"{labels[i]!r} is in {spread[i]}" for i in np.flatnonzero(spread <= keep)]
    if small:
        raise TaskError(
            f"every class needs a group in each of {keep + 1} parts: class {', '.join(small[:5])} group(s) only",
            hint="finer groups, make no test split with sa.task(DATA, test_fraction=0), or leave these classes out",
        )


def _drawn(
    counts: NDArray[np.int64], fraction: float, keep: int, generator: np.random.Generator
) -> tuple[float, NDArray[np.int64]]:
    """One draw: how far it is from the shares asked for, infinite where a class is missing, and the groups held out."""
    order = generator.permutation(len(counts))
    reached = np.cumsum(counts[order].sum(axis=1))
    nearest = int(np.argmin(np.abs(reached - fraction * reached[-1]))) + 1
    held = order[: min(nearest, len(counts) - keep)]
    shares, total = counts[held].sum(axis=0), counts.sum(axis=0)
    staying = (counts > 0).sum(axis=0) - (counts[held] > 0).sum(axis=0)
    if (shares == 0).any() or (staying < keep).any():
        return float("inf"), held
    return float(np.abs(shares - fraction * total).sum()), held


def hold_out_latest(times: NDArray[Any], fraction: float, *, keep: int = 1) -> tuple[Indices, Indices]:
    """Cut examples into (earlier, latest), both in rising order of their places; no time is in both.

    Args:
        times: numbers (n,).
        fraction: share that is held out; the cut is at the change of time that comes nearest to it.
        keep: how many different times must stay.

    Raises:
        TaskError: there are too few different times.
    """
    order = np.argsort(times, kind="stable")
    changes = np.flatnonzero(np.diff(times[order])) + 1
    if len(changes) < keep:
        raise TaskError(
            f"{len(changes) + 1} different time(s) cannot be split into {keep + 1} parts, one after the other",
            hint="another column, or make no test split with sa.task(DATA, test_fraction=0)",
        )
    possible = changes[keep - 1 :]
    cut = possible[np.argmin(np.abs(possible - (1 - fraction) * len(times)))]
    return np.sort(order[:cut]), np.sort(order[cut:])


def check_apart(groups: Mapping[str, NDArray[Any]], times: Mapping[str, NDArray[Any]]) -> None:
    """Refuse official splits that share a group, or that do not follow each other in time.

    Args:
        groups, times: of the splits, in the order train, validation, test, where they are known.

    Raises:
        TaskError: names the two splits and the group.
    """
    names = list(groups)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            shared = np.intersect1d(groups[first], groups[second])
            if len(shared):
                raise TaskError(
                    f"group {str(shared[0])!r} is in the {first} split and in the official {second} split"
                    + (f", and so are {len(shared) - 1} more" if len(shared) > 1 else ""),
                    hint="leave groups out, or make the splits from one file",
                )
    for first, second in itertools.pairwise(times):
        if times[first].max() >= times[second].min():
            raise TaskError(
                f"the official {second} split begins before the {first} split ends",
                hint="leave time out, or make the splits from one file",
            )
