"""What a reader hands over: examples with raw targets, not yet split, counted or encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from searchitect.tasks.task import Preprocessing, Split

__all__ = ["Data", "Examples", "Part", "Reading"]


class Examples(Protocol):
    """Inputs of one domain, in memory or not, that can be cut, learned from and turned into a `Split`."""

    @property
    def domain(self) -> str:
        """ "image" or "tabular"."""
        ...

    def __len__(self) -> int: ...

    def cut(self, indices: NDArray[np.int64]) -> Examples:
        """The examples at these places, in this order."""
        ...

    def fit(self, output_mean: tuple[float, ...], output_std: tuple[float, ...]) -> Preprocessing:
        """Learn the preprocessing; called on the training examples only."""
        ...

    def split(self, targets: NDArray[Any], preprocessing: Preprocessing) -> Split:
        """Join the examples with their encoded targets."""
        ...

    def digest(self) -> bytes:
        """Hash of the examples in their order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Examples and their raw targets: numbers, text or booleans, shape (n,), or floats (n, targets).

    Attributes:
        groups: text (n,): examples of one group stay in one split.
        times: numbers (n,): training comes before validation, and that before the test.
    """

    examples: Examples
    targets: NDArray[Any]
    groups: NDArray[Any] | None = None
    times: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What was read.

    Attributes:
        name: short name for the task.
        train: everything from which training and validation (and test, where there is none) are cut.
        validation, test: official splits, respected as they are.
        labels: names of the classes, where the targets are numbers 0..k-1.
        source: where it came from, for the record; never a path beyond the file's name.
    """

    name: str
    train: Part
    validation: Part | None = None
    test: Part | None = None
    labels: tuple[str, ...] | None = None
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How data are to be read; see `tasks.task` for the meaning of each field."""

    target: str | None = None
    group: str | None = None
    time: str | None = None
    ignore: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    layout: str | None = None
    image_size: tuple[int, int] | None = None
    skip_unreadable: bool = False
    follow_links: bool = False
    memory_bytes: int = 2 << 30
    max_bytes: int = 16 << 30
