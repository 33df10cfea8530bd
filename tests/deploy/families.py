"""Search spaces and tasks on which the files are tested: one for every kind of input and output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

import searchitect as sa
from searchitect.spaces import Architecture, SearchSpace, TaskSpec
from searchitect.tasks import ImagePreprocessing, TablePreprocessing, with_preprocessing
from searchitect.tasks.task import ArraySplit, RawInputs, Task


@sa.space
class ConvNet:
    """Convolution and batch normalisation, an optional skip around them."""

    width: int = sa.choice(8, 4, 16)
    skip: bool = sa.choice(True, False)
    learning_rate: float = sa.real(1e-4, 1e-1, log=True, role="training")

    def build(self, task: TaskSpec) -> nn.Module:
        return _ConvNet(task.inputs[0], self.width, self.skip, task.outputs)


class _ConvNet(nn.Module):
    def __init__(self, channels: int, width: int, skip: bool, outputs: int) -> None:
        super().__init__()
        self.skip = skip
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.block = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.GELU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(width * 4, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.block(x)
        return self.head(x + y if self.skip else y)


@sa.space
class Perceptron:
    width: int = sa.integer(4, 64)

    def build(self, task: TaskSpec) -> nn.Module:
        return nn.Sequential(
            nn.Linear(task.features, self.width),
            nn.BatchNorm1d(self.width),
            nn.SiLU(),
            nn.Linear(self.width, task.outputs),
        )


@sa.space
class Branching:
    """Its forward depends on the values of the input: it trains, but no graph can hold it."""

    width: int = sa.choice(4, 8)

    def build(self, task: TaskSpec) -> nn.Module:
        return _Branching(task.features, task.outputs)


class _Branching(nn.Module):
    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        return self.linear(x) if x.sum().item() > 0 else self.linear(-x)


@dataclass(frozen=True)
class Case:
    """A space, a task, and a model of the one trained a little on the other."""

    space: type
    task: Task
    architecture: Architecture
    model: nn.Module
    sample: RawInputs

    def arguments(self) -> dict[str, Any]:
        return {
            "space": self.space,
            "architecture": self.architecture,
            "task_description": self.task.describe(),
            "model": self.model,
            "sample": self.sample,
            "measurements": {"accuracy": 0.9, "parameters": 123, "log_loss": float("nan")},
        }


def image_task(size: int, channels: int = 1, examples: int = 40) -> Task:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (examples, channels, size, size)).astype(np.uint8)
    classes = np.arange(examples, dtype=np.int64) % 3
    learned = ImagePreprocessing(shape=(channels, size, size), mean=(0.4,) * channels, std=(0.3,) * channels)
    spec = TaskSpec((channels, size, size), 3)
    split = ArraySplit((pixels,), classes)
    return Task("noise", spec, split, split, None, learned, ("accuracy",), ("ant", "bee", "čmelák"))


def table_task(examples: int = 50) -> Task:
    """Three numeric columns, two with missing values, and two of categories, some unknown."""
    rng = np.random.default_rng(1)
    numeric = rng.normal(5, 2, (examples, 3)).astype(np.float32)
    numeric[::4, 0] = np.nan
    numeric[1::5, 2] = np.nan
    codes = np.stack([rng.integers(-1, 3, examples), rng.integers(0, 2, examples)], 1).astype(np.int64)
    learned = TablePreprocessing(
        numeric=("age", "height", "income"),
        mean=(5.0, 5.0, 5.0),
        std=(2.0, 2.0, 2.0),
        marked=("age", "income"),
        categories=(("colour", ("red", "green", "blue")), ("member", ("no", "yes"))),
    )
    split = ArraySplit((numeric, codes), np.arange(examples, dtype=np.int64) % 2)
    spec = TaskSpec(learned.output_shape, 2, "classification", "tabular")
    return Task("table", spec, split, split, None, learned, ("accuracy",), ("no", "yes"))


def regression_task(examples: int = 30) -> Task:
    """House prices: targets far from 0 and 1."""
    rng = np.random.default_rng(2)
    numeric = rng.normal(0, 1, (examples, 4)).astype(np.float32)
    prices = (250_000 + 80_000 * numeric[:, 0]).astype(np.float32)
    learned = TablePreprocessing(
        numeric=("a", "b", "c", "d"),
        mean=(0.0,) * 4,
        std=(1.0,) * 4,
        output_mean=(250_000.0,),
        output_std=(80_000.0,),
    )
    split = ArraySplit((numeric,), prices)
    return Task("prices", TaskSpec((4,), 1, "regression", "tabular"), split, split, None, learned, ("rmse",))


def case(space: type, task: Task, *, channels_last: bool = False, **decisions: Any) -> Case:
    """A model of the default architecture after a few steps, so that its statistics are not the initial ones."""
    search_space = SearchSpace.of(space)
    architecture = search_space.default()
    architecture = Architecture(search_space.digest, dict(architecture.items()) | decisions)
    torch.manual_seed(0)
    model = with_preprocessing(task.preprocessing, search_space.build(architecture, task.spec))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    sample = task.train.read(np.arange(len(task.train)))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    model.train()
    for _ in range(3):
        optimizer.zero_grad()
        scores = model(*map(torch.tensor, sample))
        (scores / scores.detach().abs().max()).square().mean().backward()
        optimizer.step()
    return Case(space, task, architecture, model.eval(), sample)
