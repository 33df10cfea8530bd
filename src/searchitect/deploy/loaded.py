"""`LoadedModel`: a trained model with its preprocessing and its labels, ready to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from searchitect.errors import TaskError
from searchitect.spaces import Architecture
from searchitect.tasks.task import RawInputs

__all__ = ["LoadedModel", "raw_inputs"]

BATCH_SIZE = 512


@final
@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that answers on raw inputs.

    Attributes:
        model: takes tensors of raw inputs, preprocessing included; in eval mode.
        architecture: the decisions it was built from.
        labels: names of the classes in the order of the scores; empty for a regression.
        description: `Task.describe()` of the task it was trained on.
    """

    model: nn.Module
    architecture: Architecture
    labels: tuple[str, ...]
    description: Mapping[str, Any]

    @classmethod
    def of(cls, model: nn.Module, architecture: Architecture, description: Mapping[str, Any]) -> LoadedModel:
        """Return a model that was never in a file; its labels stand in the description."""
        return cls(model, architecture, tuple(description["labels"]), description)

    @property
    def classifies(self) -> bool:
        """Whether it answers with classes rather than values."""
        return bool(self.description["spec"]["kind"] == "classification")

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels; where the task has none the numbers of the classes; empty for a regression."""
        if self.labels or not self.classifies:
            return self.labels
        return tuple(map(str, range(self.description["spec"]["outputs"])))

    def example(self) -> tuple[torch.Tensor, ...]:
        """Return one example of zeros in the raw types and shapes, with its batch axis."""
        expected = _expected(self.description["preprocessing"])
        return tuple(torch.zeros((1, *shape), dtype=getattr(torch, dtype)) for _, dtype, shape in expected)

    def scores(self, *raw: ArrayLike) -> NDArray[np.float32]:
        """Return logits (n, classes), or values (n, targets) in the unit of the targets.

        Args:
            raw: images uint8 (n, channels, height, width); tables float32 (n, columns) with NaN where a value is
                missing, int64 (n, columns) codes with -1 where unknown; as many arrays as the task has.

        Raises:
            TaskError: another number of arrays, or a shape or type that the task does not have.
        """
        arrays = raw_inputs(raw, self.description["preprocessing"])
        device = next((parameter.device for parameter in self.model.parameters()), torch.device("cpu"))
        with torch.inference_mode():
            parts = [
                self.model(*(torch.tensor(array[start : start + BATCH_SIZE], device=device) for array in arrays))
                for start in range(0, len(arrays[0]), BATCH_SIZE)
            ]
        return np.concatenate([part.to("cpu", torch.float32).numpy() for part in parts])

    def probabilities(self, *raw: ArrayLike) -> NDArray[np.float32]:
        """Return the softmax of the scores, shape (n, classes).

        Raises:
            TaskError: the model is a regression, or as `scores`.
        """
        if not self.classifies:
            raise TaskError("a regression has no probabilities", hint="use .scores or .predict")
        scores = self.scores(*raw)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def predict(self, *raw: ArrayLike) -> NDArray[Any]:
        """Return the name of the best class of every example, or the values, (n,) where there is one target.

        Raises:
            TaskError: as `scores`.
        """
        scores = self.scores(*raw)
        if self.classifies:
            return np.asarray(np.array(self.class_names)[scores.argmax(axis=1)])
        return scores[:, 0] if scores.shape[1] == 1 else scores


def raw_inputs(raw: Sequence[ArrayLike], preprocessing: Mapping[str, Any]) -> RawInputs:
    """Return `raw` as arrays of the types and shapes that the preprocessing expects.

    Raises:
        TaskError: they cannot be that; the message says what each array must be.
    """
    expected = _expected(preprocessing)
    wanted = " and ".join(f"{name}: {dtype} {('n', *shape)}".replace("'", "") for name, dtype, shape in expected)
    if len(raw) != len(expected):
        raise TaskError(f"expected {len(expected)} arrays ({wanted}), got {len(raw)}")
    arrays = tuple(
        _as_type(np.asarray(array), name, dtype) for array, (name, dtype, _) in zip(raw, expected, strict=True)
    )
    shapes = [array.shape for array in arrays]
    if any(shape[1:] != want for shape, (_, _, want) in zip(shapes, expected, strict=True)):
        raise TaskError(
            f"expected {wanted}, got {' and '.join(map(str, shapes))}",
            hint="the first axis counts examples: one example is array[None]",
        )
    lengths = {shape[0] for shape in shapes}
    if len(lengths) != 1 or lengths == {0}:
        raise TaskError(f"expected at least one example and as many in every array, got {sorted(lengths)}")
    return arrays


def _expected(preprocessing: Mapping[str, Any]) -> list[tuple[str, str, tuple[int, ...]]]:
    if preprocessing["domain"] == "image":
        return [("pixels", preprocessing["dtype"], tuple(preprocessing["shape"]))]
    columns = (("numeric", "float32", "numeric"), ("codes", "int64", "categories"))
    return [(name, dtype, (len(preprocessing[key]),)) for name, dtype, key in columns if len(preprocessing[key]) > 0]


def _as_type(array: NDArray[Any], name: str, dtype: str) -> NDArray[Any]:
    if array.dtype.kind not in "biuf":
        raise TaskError(f"{name} must be numbers ({dtype}), got an array of {array.dtype}")
    if dtype == "float32":
        return array.astype(np.float32)
    limits = np.iinfo(dtype)
    if array.dtype.kind == "f" or (array.size and (array.min() < limits.min or array.max() > limits.max)):
        raise TaskError(f"{name} must be {dtype}, got {array.dtype} that does not fit", hint=_HINTS[dtype])
    return array.astype(dtype)


_HINTS = {
    "uint8": "pixels are whole numbers 0..255, as an image file holds them",
    "int64": "codes are places in the list of categories, -1 where unknown",
}
