"""DSS for transformers: diversity of the attention, saliency of the rest.

Zhou et al., "Training-free transformer architecture search", CVPR 2022 (TF-TAS), eqs. 4-6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.probe import Probe
from searchitect.evaluators.proxies.synflow import flow

__all__ = ["attends", "dss"]


def dss(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return log Σ_attention ‖∂R/∂W‖_* · ‖W‖_* + Σ_others |∂R/∂W · W|, nuclear norms, R as for `synflow`.

    A matrix counts as attention where a module around it is called so; what stacks queries, keys and values is
    taken apart.

    Raises:
        EvaluationError: the model has no attention, or the score overflows.
    """
    if not attends(model):
        raise EvaluationError("the model has no attention", hint="leave dss out: it is meant for transformers")
    within = tuple(f"{name}." for name, module in model.named_modules() if _is_attention(module))
    total = 0.0
    for name, weight in flow(model, probe).items():
        if weight.grad is None:
            continue
        if name.startswith(within) and weight.ndim == 2:
            parts = 3 if weight.shape[0] % 3 == 0 and weight.shape[0] > weight.shape[1] else 1
            pairs = zip(weight.detach().chunk(parts), weight.grad.chunk(parts), strict=True)
            total += sum(float(_nuclear(gradient) * _nuclear(part)) for part, gradient in pairs)
        else:
            total += float((weight.grad * weight.detach()).abs().sum())
    if not math.isfinite(total) or total <= 0.0:
        raise EvaluationError(f"the score is {total:g}: it overflows, or nothing flows from the input to the output")
    return {"dss": math.log(total)}


def attends(model: nn.Module) -> bool:
    """Whether a part of the model is attention, by the name of its class."""
    return any(_is_attention(module) for module in model.modules())


def _is_attention(module: nn.Module) -> bool:
    return "attention" in type(module).__name__.lower()


def _nuclear(matrix: torch.Tensor) -> torch.Tensor:
    norm: torch.Tensor = torch.linalg.matrix_norm(matrix, ord="nuc")
    return norm
