"""Statistics of batch normalisation for one subnet: those in a supernet fit whatever was active last."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["recalibrate"]


def recalibrate(model: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Make the statistics of batch normalisation anew, as means over these batches; nothing else changes.

    Of a supernet the statistics of its active architecture are made. Yu & Huang, "Universally slimmable networks",
    2019, section 3.3; 20 to 64 batches are usual.

    Args:
        inputs: preprocessed batches, drawn as training draws them.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    modes = {module: module.training for module in model.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    model.eval()
    for module in model.modules():
        # An elastic layer decides by its own mode, and holds the plain layer as `full`.
        if module in momenta or getattr(module, "full", None) in momenta:
            module.training = True
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean: every batch counts alike
    try:
        with torch.no_grad():
            for batch in inputs:
                model(batch)
    finally:
        for norm, momentum in momenta.items():
            norm.momentum = momentum
        for module, training in modes.items():
            module.training = training
