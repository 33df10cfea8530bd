"""Batches of preprocessed examples: gathered from memory where the split fits, else read ahead by one thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.training.examples import Examples, Indices, raw_tensors

__all__ = ["CHUNK", "Batches", "MemoryBatches", "StreamedBatches", "batches", "float_bytes"]

CHUNK = 1024
"""Examples that are preprocessed or predicted at once."""

Batch = tuple[Tensor, Tensor]


class Batches(Protocol):
    """A split as preprocessed batches. Images come as views in channels-last order, the fast one for convolutions."""

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Yield every example once, in random order, in `ceil(n / size)` batches that differ by one at most.

        Equal batches lose no example and leave no tiny last one, which batch normalisation could not digest.
        """
        ...

    def in_order(self, size: int) -> Iterator[Batch]:
        """Yield every example once, in the split's order."""
        ...


@dataclass(frozen=True, eq=False)
class MemoryBatches:
    """A split held as one float tensor (n, *inputs), images with the channels last."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(len(self), generator=generator).to(self.targets.device)
        for index in torch.tensor_split(order, math.ceil(len(self) / size)):
            yield _channels_first(self.inputs.index_select(0, index)), self.targets.index_select(0, index)

    def in_order(self, size: int) -> Iterator[Batch]:
        for inputs, targets in zip(torch.split(self.inputs, size), torch.split(self.targets, size), strict=True):
            yield _channels_first(inputs), targets


@dataclass(frozen=True, eq=False)
class StreamedBatches:
    """A split too large for memory: read and preprocessed batch by batch, one batch ahead."""

    split: Examples
    indices: Indices
    targets: Tensor
    preprocess: nn.Module
    device: torch.device

    def __len__(self) -> int:
        return len(self.indices)

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(len(self), generator=generator).numpy()
        return self._read(np.array_split(order, math.ceil(len(self) / size)))

    def in_order(self, size: int) -> Iterator[Batch]:
        return self._read([np.arange(i, min(i + size, len(self))) for i in range(0, len(self), size)])

    def _read(self, parts: list[NDArray[np.int64]]) -> Iterator[Batch]:
        def load(places: NDArray[np.int64]) -> Batch:
            inputs = _preprocessed(self.preprocess, self.split, self.indices[places], self.device)
            return inputs, self.targets[torch.from_numpy(places).to(self.device)]

        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
            coming: Future[Batch] = thread.submit(load, parts[0])
            for following in parts[1:]:
                ready, coming = coming, thread.submit(load, following)
                inputs, targets = ready.result()
                yield _channels_first(inputs), targets
            inputs, targets = coming.result()
            yield _channels_first(inputs), targets


def batches(
    split: Examples,
    indices: Indices,
    preprocess: nn.Module,
    convert: Callable[[NDArray[Any]], Tensor],
    *,
    device: torch.device,
    memory: bool,
) -> Batches:
    """Return the chosen examples of a split as batches.

    The preprocessing has nothing to train, so in memory it runs once over the whole split.

    Args:
        convert: from targets of the split to a tensor the loss understands.
        memory: hold everything as float tensors; otherwise stream.
    """
    targets = convert(split.targets[indices]).to(device)
    if not memory:
        return StreamedBatches(split, indices, targets, preprocess, device)
    held: Tensor | None = None
    for start in range(0, len(indices), CHUNK):
        part = _preprocessed(preprocess, split, indices[start : start + CHUNK], device)
        if held is None:
            held = part.new_empty((len(indices), *part.shape[1:]))
        held[start : start + CHUNK] = part
    assert held is not None  # a subset is never empty
    return MemoryBatches(held, targets)


def float_bytes(examples: int, inputs: tuple[int, ...]) -> int:
    """Return the bytes of that many preprocessed examples."""
    return 4 * examples * math.prod(inputs)


def _preprocessed(preprocess: nn.Module, split: Examples, indices: Indices, device: torch.device) -> Tensor:
    """Preprocess some examples and put the channels of images last."""
    with torch.no_grad():
        inputs: Tensor = preprocess(*raw_tensors(split, indices, device))
    if len(inputs) != len(indices):
        raise EvaluationError(f"preprocessing made {len(inputs)} of {len(indices)} examples")
    if inputs.ndim != 4:
        return inputs
    # A clone, because `contiguous` leaves the strides of a single channel, by which kernels, and last bits, are chosen.
    return inputs.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)


def _channels_first(inputs: Tensor) -> Tensor:
    """The same memory under the shape every model expects: (n, c, h, w)."""
    return inputs.permute(0, 3, 1, 2) if inputs.ndim == 4 else inputs
