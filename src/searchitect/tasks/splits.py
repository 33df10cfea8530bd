"""Splits: which examples are held out, by a seed. Classes keep their shares, and so do tenths of a target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.seeding import derive

__all__ = ["Indices", "check_class_sizes", "check_fraction", "hold_out", "strata"]

Indices = NDArray[np.int64]

STRATA, PER_STRATUM = 10, 10
"""A regression is cut within so many equal parts of its range of ranks, each of so many examples at least."""


def check_fraction(name: str, value: float, *, zero: bool) -> None:
    """Refuse a share that leaves one side empty.

    Raises:
        TaskError: `value` is not in (0, 1), or in [0, 1) where `zero` is allowed.
    """
    if not ((0 < value < 1) or (zero and value == 0)):
        bounds = "at least 0 and below 1" if zero else "above 0 and below 1"
        raise TaskError(f"{name} must be {bounds}, got {value!r}", hint=f"{name}=0.2")


def check_class_sizes(classes: NDArray[Any], labels: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """Refuse classes with fewer examples than there are parts to cut.

    Args:
        classes: class numbers (n,).
        labels: names of the classes.
        parts: names of the parts that each need one example of every class.

    Raises:
        TaskError: names the classes.
    """
    counts = np.bincount(classes, minlength=len(labels))
    small = [f"{labels[i]!r} has {counts[i]}" for i in range(len(labels)) if counts[i] < len(parts)]
    if small:
        shown = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        fewer = " or make no test split with sa.task(DATA, test_fraction=0)," if "test" in parts else ""
        raise TaskError(
            f"every class needs an example in each of {', '.join(parts)}, so at least {len(parts)}: class {shown}",
            hint=f"add examples,{fewer} or leave these classes out",
        )


def strata(values: NDArray[Any], fraction: float) -> NDArray[np.int64] | None:
    """Return the stratum of each example of a regression: tenths of equal size by the rank of its target.

    Args:
        values: targets (n,), or (n, targets), which are not stratified.
        fraction: share that will be held out; there are never more strata than examples in it.

    Returns:
        None where there are too few examples for two strata of ten.
    """
    count = len(values)
    bins = min(STRATA, count // PER_STRATUM, int(fraction * count))
    if values.ndim != 1 or bins < 2:
        return None
    ranks = np.empty(count, dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(count)
    return ranks * bins // count


def hold_out(
    count: int, fraction: float, seed: int, purpose: str, classes: NDArray[Any] | None = None, *, keep: int = 1
) -> tuple[Indices, Indices]:
    """Cut `count` examples into (kept, held out), both in rising order.

    With `classes` every class keeps its share: of its n examples fraction·n are held out, rounded up or down so that
    the total is right (largest remainders first), and at least one; `keep` of them stay.

    Args:
        count: number of examples.
        fraction: share that is held out, in (0, 1).
        seed, purpose: name the random stream, so that the same seed cuts test and validation differently.
        classes: class numbers (count,), or None for a plain random cut.
        keep: how many examples of every class (or of all) must stay, where there are more.
    """
    generator = np.random.default_rng(derive(seed, "split", purpose))
    taken = np.zeros(count, dtype=bool)
    if classes is None:
        held = min(max(1, round(fraction * count)), count - keep)
        taken[generator.permutation(count)[:held]] = True
    else:
        sizes = np.bincount(classes)
        for label, held in enumerate(_quotas(sizes, fraction, keep)):
            members = np.flatnonzero(classes == label)
            taken[generator.permutation(members)[:held]] = True
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def _quotas(sizes: NDArray[Any], fraction: float, keep: int) -> NDArray[np.int64]:
    """How many of each class are held out (method of largest remainders), at least one, and `keep` stay."""
    exact = sizes * fraction
    quotas = np.floor(exact).astype(np.int64)
    spare = round(float(exact.sum())) - int(quotas.sum())
    quotas[np.argsort(quotas - exact, kind="stable")[: max(0, spare)]] += 1
    return np.clip(quotas, np.minimum(1, sizes), np.maximum(0, sizes - keep))
