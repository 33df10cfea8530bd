"""Trainings of one architecture at once (`train_together`) against one after the other: processor time and losses.

    python benchmarks/batched_training.py [--device cuda] [--epochs 3] [--rounds 3]

Both ways in turn, on the same data, seeds and recipe; the median over the rounds, and the largest difference of the
mean loss of the first and of the last epoch: rounding grows from step to step, as it does between any two kernels.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from searchitect import tasks
from searchitect.evaluation import Context
from searchitect.seeding import isolated
from searchitect.spaces.recipe import Recipe
from searchitect.tasks import Task, with_preprocessing
from searchitect.training import Training, train, train_together


def mlp(width: int) -> nn.Module:
    layers = [nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def cnn(width: int) -> nn.Module:
    layers, inputs = [], 1
    for outputs, stride in ((width, 1), (2 * width, 2), (2 * width, 1)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "MLP 16-16": lambda: mlp(16),
    "MLP 128-128": lambda: mlp(128),
    "CNN 4-8-8": lambda: cnn(4),
    "CNN 16-32-32": lambda: cnn(16),
}


def clock(device: str) -> float:
    """Processor seconds of this process; on a GPU wall time, once it has done its work."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def made(task: Task, build: Callable[[], nn.Module], count: int) -> list[nn.Module]:
    found = []
    for seed in range(count):
        with isolated(seed):
            found.append(with_preprocessing(task.preprocessing, build()))
    return found


def row(task: Task, name: str, count: int, recipe: Recipe, device: str, rounds: int) -> str:
    contexts = [Context(seed, device) for seed in range(count)]
    seconds: dict[str, list[float]] = {"alone": [], "together": []}
    first = last = 0.0
    for turn in range(rounds + 1):
        alone, stacked = (made(task, MODELS[name], count) for _ in range(2))
        start = clock(device)
        records = [train(model, task, recipe, context=c) for model, c in zip(alone, contexts, strict=True)]
        middle = clock(device)
        found = train_together(stacked, task, [recipe] * count, contexts=contexts)
        end = clock(device)
        assert found.sequential is None, found.sequential
        if turn:  # the first one warms up
            seconds["alone"].append(middle - start)
            seconds["together"].append(end - middle)
        for record, outcome in zip(records, found.outcomes, strict=True):
            assert isinstance(outcome, Training)
            pairs = zip(record.history, outcome.history, strict=True)
            differences = [abs(a["train_loss"] - b["train_loss"]) for a, b in pairs]
            first, last = max(first, differences[0]), max(last, differences[-1])
    a, b = (statistics.median(seconds[way]) for way in ("alone", "together"))
    return f"{name:<14} {count:>3}   {a:9.2f} s   {b:9.2f} s   {a / b:6.2f}   {first:11.1e}   {last:10.1e}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = tasks.task("digits")
    recipe = Recipe(epochs=given.epochs, mixed_precision="off")
    print(f"torch {torch.__version__}, numpy {np.__version__}, {given.device}, 1 thread; digits, {given.epochs} epochs")
    print("model          count  one by one    together    ratio   first epoch   last epoch")
    for name in MODELS:
        for count in (3, 8, 16):
            print(row(task, name, count, recipe, given.device, given.rounds), flush=True)


if __name__ == "__main__":
    main()
