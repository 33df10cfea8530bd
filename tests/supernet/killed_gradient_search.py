"""A short gradient search as a program that may be killed within an epoch.

    python -m tests.supernet.killed_gradient_search METHOD FOLDER [STEP]

With a step the process kills itself, as `kill -9` would, when the batch of that step is read.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import searchitect as sa
from searchitect.nn import choose, classifier, conv_unit, dropout
from searchitect.supernet.data import SharedData, load
from searchitect.supernet.gradient_methods import GradientSettings
from searchitect.supernet.gradient_result import GradientSearch
from searchitect.supernet.gradient_search import gradient_search
from tests.supernet.killed_training import Deadly

SAVE_EVERY = 2
EPOCHS = 3
RECIPE = GradientSettings().recipe.updated({"epochs": EPOCHS, "batch_size": 32, "augmentation": "shift"})
SETTINGS = GradientSettings(recipe=RECIPE, rate=0.05, tune_epochs=0, judged=64, recalibration=2)


@sa.space
class Small:
    first: str = sa.choice("skip", "narrow", "wide")
    second: str = sa.choice("skip", "narrow", "wide")

    def build(self, task: sa.TaskSpec) -> nn.Module:
        makers = {"skip": nn.Identity, "narrow": lambda: conv_unit(4, 4, 1), "wide": lambda: conv_unit(4, 4, 3)}
        body = [choose(option, makers) for option in (self.first, self.second)]
        return nn.Sequential(
            conv_unit(task.inputs[0], 4, 3), dropout(0.2), *body, classifier((4, *task.inputs[1:]), task.outputs)
        )


def examples() -> SharedData:
    return load(sa.task("digits"), search_share=0.4, data_fraction=0.3)


def steps_of_an_epoch() -> int:
    return -(-len(examples().train) // RECIPE.batch_size)


def run(method: str, folder: Path | None, kill_at: int | None = None, **words: Any) -> GradientSearch:
    torch.set_num_threads(1)
    data = examples()
    if kill_at is not None:
        data = replace(data, train=Deadly(data.train, kill_at))
    settings = {"settings": SETTINGS, "seeds": 1, "folder": folder, "save_every": SAVE_EVERY, **words}
    return gradient_search(Small, data, method=method, **settings)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
