"""A short training of a small supernet, with everything that a resume must bring back, as a program that may be killed.

    python -m tests.supernet.killed_training METHOD FOLDER [STEP]

With a step the process kills itself, as `kill -9` would, when the batch of that step is read.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import searchitect as sa
from searchitect.nn import activation, classifier, conv_unit, dropout
from searchitect.supernet import SharedData, Supernet, SupernetTraining, load, open_build, train_supernet
from searchitect.supernet.controller import Enas

SAVE_EVERY = 3
EPOCHS = 4
BATCH = 32

RECIPES = {
    "spos": sa.Recipe(optimizer="sgd", learning_rate=0.05),
    "fairnas": sa.Recipe(optimizer="adamw", learning_rate=1e-2),
    "sandwich": sa.Recipe(optimizer="sgd", learning_rate=0.05, label_smoothing=0.1),
    "ofa": sa.Recipe(optimizer="adam", learning_rate=1e-2),
    "enas": sa.Recipe(optimizer="rmsprop", learning_rate=2e-3),
}


@sa.space
class Layer:
    width: int = sa.choice(4, 8)
    activation: str = sa.choice("relu", "gelu", "prelu")

    def build(self, channels: Any) -> nn.Module:
        body = [conv_unit(channels, self.width, 3), activation(self.activation), conv_unit(self.width, channels, 1)]
        return nn.Sequential(*body)


@sa.space
class Small:
    stem: int = sa.choice(4, 8)
    kernel: int = sa.choice(1, 3)
    layers: tuple[Layer, ...] = sa.repeat(Layer, 1, 3)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        parts = [conv_unit(task.inputs[0], self.stem, self.kernel), dropout(0.2)]
        parts += [layer.build(self.stem) for layer in self.layers]
        return nn.Sequential(*parts, classifier((self.stem, *task.inputs[1:]), task.outputs))


@dataclass(eq=False)
class Deadly:
    """Training examples that kill the process when the batch of a step is read."""

    inner: Any
    step: int

    def __len__(self) -> int:
        return len(self.inner)

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Any]:
        for batch in self.inner.shuffled(size, generator):
            if self.step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.step -= 1
            yield batch

    def in_order(self, size: int) -> Iterator[Any]:
        return self.inner.in_order(size)


def examples() -> SharedData:
    return load(sa.task("digits"), search_share=0.3, data_fraction=0.25)


def steps_of_an_epoch() -> int:
    return -(-len(examples().train) // BATCH)


def run(method: str, folder: Path | None, kill_at: int | None = None) -> tuple[Supernet, SupernetTraining]:
    torch.set_num_threads(1)
    data = examples()
    if kill_at is not None:
        data = replace(data, train=Deadly(data.train, kill_at))
    supernet = open_build(Small, data.spec, check=False)
    recipe = RECIPES[method].updated({"epochs": EPOCHS, "batch_size": BATCH, "augmentation": "shift"})
    chosen = Enas(samples=20) if method == "enas" else method
    outcome = train_supernet(supernet, data, method=chosen, recipe=recipe, folder=folder, save_every=SAVE_EVERY)
    return supernet, outcome


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
