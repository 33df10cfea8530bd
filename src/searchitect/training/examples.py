"""What training needs of a task, as protocols (the room `tasks` fulfils them), and which examples it takes."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchitect.errors import EvaluationError
from searchitect.seeding import derive
from searchitect.spaces.task_spec import TaskSpec

__all__ = ["Examples", "Trainable", "nested_order", "raw_tensors", "subset"]

Indices = NDArray[np.int64]


class Examples(Protocol):
    """A split that can be read by index, in memory or not."""

    @property
    def targets(self) -> NDArray[Any]: ...

    def __len__(self) -> int: ...

    def read(self, indices: Indices) -> tuple[NDArray[Any], ...]: ...


class Trainable(Protocol):
    """Shapes and the two splits a training may look at."""

    @property
    def spec(self) -> TaskSpec: ...

    @property
    def train(self) -> Examples: ...

    @property
    def validation(self) -> Examples: ...


def raw_tensors(split: Examples, indices: Indices, device: torch.device | str = "cpu") -> tuple[Tensor, ...]:
    """Read raw inputs as tensors on `device`."""
    arrays = split.read(indices)
    # torch warns about arrays that may not be written (memory maps), and shares memory with the others
    owned = (array if array.flags.writeable else array.copy() for array in arrays)
    return tuple(torch.from_numpy(array).to(device) for array in owned)


def nested_order(targets: NDArray[Any], *, stratified: bool) -> Indices:
    """Return an order of all examples whose every prefix is a fair sample.

    Each class spreads evenly over the order, its first example at the very start, so that a prefix of at least as
    many examples as classes holds every class and keeps their shares. The order depends on the number of examples
    and their classes alone: all trials of all studies draw the same nested subsets.
    """
    n = len(targets)
    shuffled = np.random.default_rng(derive(0, "data fraction", n)).permutation(n)
    if not stratified:
        return shuffled
    classes = targets[shuffled]
    _, numbers, counts = np.unique(classes, return_inverse=True, return_counts=True)
    by_class = np.argsort(numbers, kind="stable")
    within = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.empty(n)
    place[by_class] = within / counts[numbers[by_class]]
    return shuffled[np.argsort(place, kind="stable")]


def subset(split: Examples, fraction: float, *, stratified: bool) -> Indices:
    """Return the indices of a share of a split: a smaller share is a prefix of a larger one.

    Raises:
        EvaluationError: the fraction lies outside (0, 1], or fewer than two examples remain.
    """
    if not 0.0 < fraction <= 1.0:
        raise EvaluationError(f"a data fraction lies in (0, 1], got {fraction}")
    n = len(split)
    if fraction == 1.0:
        indices = np.arange(n)
    else:
        classes = len(np.unique(split.targets)) if stratified else 2
        count = min(n, max(math.ceil(fraction * n), classes, 2))
        indices = nested_order(split.targets, stratified=stratified)[:count]
    if len(indices) < 2:
        raise EvaluationError(f"training needs at least 2 examples, got {len(indices)}", hint="give more data")
    return indices
