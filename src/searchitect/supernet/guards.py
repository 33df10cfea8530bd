"""What keeps a gradient search from the failures that everyone meets, and says when it meets them.

Skips win in plain DARTS because they need no training (Zela et al., "Understanding and robustifying differentiable
architecture search", 2020; Chen et al., "P-DARTS", 2019). The guards: dropout on skips that fades out, a penalty on
undecided probabilities that fades in, a limit on the share of decisions that skip, and a stop where the sharpness of
the loss in the architecture weights grows fast. The last two go back to the architecture weights of before and keep
them; shared weights are trained to the end, since an operation that never learned would be missed by nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.supernet.architecture_weights import MixedDecision
from searchitect.supernet.gradient_result import SearchEpoch

__all__ = [
    "Guards",
    "SkipDropout",
    "Stop",
    "dominant_eigenvalue",
    "entropy",
    "sharpening",
    "skip_share",
    "skips_dropped",
    "stop",
]

SMOOTHED = 5
BACK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """How a search is guarded.

    Attributes:
        most_skips: largest share of the decisions whose strongest operation may be a skip: where it is exceeded, the
            architecture weights go back to the last epoch that kept to it and stay there; a selection by magnitude
            keeps to it too. 1 for no limit.
        eigenvalue: go back by 4 epochs and stay there where the dominant eigenvalue of the Hessian of the search loss
            in the architecture weights, averaged over 5 epochs, was 4 epochs ago less than this share of now; None for
            no such stop. Methods that compute one option at a time have no such Hessian and are not watched.
        entropy: weight, in the last epoch, of the mean entropy of the probabilities in the search loss; it grows
            linearly from 0.
        skip_dropout: dropout on what skips hand on, in the first epoch; it falls linearly to 0.
    """

    most_skips: float = 0.5
    eigenvalue: float | None = 0.75
    entropy: float = 0.01
    skip_dropout: float = 0.2


def skip_share(decisions: Sequence[MixedDecision], probabilities: Sequence[Tensor]) -> float:
    """Return the share of decisions whose strongest operation, zeros apart, is a skip.

    Decisions without a skip among their options do not count; 0 where none has one.
    """
    found = []
    for decision, share in zip(decisions, probabilities, strict=True):
        if decision.skips:
            real = [p for p in range(len(share)) if p not in decision.zeros]
            found.append(max(real, key=lambda p: float(share[p])) in decision.skips)
    return sum(found) / len(found) if found else 0.0


def entropy(probabilities: Sequence[Tensor]) -> Tensor:
    """Return the mean entropy of the decisions as a share of the largest possible: 1 undecided, 0 decided."""
    parts = [-(p * p.clamp_min(1e-12).log()).sum() / math.log(max(len(p), 2)) for p in probabilities]
    return torch.stack(parts).mean()


def sharpening(values: Sequence[float], limit: float) -> bool:
    """Whether λ(t - 4) / λ(t) < limit for the eigenvalues so far, averaged over 5 (Zela et al. 2020, section 4.3)."""
    if len(values) < SMOOTHED + BACK:
        return False
    smooth = [sum(values[end - SMOOTHED : end]) / SMOOTHED for end in (len(values) - BACK, len(values))]
    return smooth[1] > 0.0 and smooth[0] / smooth[1] < limit


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the architecture weights stay what they are.

    Attributes:
        reason: in words.
        epoch: when it was found.
        back: the epoch whose architecture weights are kept; 0 for those of the start.
    """

    reason: str
    epoch: int
    back: int


def stop(progress: Sequence[SearchEpoch], guards: Guards, first: int) -> Stop | None:
    """Return the first stop of a search, or None; a pure function of its curves.

    Args:
        first: epochs in which nothing is stopped: probabilities are still those of the start.
    """
    for count in range(first + 1, len(progress) + 1):
        skips = [entry.skip_share for entry in progress[:count]]
        if skips[-1] > guards.most_skips:
            kept = [n for n, share in enumerate(skips, 1) if share <= guards.most_skips]
            reason = f"{skips[-1]:.0%} of the decisions would skip in epoch {count}"
            return Stop(reason, count, kept[-1] if kept else 0)
        values = [entry.eigenvalue for entry in progress[:count] if entry.eigenvalue is not None]
        if guards.eigenvalue is not None and sharpening(values, guards.eigenvalue):
            return Stop(f"the dominant eigenvalue grew to {values[-1]:.3g} in epoch {count}", count, count - BACK)
    return None


def dominant_eigenvalue(
    loss: Callable[[], Tensor],
    logits: Sequence[Tensor],
    generator: torch.Generator,
    *,
    iterations: int = 10,
    tolerance: float = 1e-2,
) -> float:
    """Return the largest eigenvalue, by magnitude, of the Hessian of a loss in the architecture weights.

    Power iteration on Hessian-vector products; the gradient is computed once.

    Args:
        tolerance: relative change of the magnitude at which the iteration ends.
    """
    gradients = torch.autograd.grad(loss(), list(logits), create_graph=True, allow_unused=True)
    pairs = [(g, x) for g, x in zip(gradients, logits, strict=True) if g is not None and g.requires_grad]
    if not pairs:
        return 0.0
    parts = [x for _, x in pairs]
    flat = torch.cat([g.flatten() for g, _ in pairs])
    vector = torch.randn(flat.numel(), generator=generator).to(flat)
    magnitude = 0.0
    for _ in range(iterations):
        vector = vector / vector.norm().clamp_min(1e-20)
        product = _flat(torch.autograd.grad(flat, parts, vector, retain_graph=True, allow_unused=True), parts)
        before, magnitude = magnitude, float(product.norm())
        vector = product
        if abs(magnitude - before) <= tolerance * max(magnitude, 1e-20):
            break
    return magnitude


def _flat(gradients: Sequence[Tensor | None], like: Sequence[Tensor]) -> Tensor:
    whole = [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, like, strict=True)]
    return torch.cat([g.flatten() for g in whole])


@dataclass(slots=True)
class SkipDropout:
    """The dropout rate on skips now; a search sets it before every epoch."""

    rate: float = 0.0


@contextmanager
def skips_dropped(decisions: Sequence[MixedDecision]) -> Iterator[SkipDropout]:
    """Put dropout behind every skip of mixed operations that train, and take it away afterwards."""
    now = SkipDropout()

    def drop(operation: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return F.dropout(output, now.rate, True) if now.rate > 0.0 and operation.training else output

    hooks = [
        mixed.operations[place].register_forward_hook(drop)
        for decision in decisions
        for mixed in decision.mixed
        for place in decision.skips
    ]
    try:
        yield now
    finally:
        for hook in hooks:
            hook.remove()
