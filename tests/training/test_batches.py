from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.tasks import ArraySplit
from searchitect.training.batches import Batches, batches, float_bytes

N = 103


class _Halved(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.float() / 2


def _make(*, memory: bool, preprocess: nn.Module | None = None) -> Batches:
    pixels = np.arange(N * 2 * 3 * 4, dtype=np.float32).reshape(N, 2, 3, 4)
    split = ArraySplit((pixels,), np.arange(N))
    return batches(
        split, np.arange(N), preprocess or _Halved(), torch.from_numpy, device=torch.device("cpu"), memory=memory
    )


@pytest.mark.parametrize("memory", [True, False])
def test_every_example_comes_once_with_its_own_target(memory: bool) -> None:
    seen = []
    for inputs, targets in _make(memory=memory).shuffled(10, torch.Generator().manual_seed(0)):
        assert inputs.shape[1:] == (2, 3, 4)
        assert torch.equal(inputs[:, 0, 0, 0], targets * 12.0)
        seen += targets.tolist()
    assert seen != sorted(seen)
    assert sorted(seen) == list(range(N))


@pytest.mark.parametrize("memory", [True, False])
def test_batches_of_an_epoch_differ_in_size_by_one_at_most(memory: bool) -> None:
    sizes = [len(targets) for _, targets in _make(memory=memory).shuffled(10, torch.Generator().manual_seed(0))]
    assert len(sizes) == 11
    assert set(sizes) == {9, 10}


def test_streaming_gives_the_same_batches_as_memory() -> None:
    epochs = [list(_make(memory=memory).shuffled(16, torch.Generator().manual_seed(3))) for memory in (True, False)]
    for (a, s), (b, t) in zip(*epochs, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(s, t)


@pytest.mark.parametrize("memory", [True, False])
def test_images_come_with_their_channels_last_in_memory(memory: bool) -> None:
    inputs, _ = next(iter(_make(memory=memory).in_order(8)))
    assert inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("memory", [True, False])
def test_in_order_keeps_the_order(memory: bool) -> None:
    seen = torch.cat([targets for _, targets in _make(memory=memory).in_order(10)])
    assert seen.tolist() == list(range(N))


def test_an_error_while_reading_ahead_reaches_the_loop() -> None:
    class Broken(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        list(_make(memory=False, preprocess=Broken()).in_order(10))


def test_preprocessing_that_loses_examples_is_refused() -> None:
    class Half(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return pixels[::2].float()

    with pytest.raises(EvaluationError, match="preprocessing made 52 of 103 examples"):
        _make(memory=True, preprocess=Half())


def test_float_bytes_count_four_bytes_a_value() -> None:
    assert float_bytes(10, (3, 4, 5)) == 2400
