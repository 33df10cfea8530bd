"""NASWOT: how differently a fresh model's activations divide a batch.

Mellor et al., "Neural architecture search without training", ICML 2021, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.passing import PreActivations, for_training
from searchitect.evaluators.proxies.probe import Probe

__all__ = ["nwot"]


def nwot(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return log |det K| with K = Σ_layers x xᵀ + (1 − x)(1 − x)ᵀ, x = [what enters an activation > 0].

    The published code looks at modules of class ReLU alone; here whatever enters any activation counts, so that models
    of GELU or SiLU are scored too.

    Raises:
        EvaluationError: no activation was called, or examples are divided in the same way everywhere.
    """
    count = len(probe.inputs)
    kernel = torch.zeros((count, count), dtype=torch.float64, device=probe.inputs.device)

    def see(entering: Tensor) -> None:
        if entering.ndim >= 2 and len(entering) == count:
            signs = (entering.detach() > 0).flatten(1).float()
            kernel.add_(signs @ signs.T).add_((1.0 - signs) @ (1.0 - signs).T)

    with torch.no_grad(), PreActivations(see):
        for_training(model)(probe.inputs)
    if not kernel.any():
        raise EvaluationError("the model calls no activation that could be seen", hint="leave nwot out")
    sign, logarithm = torch.linalg.slogdet(kernel)
    if not torch.isfinite(logarithm) or sign <= 0:
        raise EvaluationError("the kernel is singular: the activations divide examples of the batch alike")
    return {"nwot": float(logarithm)}
