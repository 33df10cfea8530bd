"""Parameters and FLOPs: the two that every other proxy must beat."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import nn

from searchitect.evaluators.proxies.probe import Probe
from searchitect.hardware import count_flops, count_parameters

__all__ = ["flops", "parameters"]


def parameters(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return the logarithm of one more than the number of parameters."""
    return {"parameters": math.log1p(count_parameters(model))}


def flops(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return the logarithm of one more than the floating-point operations of one example.

    Raises:
        EvaluationError: they depend on values, not on shapes alone.
    """
    return {"flops": math.log1p(count_flops(model, probe.spec.inputs))}
