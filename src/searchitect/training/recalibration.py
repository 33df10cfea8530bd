"""Statistics of batch normalisation for one subnet: those in a supernet fit whatever was active last."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from searchitect.nn.elastic import Elastic, active_leaves
from searchitect.nn.elastic_layers import ElasticNorm
from searchitect.nn.pretrained import Frozen
from searchitect.spaces.open_values import Selection

__all__ = ["recalibrate"]


def recalibrate(model: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Make the statistics of batch normalisation anew, as means over these batches; nothing else changes.

    Of a supernet those of its active architecture are made, or of all operations where it mixes them. Yu & Huang,
    "Universally slimmable networks", 2019, section 3.3; 20 to 64 batches are usual.

    Args:
        inputs: preprocessed batches, drawn as training draws them.
    """
    selection = getattr(model, "selection", None)
    mixed = isinstance(selection, Selection) and bool(selection.weights)
    leaves = model.modules() if mixed else active_leaves(model)
    frozen = {inner for outer in model.modules() if isinstance(outer, Frozen) for inner in outer.modules()}
    found = (norm for norm in dict.fromkeys(map(_plain, leaves)) if norm not in frozen)
    norms = [norm for norm in found if isinstance(norm, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    modes = {module: module.training for module in model.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    model.eval()
    for module in model.modules():
        # An elastic layer decides by its own mode, and holds the plain layer as `full`.
        if _plain(module) in momenta:
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


def _plain(leaf: nn.Module) -> nn.Module:
    """The layer whose statistics a leaf uses now."""
    if isinstance(leaf, ElasticNorm):
        return leaf.active
    full = getattr(leaf, "full", None) if isinstance(leaf, Elastic) else None  # open dropout has none
    return full if isinstance(full, nn.Module) else leaf
