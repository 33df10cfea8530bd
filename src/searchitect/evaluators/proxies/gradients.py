"""SNIP and the norm of the gradient: what one step of training would change, from one backward pass."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.passing import for_training, weights_of
from searchitect.evaluators.proxies.probe import Probe

__all__ = ["gradients", "logarithm", "weight_gradients"]


def gradients(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return log Σ |g · w| ("snip", Lee et al., ICLR 2019, eq. 5) and log Σ_layers ‖g‖₂ ("grad_norm").

    Raises:
        EvaluationError: no gradient reaches a weight, or one is not finite.
    """
    found = weight_gradients(model, probe)
    weights = weights_of(model)
    saliency = sum(float((found[name] * weights[name].detach()).abs().sum()) for name in found)
    norm = sum(float(gradient.norm()) for gradient in found.values())
    return {"snip": logarithm(saliency, "snip"), "grad_norm": logarithm(norm, "grad_norm")}


def weight_gradients(model: nn.Module, probe: Probe) -> dict[str, Tensor]:
    """Return the gradient of the mean loss of the batch for every weight that it reaches."""
    model.zero_grad(set_to_none=True)
    with torch.enable_grad():
        torch.autograd.backward(probe.loss(for_training(model)))
    return {name: weight.grad.detach() for name, weight in weights_of(model).items() if weight.grad is not None}


def logarithm(value: float, name: str) -> float:
    """Return log(value).

    Raises:
        EvaluationError: it would not be finite.
    """
    if not math.isfinite(value):
        raise EvaluationError(f"{name} is not finite: the loss or a gradient overflows")
    if value <= 0.0:
        raise EvaluationError(f"{name} is zero: no gradient reaches a weight")
    return math.log(value)
