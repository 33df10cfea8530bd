"""Synaptic flow: how much of every weight's path reaches the output. No data.

Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS 2020, eq. 2;
Abdelfattah et al., "Zero-cost proxies for lightweight NAS", ICLR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.passing import bypass_norms, weights_of
from searchitect.evaluators.proxies.probe import Probe

__all__ = ["flow", "synflow"]


def synflow(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return log Σ |w · ∂R/∂w| over all weights, with R the sum of the outputs for an input of ones.

    Weights become their absolute values in float64, biases zero (what they add flows from no input), normalisations are
    passed over: batch normalisation would hide the scale, layer normalisation would make R constant.

    Raises:
        EvaluationError: the flow overflows, or nothing flows from the input to the output.
    """
    weights = flow(model, probe)
    total = sum(float((weight.detach() * _gradient(weight)).abs().sum()) for weight in weights.values())
    if not math.isfinite(total):
        raise EvaluationError("the synaptic flow overflows even in float64: the model is too deep or too wide for it")
    if total <= 0.0:
        raise EvaluationError("no path leads from the input to the output")
    return {"synflow": math.log(total)}


def flow(model: nn.Module, probe: Probe) -> dict[str, nn.Parameter]:
    """Send ones through the model of absolute weights, back again, and return the weights with their gradients."""
    model.double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_() if parameter.ndim >= 2 else parameter.zero_()
    ones = torch.ones((1, *probe.spec.inputs), dtype=torch.float64, device=probe.inputs.device)
    with bypass_norms(model):
        model(ones).sum().backward()
    return weights_of(model)


def _gradient(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad
