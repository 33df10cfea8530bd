from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from searchitect.spaces.task_spec import TaskSpec
from searchitect.tasks import ArraySplit, ImagePreprocessing, Split, TablePreprocessing, with_preprocessing


@dataclass(frozen=True)
class SmallTask:
    spec: TaskSpec
    train: Split
    validation: Split
    preprocessing: ImagePreprocessing | TablePreprocessing


@pytest.fixture
def images() -> SmallTask:
    """120 images 1x8x8 of three classes that differ in where they are bright."""
    rng = np.random.default_rng(0)
    targets = np.arange(120) % 3
    pixels = rng.integers(0, 90, (120, 1, 8, 8)).astype(np.uint8)
    for i, label in enumerate(targets):
        pixels[i, 0, 2 * label : 2 * label + 3] += 120
    preprocessing = ImagePreprocessing(shape=(1, 8, 8), mean=(0.3,), std=(0.25,))
    return SmallTask(
        TaskSpec((1, 8, 8), 3),
        ArraySplit((pixels[:90],), targets[:90]),
        ArraySplit((pixels[90:],), targets[90:]),
        preprocessing,
    )


@pytest.fixture
def table() -> SmallTask:
    """200 rows of a noisy plane, in a unit far from standardised."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, 3)).astype(np.float32)
    targets = (1000 + 50 * (features @ np.array([1.0, -2.0, 0.5]))).astype(np.float32)
    preprocessing = TablePreprocessing(
        numeric=("a", "b", "c"),
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
        output_mean=(float(targets.mean()),),
        output_std=(float(targets.std()),),
    )
    return SmallTask(
        TaskSpec((3,), 1, kind="regression", domain="tabular"),
        ArraySplit((features[:150],), targets[:150]),
        ArraySplit((features[150:],), targets[150:]),
        preprocessing,
    )


@pytest.fixture
def classifier(images: SmallTask) -> Callable[[], nn.Module]:
    """Makes the same small convolutional model, with dropout, each time."""

    def make() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            body = nn.Sequential(
                *(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(128, 3)),
            )
        return with_preprocessing(images.preprocessing, body)

    return make


@pytest.fixture
def regressor(table: SmallTask) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            body = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))
        return with_preprocessing(table.preprocessing, body)

    return make


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small models gain nothing by threads, which wait for one another on a busy machine."""
    torch.set_num_threads(1)
