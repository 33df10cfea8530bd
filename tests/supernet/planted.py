"""A task in which one operation per edge is right: what every method that shares weights must find.

Each of four edges reads two numbers of its own and may turn them into one by four frozen functions, uncorrelated with
each other under the standard normal distribution; what it hands on are learned multiples of that number. The label was
made from one function of each edge, so only an architecture with these fits, and each wrong edge costs the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

import searchitect as sa
from searchitect.nn import choose
from searchitect.seeding import derive, stream
from searchitect.spaces import Architecture, SearchSpace
from searchitect.tasks import Task

EDGES = 4
PAIR = 2
HIDDEN = 8
EXAMPLES = 2_000

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "line": lambda u: u[:, :1],
    "fold": lambda u: (u[:, :1].abs() - math.sqrt(2 / math.pi)) / math.sqrt(1 - 2 / math.pi),
    "product": lambda u: u[:, :1] * u[:, 1:],
    "wave": lambda u: math.sqrt(2) * torch.sin(4 * u[:, :1]),
}
"""Every operation as a frozen function from (n, 2) to (n, 1) of mean 0 and variance 1."""

OPERATIONS = tuple(FUNCTIONS)


class Operation(nn.Module):
    """A frozen function and what is learned of it: (n, 2) to (n, hidden)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.weigh = name, nn.Linear(1, HIDDEN)

    def forward(self, pair: Tensor) -> Tensor:
        return self.weigh(FUNCTIONS[self.name](pair))


class Summed(nn.Module):
    """The sum of all edges, each on its own pair of inputs, and a linear head."""

    def __init__(self, edges: list[nn.Module], outputs: int) -> None:
        super().__init__()
        self.edges, self.head = nn.ModuleList(edges), nn.Linear(HIDDEN, outputs)

    def forward(self, x: Tensor) -> Tensor:
        pairs = x.split(PAIR, dim=1)
        return self.head(sum(edge(pair) for edge, pair in zip(self.edges, pairs, strict=True)))


@sa.space
class Planted:
    edge_0: str = sa.choice(*OPERATIONS)
    edge_1: str = sa.choice(*OPERATIONS)
    edge_2: str = sa.choice(*OPERATIONS)
    edge_3: str = sa.choice(*OPERATIONS)

    def build(self, task):
        options = (self.edge_0, self.edge_1, self.edge_2, self.edge_3)
        makers = {name: lambda name=name: Operation(name) for name in OPERATIONS}
        return Summed([choose(option, makers) for option in options], task.outputs)


@dataclass(frozen=True)
class PlantedTask:
    """A task and the architecture it was made from."""

    task: Task
    truth: Architecture

    def recovered(self, architecture: Architecture) -> float:
        """Return the share of edges that have the planted operation."""
        return sum(architecture[path] == value for path, value in self.truth.items()) / EDGES


def planted(seed: int, examples: int = EXAMPLES) -> PlantedTask:
    """Plant one operation per edge; the class is the largest of four random rotations of what they give."""
    rng = stream(seed, "planted")
    space = SearchSpace.of(Planted)
    truth = space.decide(lambda path, decision: rng.choice(OPERATIONS))
    draw = torch.Generator().manual_seed(derive(seed, "planted examples"))
    x = torch.randn(examples, PAIR * EDGES, generator=draw)
    pairs = x.split(PAIR, dim=1)
    given = torch.cat([FUNCTIONS[str(truth[f"edge_{e}"])](pair) for e, pair in enumerate(pairs)], dim=1)
    rotation, _ = torch.linalg.qr(torch.randn(EDGES, EDGES, generator=draw))
    labels = (given @ rotation).argmax(1)
    return PlantedTask(sa.task((x.numpy(), labels.numpy().astype(np.int64))), truth)
