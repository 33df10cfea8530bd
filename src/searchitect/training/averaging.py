"""The average of the weights along a training: what a constant learning rate never settles on, their mean does.

Polyak & Juditsky 1992; Izmailov et al., "Averaging weights leads to wider optima and better generalization" (SWA),
UAI 2018. The weights fall off polynomially (Shamir & Zhang, "Stochastic gradient descent for non-smooth optimization",
ICML 2013, section 4): the average is over the last part of the training at whatever step one looks, so that nothing has
to know where the training will end, and one that is continued is the same as one that never stopped.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from searchitect.training.batches import Batches
from searchitect.training.recalibration import recalibrate

__all__ = ["CALIBRATION_BATCHES", "Average"]

FALL = 8
"""η: the average is over the last 1/(η + 1) of the steps, more or less."""

LEAST_SHARE = 1e-3
"""What the newest weights count at least; 1,000 steps are remembered at most."""

CALIBRATION_BATCHES = 20
"""Batches on which the statistics of batch normalisation are made anew for the average (Izmailov et al., section 3)."""


class Average:
    """Keeps a second model, whose parameters are the average of those of the trained one.

    Attributes:
        model: in eval mode, to be judged and handed over after `settle`.
        steps: how many were averaged.
    """

    def __init__(self, body: nn.Module) -> None:
        self.model = copy.deepcopy(body).eval()
        self.steps = 0

    @torch.no_grad()
    def update(self, body: nn.Module) -> None:
        """Take the weights after one more step of the optimiser into account."""
        self.steps += 1
        share = max(LEAST_SHARE, (FALL + 1) / (self.steps + FALL))
        pairs = zip(self.model.parameters(), body.parameters(), strict=True)
        mine, newest = map(list, zip(*pairs, strict=True))
        torch._foreach_lerp_(mine, newest, min(1.0, share))

    @torch.no_grad()
    def settle(self, body: nn.Module, examples: Batches, size: int, computing: AbstractContextManager[object]) -> None:
        """Make the statistics of normalisations anew, which belong to no weights but their own; no generator moves."""
        for mine, newest in zip(self.model.buffers(), body.buffers(), strict=True):
            mine.copy_(newest)
        with computing:
            recalibrate(self.model, _first(examples, size))


def _first(examples: Batches, size: int) -> Iterable[Tensor]:
    """Some batches without augmentation; a last one of a single example could not be normalised."""
    for inputs, _ in itertools.islice(examples.in_order(size), CALIBRATION_BATCHES):
        if len(inputs) > 1:
            yield inputs
