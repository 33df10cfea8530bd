"""Learning-rate schedules as pure functions of (step, total): nothing to carry, nothing to restore."""

from __future__ import annotations

import math
from collections.abc import Callable

from searchitect.errors import ConfigError, did_you_mean
from searchitect.spaces.recipe import Recipe

__all__ = ["SCHEDULES", "factor", "learning_rate"]

_RISE = 0.3  # share of a one-cycle schedule that rises, and where it starts and ends:
_START, _END = 1 / 25, 1e-5  # the figures of Smith & Topin 2019 as PyTorch ships them (1/25, then 1/25/1e4)


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter 2017, eq. 5, without restarts)."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def one_cycle(progress: float) -> float:
    """Rise from 1/25 to 1 over the first 30 %, then fall to 1e-5, both along cosines (Smith & Topin 2019)."""
    if progress < _RISE:
        return 1.0 - (1.0 - _START) * cosine(progress / _RISE)
    return _END + (1.0 - _END) * cosine((progress - _RISE) / (1.0 - _RISE))


def step(progress: float) -> float:
    """1, then 0.1 from 50 %, then 0.01 from 75 % of the steps."""
    return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": cosine,
    "one_cycle": one_cycle,
    "step": step,
    "constant": constant,
}
"""Name of a schedule to its function from progress in [0, 1) to a factor in [0, 1]."""


def factor(schedule: str, index: int, total: int, warmup: float = 0.0) -> float:
    """Return the factor on the peak rate at step `index` (from 0) of `total`.

    During the first `warmup` share of the steps the factor rises linearly instead; one-cycle has its own rise
    and takes no warm-up.

    Raises:
        ConfigError: no schedule has this name.
    """
    if schedule not in SCHEDULES:
        raise ConfigError(f"no schedule is called {schedule!r}", hint=did_you_mean(schedule, SCHEDULES))
    rising = 0 if schedule == "one_cycle" else round(warmup * total)
    if index < rising:
        return (index + 1) / rising
    return SCHEDULES[schedule]((index - rising) / max(1, total - rising))


def learning_rate(recipe: Recipe, index: int, total: int) -> float:
    """Return the learning rate of a recipe at step `index` (from 0) of `total`."""
    return recipe.learning_rate * factor(recipe.schedule, index, total, recipe.warmup)
