"""torch data sets are read by index and never held as a whole."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from searchitect.errors import TaskError
from searchitect.tasks.datasets import DatasetSplit
from searchitect.tasks.open import task


class Large(Dataset[Any]):
    """A data set that counts reads and could never be held in memory: 3 million images of 3x48x48."""

    def __init__(self, count: int = 3_000_000) -> None:
        self.count, self.reads = count, 0
        self.targets = np.arange(count) % 7

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        self.reads += 1
        return torch.full((3, 48, 48), index % 251, dtype=torch.uint8), int(self.targets[index])


class Plain:
    """The least that counts as a data set."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_a_data_set_larger_than_memory_is_opened_by_reading_little_of_it() -> None:
    data = Large()
    made = task(data)
    assert data.reads < 5000
    assert isinstance(made.train, DatasetSplit)
    assert made.train.nbytes > 12 << 30
    assert made.spec.inputs == (3, 48, 48)
    assert made.spec.outputs == 7
    pixels = made.train.read(np.array([5, 0]))[0]
    assert pixels.shape == (2, 3, 48, 48)
    assert pixels.dtype == np.uint8
    assert (made.train.targets[[5, 0]] == made.train.examples.indices[[5, 0]] % 7).all()
    assert pixels[0, 0, 0, 0] == made.train.examples.indices[5] % 251


def test_targets_without_an_attribute_are_read_once_each() -> None:
    data = Plain([(np.full((4, 4), i, np.uint8), "ab"[i % 2]) for i in range(40)])
    made = task(data)
    assert made.labels == ("a", "b")
    assert made.spec.inputs == (1, 4, 4)


def test_an_attribute_that_says_otherwise_than_the_examples_is_not_believed() -> None:
    data = Plain([(torch.ones(3) * i, (i + 1) % 3) for i in range(30)])
    data.targets = [0] * 30  # type: ignore[attr-defined]
    assert task(data).spec.outputs == 3


def test_tensor_data_sets_and_their_subsets_serve() -> None:
    whole = TensorDataset(torch.randn(60, 5), torch.randn(60))
    made = task(Subset(whole, list(range(10, 50))), test=Subset(whole, [0, 1, 2]))
    assert made.spec.kind == "regression"
    assert made.spec.domain == "tabular"
    assert made.test is not None
    assert np.array_equal(made.test.read(np.arange(3))[0], whole.tensors[0][:3].numpy())
    assert made.test.targets == pytest.approx(whole.tensors[1][:3].numpy())


def test_channels_may_come_last_and_images_may_be_pillow_images() -> None:
    assert task(Plain([(np.zeros((8, 9, 3)) + i, i % 2) for i in range(20)])).spec.inputs == (3, 8, 9)
    image = pytest.importorskip("PIL.Image")
    pictures = [(image.fromarray(np.full((6, 5), i, np.uint8)), i % 2) for i in range(20)]
    made = task(Plain(pictures))
    assert made.spec.inputs == (1, 6, 5)
    assert made.preprocessing.to_json()["dtype"] == "uint8"


def test_random_augmentation_does_not_change_the_digest() -> None:
    class Augmented(Plain):
        def __getitem__(self, index: int) -> Any:
            return self.items[index][0] + random.random(), self.items[index][1]

    items = [(np.full((2, 4, 4), float(i)), i % 2) for i in range(20)]
    assert task(Augmented(items)).digest == task(Augmented(items)).digest
    other = [(x + 1, y) for x, y in items]
    assert task(Plain(items)).digest == task(Plain(items)).digest != task(Plain(other)).digest


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([(torch.ones(2), 0)])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Stream(), "only be iterated"),
        (Plain([]), "empty"),
        (Plain([1, 2]), "pair"),
        (Plain([("text", 1)]), "numbers"),
        (Plain([(np.zeros((2, 2, 2, 2)), 1)]), "image or a row"),
        (Plain([(np.ones(2), i % 2) for i in range(9)] + [(np.ones(3), 1)]), r"\(3,\), the first one \(2,\)"),
        (Plain([(np.full((2, 2), np.nan), i % 2) for i in range(10)]), "NaN or infinite"),
        (np.ones((4, 4)), "no targets"),
    ],
)
def test_data_sets_that_cannot_serve_are_refused(data: Any, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        task(data)


def test_a_stream_with_a_length_is_still_refused() -> None:
    class Long(Stream):
        def __len__(self) -> int:
            return 5

    with pytest.raises(TaskError, match="by index"):
        task(Long())


def test_missing_numbers_in_rows_are_marked() -> None:
    rows = [(np.array([i, np.nan if i % 3 == 0 else 1.0]), i % 2) for i in range(30)]
    assert task(Plain(rows)).preprocessing.to_json()["marked"] == ["x1"]


def test_official_splits_of_another_shape_are_refused() -> None:
    def rows(width: int) -> Plain:
        return Plain([(np.arange(width) + float(i), i % 2) for i in range(20)])

    with pytest.raises(TaskError, match=r"training shape \(2,\), got \(3,\)"):
        task(rows(2), test=rows(3))
