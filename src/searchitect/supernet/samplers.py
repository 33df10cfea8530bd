"""From logits to the weights of a mixed operation: what the methods of the DARTS family differ in most.

A sampler gives the weights for a step of the shared weights and for a step of the architecture weights. A weight that
is the number 0.0 is not computed. Randomness comes from torch's own generator: whoever runs a search seeds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["SAMPLERS", "Sampler", "Weights", "concentration", "distance_to_uniform"]

Weights: TypeAlias = Tensor | list[Tensor | float]
"""One weight for each option: a vector (options,), or a list of scalars and of numbers."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """One way to draw weights.

    Attributes:
        probabilities: logits (options,) to the mean weights.
        search: (logits, temperature) to the weights of an architecture step; gradients reach the logits.
        train: the same for a step of the shared weights.
        one_path: whether `train` computes one option alone, so that shared weights never saw a mixture.
        settle: (logits after the step, logits before, weights drawn): what is corrected after an architecture step.
    """

    probabilities: Callable[[Tensor], Tensor]
    search: Callable[[Tensor, float], Weights]
    train: Callable[[Tensor, float], Weights]
    one_path: bool = False
    settle: Callable[[Tensor, Tensor, Weights], None] | None = None


def softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Liu et al., "DARTS", 2019, equation 2."""
    return logits.softmax(0)


def relaxed_gumbel(logits: Tensor, temperature: float) -> Tensor:
    """Xie et al., "SNAS", 2019, equation 4: a sample of the concrete distribution."""
    return ((logits.log_softmax(0) + _gumbel(logits)) / temperature).softmax(0)


def hard_gumbel(logits: Tensor, temperature: float) -> Weights:
    """Dong & Yang, "GDAS", 2019, equations 3 to 5: the forward pass is one option, the gradient that of the softmax."""
    soft = relaxed_gumbel(logits, temperature)
    place = int(soft.argmax())
    weights: list[Tensor | float] = [0.0] * len(logits)
    weights[place] = 1.0 + soft[place] - soft[place].detach()
    return weights


def dirichlet(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Chen et al., "DrNAS", 2021, section 3.1: a sample of a Dirichlet distribution, with its pathwise gradient."""
    # In float64: a draw that underflows to 0 has no gradient.
    drawn: Tensor = torch.distributions.Dirichlet(concentration(logits).double()).rsample()
    return drawn.to(logits.dtype)


def concentration(logits: Tensor) -> Tensor:
    """elu(β) + 1: the concentration of DrNAS, 1 for all options at the start."""
    return F.elu(logits) + 1.0


def distance_to_uniform(logits: Tensor) -> Tensor:
    """The squared distance of a concentration to 1, the regulariser of DrNAS (equation 6)."""
    return (concentration(logits) - 1.0).square().sum()


def dirichlet_mean(logits: Tensor) -> Tensor:
    """Concentrations over their sum."""
    weights = concentration(logits)
    return weights / weights.sum()


def one_gate(logits: Tensor, temperature: float = 1.0) -> Weights:
    """Cai et al., "ProxylessNAS", 2019, equation 3: one option, drawn by its probability."""
    weights: list[Tensor | float] = [0.0] * len(logits)
    weights[int(torch.multinomial(logits.detach().softmax(0), 1))] = 1.0
    return weights


def two_gates(logits: Tensor, temperature: float = 1.0) -> Weights:
    """The same, section 3.2: two options are drawn, a gate lets one of them through, both get a gradient."""
    pair = torch.multinomial(logits.detach().softmax(0), min(2, len(logits)))
    soft = logits[pair].softmax(0)
    gate = F.one_hot(torch.multinomial(soft.detach(), 1)[0], len(pair)).to(soft.dtype) + soft - soft.detach()
    weights: list[Tensor | float] = [0.0] * len(logits)
    for place, weight in zip(pair.tolist(), gate, strict=True):
        weights[place] = weight
    return weights


def keep_the_rest(logits: Tensor, before: Tensor, drawn: Weights) -> None:
    """Give the options that were not drawn their probabilities back (ProxylessNAS, section 3.2, at its end)."""
    pair = torch.tensor([isinstance(weight, Tensor) for weight in drawn], device=logits.device)
    with torch.no_grad():
        shift = before[pair].logsumexp(0) - logits[pair].logsumexp(0)
        logits.copy_(torch.where(pair, logits + shift, before))


def _gumbel(logits: Tensor) -> Tensor:
    return -torch.empty_like(logits, memory_format=torch.contiguous_format).exponential_().log()


SAMPLERS: dict[str, Sampler] = {
    "softmax": Sampler(softmax, softmax, softmax),
    "gumbel_relaxed": Sampler(softmax, relaxed_gumbel, relaxed_gumbel),
    "gumbel_hard": Sampler(softmax, hard_gumbel, hard_gumbel, one_path=True),
    "dirichlet": Sampler(dirichlet_mean, dirichlet, dirichlet),
    "binary_gates": Sampler(softmax, two_gates, one_gate, one_path=True, settle=keep_the_rest),
}
"""Name to sampler."""
