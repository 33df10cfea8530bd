"""What a path-sampled training step of a supernet costs beside the same step of the extracted subnet.

    python benchmarks/supernet_step.py [--pairs 40] [--batch 64] [--size 32] [--spaces plain_cnn resnet make_elastic]

Forward, backward and a step of SGD with momentum; activating the path belongs to the step. Every pair is another
random architecture, the two are timed in turn, in processor seconds of one thread. Target: a median of at most 1.10.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

import searchitect as sa
from searchitect.supernet import Supernet, open_build

SPACES: dict[str, dict[str, object]] = {"plain_cnn": {}, "resnet": {}, "nasbench201": {"cells": 2, "channels": 16}}
ELASTIC = "make_elastic"


def opened(name: str, spec: sa.TaskSpec) -> Supernet:
    """The supernet of a family, or the one that `make_elastic` makes of a small plain network."""
    if name != ELASTIC:
        return open_build(sa.catalog.get(name, **SPACES[name]), spec, check=False)
    layers: list[nn.Module] = []
    for reads, gives in ((spec.inputs[0], 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(reads, gives, 3, padding=1), nn.BatchNorm2d(gives), nn.ReLU()]
    plain = nn.Sequential(*layers[:6], nn.MaxPool2d(2), *layers[6:], nn.AdaptiveAvgPool2d(1), nn.Flatten())
    plain.append(nn.Linear(64, spec.outputs))
    return sa.make_elastic(plain, torch.zeros(2, *spec.inputs)).supernet


def stepper(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> Callable[[], None]:
    """A training step of a model."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    inputs, targets = batch

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], None], times: int) -> float:
    """Processor seconds of one step, the fastest of a few."""
    found = []
    for _ in range(times):
        begin = time.process_time()
        step()
        found.append(time.process_time() - begin)
    return min(found)


def pairs(name: str, count: int, batch: int, size: int, times: int) -> list[tuple[float, float]]:
    """Seconds of the supernet's step and of the subnet's, for random architectures."""
    spec = sa.TaskSpec((3, size, size), 10)
    supernet = opened(name, spec).train()
    draw, rng = torch.Generator().manual_seed(0), random.Random(0)
    data = (torch.randn(batch, 3, size, size, generator=draw), torch.randint(10, (batch,), generator=draw))
    shared, found = stepper(supernet, data), []
    for number in range(count):
        architecture = supernet.space.sample(rng)
        alone = stepper(supernet.extract(architecture).train(), data)

        def together(architecture: sa.Architecture = architecture) -> None:
            supernet.activate(architecture)
            shared()

        alone()
        together()
        gc.collect()
        order = [together, alone] if number % 2 else [alone, together]
        one, two = (seconds(step, times) for step in order)
        found.append((one, two) if number % 2 else (two, one))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--times", type=int, default=3, help="steps of each, of which the fastest counts")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--spaces", nargs="+", default=[*SPACES, ELASTIC], choices=[*SPACES, ELASTIC])
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"batch {given.batch}, images of 3×{given.size}×{given.size}, {given.pairs} pairs")
    print(f"{'space':<14}{'supernet ms':>13}{'subnet ms':>11}{'ratio':>8}{'quartiles':>16}")
    for name in given.spaces:
        found = pairs(name, given.pairs, given.batch, given.size, given.times)
        ratios = [shared / alone for shared, alone in found]
        low, median, high = statistics.quantiles(ratios, n=4)
        together, alone = (1000 * statistics.median(side) for side in zip(*found, strict=True))
        print(f"{name:<14}{together:>13.1f}{alone:>11.1f}{median:>8.3f}{f'{low:.3f} – {high:.3f}':>16}")


if __name__ == "__main__":
    main()
