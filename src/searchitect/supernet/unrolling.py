"""The second-order gradient of DARTS: architecture weights judged by the shared weights after one more step.

Liu et al., "DARTS", 2019, equations 7 and 8. With w' = w - ξ ∇w L_train(w, α), the gradient of L_val(w', α) is its
direct part, less ξ times a mixed second derivative, which a central difference along ∇w' L_val gives for two more
passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["gradient", "unrolled_gradient"]

Loss = Callable[[], Tensor]


def unrolled_gradient(
    training_loss: Loss, search_loss: Loss, weights: Sequence[Tensor], logits: Sequence[Tensor], rate: float
) -> tuple[Tensor, list[Tensor]]:
    """Return the loss after the virtual step, and its gradient with respect to the architecture weights.

    The shared weights are changed in place meanwhile and are the same, bit for bit, afterwards.

    Args:
        training_loss: L_train of the current values of `weights` and `logits`; the same batch at every call.
        search_loss: L_val, alike.
        weights: w, leaves that need a gradient.
        logits: α, alike.
        rate: ξ, the learning rate of the shared weights.
    """
    kept = [w.detach().clone() for w in weights]
    try:
        _move(weights, kept, gradient(training_loss(), weights), -rate)
        loss = search_loss()
        both = gradient(loss, [*weights, *logits])
        along, direct = both[: len(weights)], both[len(weights) :]
        norm = torch.sqrt(sum((v.double().square().sum() for v in along), torch.zeros((), dtype=torch.float64)))
        epsilon = 0.01 / max(float(norm), 1e-12)  # as the paper has it, footnote 2
        _move(weights, kept, along, epsilon)
        ahead = gradient(training_loss(), logits)
        _move(weights, kept, along, -epsilon)
        behind = gradient(training_loss(), logits)
    finally:
        _move(weights, kept, None, 0.0)
    return loss.detach(), [d - rate * (a - b) / (2 * epsilon) for d, a, b in zip(direct, ahead, behind, strict=True)]


def gradient(loss: Tensor, of: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradient of a loss, zeros where it does not depend on a tensor."""
    found = torch.autograd.grad(loss, list(of), allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, of, strict=True)]


def _move(weights: Sequence[Tensor], start: Sequence[Tensor], direction: Sequence[Tensor] | None, by: float) -> None:
    """Set every weight to its start plus a multiple of a direction."""
    with torch.no_grad():
        for place, (weight, origin) in enumerate(zip(weights, start, strict=True)):
            weight.copy_(origin if direction is None else origin + by * direction[place])
