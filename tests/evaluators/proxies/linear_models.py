"""Two-layer linear models whose every proxy can be computed by hand."""

import torch
from torch import nn

import searchitect as sa
from searchitect.evaluators.proxies import Probe

VALUES = sa.TaskSpec((2,), 1, kind="regression", domain="tabular")


def two_layers(first, second, between=()):
    one, two = nn.Linear(len(first[0]), len(first), bias=False), nn.Linear(len(second[0]), len(second), bias=False)
    with torch.no_grad():
        one.weight.copy_(torch.tensor(first, dtype=torch.float32))
        two.weight.copy_(torch.tensor(second, dtype=torch.float32))
    return nn.Sequential(one, *between, two)


def probe(inputs, targets, spec=VALUES, seed=0):
    wanted = torch.float32 if spec.kind == "regression" else torch.int64
    return Probe(torch.tensor(inputs, dtype=torch.float32), torch.tensor(targets, dtype=wanted), spec, seed)
