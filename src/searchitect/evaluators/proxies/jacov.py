"""Jacobian covariance: how little the examples' input gradients resemble one another.

Mellor et al., "Neural architecture search without training", arXiv 2006.04647 v1, 2020.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.passing import for_training
from searchitect.evaluators.proxies.probe import Probe

__all__ = ["OFFSET", "jacov"]

OFFSET = 1e-5
"""k of the paper: keeps an eigenvalue of zero finite."""


def jacov(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return −Σ log(v + k) + 1/(v + k) over the eigenvalues v of the correlations of the examples' Jacobians.

    A symmetric matrix has real eigenvalues; the published code takes the general routine, whose rounding makes them
    complex. They are clipped at 0.

    Raises:
        EvaluationError: no gradient reaches the input, or one of an example is constant.
    """
    inputs = probe.inputs.detach().clone().requires_grad_()
    for_training(model)(inputs).sum().backward()
    if inputs.grad is None:
        raise EvaluationError("no gradient reaches the input", hint="models of indices have none; leave jacov out")
    rows = inputs.grad.flatten(1).double()
    rows = rows - rows.mean(dim=1, keepdim=True)
    lengths = rows.norm(dim=1, keepdim=True)
    if not bool((lengths > 0).all()):
        raise EvaluationError("the input gradient of an example is constant, so it correlates with nothing")
    rows = rows / lengths
    values = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0.0) + OFFSET
    return {"jacov": -float((values.log() + 1.0 / values).sum())}
