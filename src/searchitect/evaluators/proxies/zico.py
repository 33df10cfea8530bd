"""ZiCo: gradients that are large and alike from batch to batch.

Li et al., "ZiCo: zero-shot NAS via inverse coefficient of variation on gradients", ICLR 2023, eq. 14.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.gradients import weight_gradients
from searchitect.evaluators.proxies.probe import Probe

__all__ = ["zico"]


def zico(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return Σ_layers log Σ_w mean(|g|) / std(g), over two batches: the halves of the probe.

    Weights whose gradient does not vary are left out, and layers without any other.

    Raises:
        EvaluationError: no gradient varies from batch to batch, or one is not finite.
    """
    first, second = (weight_gradients(model, half) for half in probe.halves())
    total, layers = 0.0, 0
    for name in first.keys() & second.keys():
        pair = torch.stack([first[name], second[name]]).double()
        mean, deviation = pair.abs().mean(0), pair.std(0, correction=0)
        moving = deviation > 0
        ratio = float((mean[moving] / deviation[moving]).sum())
        if ratio > 0:
            total, layers = total + math.log(ratio), layers + 1
    if not layers or not math.isfinite(total):
        raise EvaluationError("no finite gradient varies between two batches")
    return {"zico": total}
