"""`Task`: data in three splits, its preprocessing, its shapes and its metrics, as one frozen value.

Raw inputs are a tuple of arrays with examples along the first axis:

* images: `(pixels,)`, uint8 (or float32, where the data are no bytes), shape (n, channels, height, width);
* tables: `(numeric,)`, `(codes,)` or `(numeric, codes)`: float32 (n, f) where NaN is missing, int64 (n, c) where -1 is
  missing or unknown.

`preprocessing.module()` turns a batch of raw inputs into what `build` sees: float32, shape (n, *spec.inputs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from searchitect.spaces.task_spec import TaskSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ArraySplit", "Preprocessing", "RawInputs", "Split", "Task"]

RawInputs = tuple[NDArray[Any], ...]


class Split(Protocol):
    """Examples that can be read by index; in memory or not."""

    @property
    def targets(self) -> NDArray[Any]:
        """int64 class numbers, shape (n,), or float32 values, shape (n,) or (n, targets)."""
        ...

    @property
    def nbytes(self) -> int:
        """Size of all raw inputs in memory; decides whether they are held there."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.int64]) -> RawInputs:
        """Raw inputs of these examples, in this order."""
        ...


class Preprocessing(Protocol):
    """What was learned from the training split about the inputs, as plain data."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the raw inputs, in their order: ("pixels",), ("numeric",), ("codes",) or ("numeric", "codes")."""
        ...

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one example after preprocessing: `spec.inputs`."""
        ...

    def module(self) -> nn.Module:
        """A module whose `forward(*raw)` takes tensors of the raw dtypes and returns float32 (n, *spec.inputs)."""
        ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, eq=False)
class ArraySplit:
    """A split held in memory."""

    inputs: RawInputs
    targets: NDArray[Any]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.inputs)

    def __len__(self) -> int:
        return len(self.targets)

    def read(self, indices: NDArray[np.int64]) -> RawInputs:
        return tuple(array[indices] for array in self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Data, splits, preprocessing and metrics.

    Attributes:
        name: short name, used for the run folder.
        spec: the shapes a model is built for.
        train, validation: what a search may look at.
        test: opened once, by the study, after everything is decided; None where the data has too few examples.
        preprocessing: fitted on `train` only.
        metrics: names from `tasks.metrics`; the first is the default objective.
        labels: names of the classes, in the order of their numbers; empty for regression.
        digest: hash of all the data and the split; a resumed study must find the same.
        source: what the data was made from, for the record: {"kind", "path" (file name only), …}.
    """

    name: str
    spec: TaskSpec
    train: Split
    validation: Split
    test: Split | None
    preprocessing: Preprocessing
    metrics: tuple[str, ...]
    labels: tuple[str, ...] = ()
    digest: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The task without its data, as JSON: name, spec, metrics, labels, digest, preprocessing, split sizes."""
        return {
            "name": self.name,
            "spec": self.spec.to_json(),
            "metrics": list(self.metrics),
            "labels": list(self.labels),
            "digest": self.digest,
            "source": dict(self.source),
            "preprocessing": self.preprocessing.to_json(),
            "sizes": {
                "train": len(self.train),
                "validation": len(self.validation),
                "test": 0 if self.test is None else len(self.test),
            },
        }
