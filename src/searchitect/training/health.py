"""When a training has gone wrong: settings that cannot be followed, a loss that is not finite or explodes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from searchitect.errors import EvaluationError
from searchitect.spaces.recipe import Recipe

__all__ = ["DIVERGED", "FINITE_EVERY", "check_finite", "check_recipe", "healthy"]

FINITE_EVERY = 50
"""Steps between looks at the loss: each look waits for a GPU."""

DIVERGED = 1e3
"""Times the first loss; no training that recovers was seen above."""

_CALMER = "lower the learning rate, or clip the gradient harder"


def healthy(losses: Tensor, limit: float, epoch: int) -> float:
    """Return the mean of an epoch's losses, one per step.

    Raises:
        EvaluationError: one is not finite, or the mean exceeds `limit`.
    """
    mean = float(losses.mean())
    if math.isfinite(mean) and mean <= limit:
        return mean
    broken = torch.nonzero(~torch.isfinite(losses)).flatten()
    if len(broken):
        step = int(broken[0])
        check_finite(float(losses[step]), "loss", epoch, step + 1)
    raise EvaluationError(f"training diverged in epoch {epoch}: mean loss {mean:.3g}", hint=_CALMER)


def check_finite(value: float, what: str, epoch: int, step: int | None = None) -> None:
    """Refuse NaN and infinity.

    Raises:
        EvaluationError: names the epoch, and the step where it is known.
    """
    if not math.isfinite(value):
        place = f"epoch {epoch}" if step is None else f"epoch {epoch}, step {step}"
        raise EvaluationError(f"the {what} became {value} in {place}", hint=_CALMER)


def check_recipe(recipe: Recipe, epochs: int) -> None:
    """Refuse what no training can follow.

    Raises:
        EvaluationError: fewer than one epoch or example per batch, or a learning rate that is not above 0.
    """
    if epochs < 1 or recipe.batch_size < 1:
        raise EvaluationError(
            f"training needs at least one epoch and a batch of at least one, got epochs={epochs}, "
            f"batch_size={recipe.batch_size}"
        )
    if recipe.averaging not in ("none", "ema"):
        raise EvaluationError(f"no averaging is called {recipe.averaging!r}", hint="'ema' or 'none'")
    if not (math.isfinite(recipe.learning_rate) and recipe.learning_rate > 0):
        raise EvaluationError(f"a learning rate is above 0, got {recipe.learning_rate}")
