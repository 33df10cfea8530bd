"""torch data sets: read by index, never held in memory as a whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.errors import TaskError
from searchitect.tasks.arrays import ImageArray
from searchitect.tasks.examples import Data, Part
from searchitect.tasks.preprocessing import TablePreprocessing
from searchitect.tasks.tables import Schema, Table
from searchitect.tasks.targets import as_array
from searchitect.tasks.task import Preprocessing, RawInputs, Split

__all__ = ["DatasetExamples", "DatasetSplit", "read_dataset"]

STATISTICS_EXAMPLES = 2000
DIGEST_EXAMPLES = 256
COMPARED_TARGETS = 16
TARGET_ATTRIBUTES = ("targets", "labels", "y")


@dataclass(frozen=True, slots=True, eq=False)
class DatasetExamples:
    """Examples of a data set, by index.

    Attributes:
        dataset: anything with `__len__` and `__getitem__(int) -> (input, target)`.
        indices: places in the data set.
        shape: of one raw input: (channels, height, width), or (features,).
        dtype: of the raw inputs: uint8 or float32.
        channels_last: whether the data set gives (height, width, channels).
        repeatable: whether an example is the same each time it is read.
    """

    dataset: Any
    indices: NDArray[np.int64]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channels_last: bool
    repeatable: bool

    @property
    def domain(self) -> str:
        return "image" if len(self.shape) == 3 else "tabular"

    def __len__(self) -> int:
        return len(self.indices)

    def cut(self, indices: NDArray[np.int64]) -> DatasetExamples:
        chosen = self.indices[indices]
        return DatasetExamples(self.dataset, chosen, self.shape, self.dtype, self.channels_last, self.repeatable)

    def load(self) -> NDArray[Any]:
        """Read all of them: (n, *shape).

        Raises:
            TaskError: an example has another shape, or NaN or infinite pixels.
        """
        values = np.empty((len(self), *self.shape), dtype=self.dtype)
        for place, index in enumerate(self.indices):
            value = _input(self.dataset[int(index)], int(index))
            value = _channels_first(value, self.channels_last)
            if value.shape != self.shape:
                raise TaskError(
                    f"example {index} has the shape {value.shape}, the first one {self.shape}",
                    hint="bring all to one size",
                )
            values[place] = value
        if self.dtype != np.uint8 and (np.isinf(values).any() or (len(self.shape) == 3 and np.isnan(values).any())):
            raise TaskError("the data set gives NaN or infinite inputs", hint="repair or leave out these examples")
        return values

    def few(self, count: int) -> DatasetExamples:
        """At most `count` of them, evenly spaced."""
        return self.cut(np.unique(np.linspace(0, len(self) - 1, min(len(self), count)).astype(np.int64)))

    def fit(self, output_mean: tuple[float, ...], output_std: tuple[float, ...]) -> Preprocessing:
        """Learn from at most 2,000 examples."""
        values = self.few(STATISTICS_EXAMPLES).load()
        if self.domain == "image":
            scale = 255.0 if self.dtype == np.uint8 else 1.0
            return ImageArray(values, scale).fit(output_mean, output_std)
        schema = Schema(tuple(f"x{i}" for i in range(self.shape[0])), ())
        text = np.empty((len(values), 0), dtype=object)
        return Table(schema, values.astype(np.float32), text).fit(output_mean, output_std)

    def split(self, targets: NDArray[Any], preprocessing: Preprocessing) -> Split:
        expected = preprocessing.output_shape
        if isinstance(preprocessing, TablePreprocessing):
            expected = (len(preprocessing.numeric),)
        if self.shape != expected:
            raise TaskError(f"all splits must have inputs of the training shape {expected}, got {self.shape}")
        return DatasetSplit(self, targets)

    def digest(self) -> bytes:
        """Hash of the indices and of 256 examples; of the indices alone where reading is random (augmentation)."""
        total = hashlib.blake2b(repr((self.shape, self.dtype.str)).encode(), digest_size=16)
        total.update(np.ascontiguousarray(self.indices).data)
        if self.repeatable:
            total.update(np.ascontiguousarray(self.few(DIGEST_EXAMPLES).load()).data)
        return total.digest()


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSplit:
    """A split that reads its examples from a data set when they are wanted."""

    examples: DatasetExamples
    targets: NDArray[Any]

    @property
    def nbytes(self) -> int:
        return len(self.examples) * int(np.prod(self.examples.shape)) * self.examples.dtype.itemsize

    def __len__(self) -> int:
        return len(self.targets)

    def read(self, indices: NDArray[np.int64]) -> RawInputs:
        return (self.examples.cut(indices).load(),)


def read_dataset(dataset: Any, test: Any = None, validation: Any = None) -> Data:
    """Read a torch `Dataset` (or anything of its form) and official splits of the same form.

    Raises:
        TaskError: it has no length, gives no pairs, or inputs that are neither images nor rows of numbers.
    """
    name = type(dataset).__name__
    parts = {
        split: None if given is None else Part(_examples(given), _targets(given))
        for split, given in (("test", test), ("validation", validation))
    }
    source = {"kind": "dataset", "type": name}
    return Data(name, Part(_examples(dataset), _targets(dataset)), parts["validation"], parts["test"], source=source)


def _examples(dataset: Any) -> DatasetExamples:
    for attribute in ("dtype", "columns", "keys"):
        if hasattr(dataset, attribute):
            raise TaskError(f"a {type(dataset).__name__} has inputs but no targets", hint="task((X, y))")
    if _length(dataset) == 0:
        raise TaskError("the data set is empty")
    first, again = (_input(_item(dataset, 0), 0) for _ in range(2))
    if first.ndim not in (1, 2, 3) or first.size == 0:
        raise TaskError(f"an example must be an image or a row of numbers, got the shape {first.shape}")
    channels_last = first.ndim == 3 and first.shape[0] > 4 and first.shape[2] <= 4
    shape = _channels_first(first, channels_last).shape
    dtype = np.dtype(np.uint8 if first.dtype == np.uint8 and first.ndim > 1 else np.float32)
    repeatable = bool(np.array_equal(first, again, equal_nan=first.dtype.kind == "f"))
    return DatasetExamples(dataset, np.arange(len(dataset)), shape, dtype, channels_last, repeatable)


def _length(dataset: Any) -> int:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError) as error:
        raise TaskError("the data set has no length", hint="give it __len__; a stream cannot be split") from error


def _item(dataset: Any, index: int) -> Any:
    try:
        item = dataset[index]
    except (NotImplementedError, TypeError) as error:
        raise TaskError("the data set cannot be read by index", hint="give it __getitem__(index)") from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise TaskError(f"an example must be a pair (input, target), got a {type(item).__name__}")
    return item


def _input(item: Any, index: int) -> NDArray[Any]:
    value = as_array(item[0], f"the input of example {index}")
    if value.dtype.kind not in "biuf":
        raise TaskError(f"the input of example {index} must be numbers, got {value.dtype}")
    return value


def _channels_first(value: NDArray[Any], channels_last: bool) -> NDArray[Any]:
    if value.ndim == 2:
        return value[None]
    return value.transpose(2, 0, 1) if channels_last and value.ndim == 3 else value


def _targets(dataset: Any) -> NDArray[Any]:
    """All targets: from an attribute, if it says the same as the examples, otherwise by reading each example once."""
    count = _length(dataset)
    known = _known_targets(dataset)
    if known is not None and len(known) == count:
        places = np.unique(np.linspace(0, count - 1, min(count, COMPARED_TARGETS)).astype(np.int64))
        if all(np.array_equal(_target(dataset, int(i)), known[i]) for i in places):
            return known
    return as_array([_target(dataset, i) for i in range(count)], "the targets")


def _target(dataset: Any, index: int) -> Any:
    value = _item(dataset, index)[1]
    if isinstance(value, str):
        return value
    array = as_array(value, f"the target of example {index}")
    return array.item() if array.ndim == 0 else array


def _known_targets(dataset: Any) -> NDArray[Any] | None:
    if hasattr(dataset, "dataset") and hasattr(dataset, "indices"):  # torch.utils.data.Subset
        inner = _known_targets(dataset.dataset)
        return None if inner is None else inner[np.asarray(dataset.indices)]
    if hasattr(dataset, "tensors"):  # torch.utils.data.TensorDataset
        return as_array(dataset.tensors[-1], "the targets")
    found = next((getattr(dataset, name) for name in TARGET_ATTRIBUTES if hasattr(dataset, name)), None)
    return None if found is None or callable(found) else as_array(found, "the targets")
