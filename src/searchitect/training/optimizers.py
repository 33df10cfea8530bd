"""Optimisers by name, with weight decay kept away from biases and normalisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from searchitect.errors import EvaluationError, did_you_mean
from searchitect.spaces.recipe import Recipe

__all__ = ["OPTIMIZERS", "optimizer", "parameter_groups"]

_NORMALISATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
)

Groups = list[dict[str, Any]]


def _sgd(groups: Groups, recipe: Recipe) -> torch.optim.Optimizer:
    rate, momentum = recipe.learning_rate, recipe.momentum
    made = torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=True)
    if momentum > 0:
        # The fused kernel takes all parameters with momentum or none, but paths of a supernet leave some out at first.
        # From zeros the first step is the same, bit for bit.
        for group in made.param_groups:
            for parameter in group["params"]:
                made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return made


# `fused` runs one kernel per step (15 % of a digits training on a CPU); where PyTorch has none, `foreach` batches.
OPTIMIZERS: dict[str, Callable[[Groups, Recipe], torch.optim.Optimizer]] = {
    "sgd": _sgd,
    "adam": lambda groups, r: torch.optim.Adam(groups, lr=r.learning_rate, fused=True),
    "adamw": lambda groups, r: torch.optim.AdamW(groups, lr=r.learning_rate, fused=True),
    "adagrad": lambda groups, r: torch.optim.Adagrad(groups, lr=r.learning_rate, fused=True),
    "rmsprop": lambda groups, r: torch.optim.RMSprop(groups, lr=r.learning_rate, momentum=r.momentum, foreach=True),
}
"""Name in a recipe to what makes the optimiser of parameter groups."""


def parameter_groups(model: nn.Module, weight_decay: float) -> Groups:
    """Return two groups: weights, which decay, and biases and normalisation parameters, which do not.

    Decaying the latter only distorts the function; see Goyal et al. 2017 (§5.3) and He et al. 2019 (§3.1).
    """
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for parameter, is_weight in _parameters(model):
        (decayed if is_weight else kept).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser a recipe names, over the trainable parameters of `model`.

    Raises:
        EvaluationError: no optimiser has this name, or nothing in the model can be trained.
    """
    if recipe.optimizer not in OPTIMIZERS:
        raise EvaluationError(
            f"no optimizer is called {recipe.optimizer!r}", hint=did_you_mean(recipe.optimizer, OPTIMIZERS)
        )
    groups = parameter_groups(model, recipe.weight_decay)
    if not groups:
        raise EvaluationError(
            f"expected a model with trainable parameters, got {type(model).__name__} with none",
            hint="let build return a module that holds at least one layer with weights",
        )
    return OPTIMIZERS[recipe.optimizer](groups, recipe)


def _parameters(model: nn.Module) -> Iterator[tuple[nn.Parameter, bool]]:
    seen: set[nn.Parameter] = set()
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad and parameter not in seen:
                seen.add(parameter)
                yield parameter, parameter.ndim >= 2 and not isinstance(module, _NORMALISATIONS)
