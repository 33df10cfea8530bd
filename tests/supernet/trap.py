"""A task on which skips win early and lose in the end: the known failure of plain DARTS, in a second.

Each of four edges reads two numbers. What the class depends on is their product and, less, their first. A skip hands
the numbers to a linear head, which learns the lesser part at once; a unit learns both, slowly. Taken together they
share the work, the skip gets the larger weight, and taken alone it is worth little: a unit is right on every edge.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import searchitect as sa
from searchitect.nn import choose
from searchitect.seeding import derive
from searchitect.tasks import Task

EDGES = 4
PAIR = 2
EXAMPLES = 2_000


def unit() -> nn.Module:
    """What learns slowly: small weights at the start."""
    made = nn.Sequential(nn.Linear(PAIR, 16), nn.ReLU(), nn.Linear(16, PAIR))
    with torch.no_grad():
        made[2].weight.mul_(0.3)
    return made


class Nothing(nn.Module):
    """Zeros."""

    def forward(self, x):
        return 0.0 * x


class Size(nn.Module):
    """Absolute values: of no use here."""

    def forward(self, x):
        return x.abs()


MAKERS = {"none": Nothing, "skip": nn.Identity, "unit": unit, "size": Size}


class Beside(nn.Module):
    """Every edge on its own pair of inputs, side by side, and a linear head."""

    def __init__(self, edges, outputs):
        super().__init__()
        self.edges, self.head = nn.ModuleList(edges), nn.Linear(PAIR * EDGES, outputs)

    def forward(self, x):
        pairs = x.split(PAIR, dim=1)
        return self.head(torch.cat([edge(pair) for edge, pair in zip(self.edges, pairs, strict=True)], 1))


@sa.space
class Trap:
    edge_0: str = sa.choice(*MAKERS)
    edge_1: str = sa.choice(*MAKERS)
    edge_2: str = sa.choice(*MAKERS)
    edge_3: str = sa.choice(*MAKERS)

    def build(self, task):
        options = (self.edge_0, self.edge_1, self.edge_2, self.edge_3)
        return Beside([choose(option, MAKERS) for option in options], task.outputs)


def trap(seed: int, examples: int = EXAMPLES) -> Task:
    """The class is the edge that should give most."""
    draw = torch.Generator().manual_seed(derive(seed, "trap"))
    x = torch.randn(examples, PAIR * EDGES, generator=draw)
    pairs = x.view(examples, EDGES, PAIR)
    given = 1.2 * pairs[..., 0] + pairs[..., 0] * pairs[..., 1]
    return sa.task((x.numpy(), given.argmax(1).numpy().astype(np.int64)))


def units(architecture) -> float:
    """The share of edges that are right."""
    return sum(value == "unit" for value in architecture.decisions.values()) / EDGES
