"""Zen score: how far a small change of the input moves the features of a model with normal weights. No data.

Lin et al., "Zen-NAS: a zero-shot NAS for high-performance image recognition", ICCV 2021, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.passing import for_training, weighted
from searchitect.evaluators.proxies.probe import Probe

__all__ = ["zen"]

MIXTURE = 0.01
"""Size of the change of the input."""

MOMENTUM = 0.1
"""Of the running variances of batch normalisation: torch's own."""


def zen(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return log mean |f(x) − f(x + 0.01 e)|₁ + Σ log σ over the batch normalisations.

    σ² is a normalisation's mean running variance after the two passes, with momentum 0.1 from 1, as in the published
    code and scores; the paper speaks of the variance of the batch. x and e are normal, all weights are drawn from
    N(0, 1), and f are the last features that still have places (the map before the global pooling); for a model of
    vectors what enters its last linear map.

    Raises:
        EvaluationError: the features do not move, or overflow.
    """
    for_training(_normal(model, probe))
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for module in norms:
        module.momentum = MOMENTUM
        module.reset_running_stats()
    drawn = probe.generator("zen inputs")
    inputs, change = (torch.randn(probe.inputs.shape, generator=drawn).to(probe.inputs) for _ in range(2))
    with torch.no_grad():
        moved = (_features(model, inputs) - _features(model, inputs + MIXTURE * change)).abs().flatten(1).sum(1)
    scale = sum(0.5 * math.log(max(1e-30, float(m.running_var.mean()))) for m in norms if m.running_var is not None)
    distance = float(moved.mean())
    if not math.isfinite(distance) or not math.isfinite(scale) or distance <= 0.0:
        raise EvaluationError(f"the features move by {distance:g}: they overflow, or do not depend on the input")
    return {"zen": math.log(distance) + scale}


def _normal(model: nn.Module, probe: Probe) -> nn.Module:
    drawn = probe.generator("zen weights")
    with torch.no_grad():
        for module in weighted(model).values():
            weight = module.weight
            assert isinstance(weight, Tensor)
            weight.copy_(torch.randn(weight.shape, generator=drawn))
            if isinstance(module.bias, Tensor):
                module.bias.zero_()
    return model


def _features(model: nn.Module, inputs: Tensor) -> Tensor:
    """The last output with places, (n, channels, …) or (n, tokens, width), of size above one; else the last vectors."""
    seen: dict[str, Tensor] = {}

    def note(module: nn.Module, given: tuple[object, ...], output: object) -> None:
        if isinstance(output, Tensor) and output.ndim >= 3 and output.shape[2:].numel() > 1:
            seen["map"] = output
        if isinstance(module, nn.Linear) and given and isinstance(given[0], Tensor):
            seen["vector"] = given[0]

    leaves = [module for module in model.modules() if next(module.children(), None) is None]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    found = seen.get("map", seen.get("vector"))
    if found is None:
        raise EvaluationError("the model has no features before its outputs", hint="leave zen out")
    return found
