"""Search spaces for the tests of evaluators: importable, so that they travel to other processes by name."""

from __future__ import annotations

import torch
from torch import nn

import searchitect as sa


@sa.space
class SmallCnn:
    width: int = sa.choice(4, 8)
    kernel: int = sa.choice(3, 5)
    learning_rate: float = sa.real(1e-3, 1e-1, log=True, role="training")

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(task.inputs[0], self.width, self.kernel, padding=self.kernel // 2),
            nn.BatchNorm2d(self.width),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * self.width, task.outputs),
        )


@sa.space
class SmallMlp:
    width: int = sa.choice(8, 16)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(nn.Linear(task.features, self.width), nn.ReLU(), nn.Linear(self.width, task.outputs))


@sa.space
class Lazy:
    """No layer knows what comes in before the first forward pass."""

    width: int = sa.choice(4, 8)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        return nn.Sequential(
            nn.LazyConv2d(self.width, 3, padding=1),
            nn.LazyBatchNorm2d(),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.LazyLinear(task.outputs),
        )


@sa.space
class Troubled:
    """Each option goes wrong in its own way, or needs values where shapes are expected."""

    how: str = sa.choice("raise", "shape", "scores", "nothing", "tolist", "fine")

    def build(self, task: sa.TaskSpec) -> object:
        if self.how == "raise":
            raise ValueError("kernel 9 is larger than the image")
        if self.how == "nothing":
            return None
        if self.how == "tolist":
            torch.linspace(0, 0.1, 3).tolist()
        inputs = 3 if self.how == "shape" else task.features
        outputs = 99 if self.how == "scores" else task.outputs
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs))


@sa.space
class Numbers:
    x: float = sa.real(0.0, 1.0)
