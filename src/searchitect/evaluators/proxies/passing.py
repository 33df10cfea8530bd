"""How a proxy looks into any model: by the functions that its forward calls, be they modules or plain functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["Bypassed", "PreActivations", "bypass_norms", "for_training", "weighted", "weights_of"]

NORMS = frozenset(
    {F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm, F.rms_norm, torch.batch_norm, torch.layer_norm}
    | {torch.group_norm, torch.instance_norm, torch.rms_norm}
)
_IN_PLACE = (torch.relu_, F.elu_, F.leaky_relu_, F.hardtanh_, F.selu_, F.celu_)
ACTIVATIONS = frozenset(
    {F.relu, F.relu6, F.gelu, F.silu, F.elu, F.selu, F.celu, F.mish, F.leaky_relu, F.prelu, F.softplus, F.softsign}
    | {F.hardswish, F.hardsigmoid, F.hardtanh, F.logsigmoid, F.tanhshrink, F.sigmoid, F.tanh, torch.relu}
    | {torch.sigmoid, torch.tanh, torch.celu, torch.selu, torch.prelu, torch.nn.functional.rrelu}
    | {Tensor.relu, Tensor.sigmoid, Tensor.tanh, *_IN_PLACE}
)
"""Functions that are not linear, value by value."""

_WEIGHTED = (nn.modules.conv._ConvNd, nn.Linear, nn.Bilinear)


class Bypassed(TorchFunctionMode):
    """While active, calls of normalisations return their input."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func in NORMS:
            return args[0] if args else given["input"]
        return func(*args, **given)


class PreActivations(TorchFunctionMode):
    """While active, `see` gets what goes into each activation, in the order of the forward pass."""

    def __init__(self, see: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._see = see

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func in ACTIVATIONS:
            self._see(args[0] if args else given["input"])
        return func(*args, **given)


@contextmanager
def bypass_norms(model: nn.Module) -> Iterator[None]:
    """Let every normalisation of a model, written as a module or as a function, pass its input through."""
    for module in model.modules():
        if "norm" in type(module).__name__.lower() and next(module.children(), None) is None:
            module.forward = _first  # of a copy that is thrown away
    with Bypassed():
        yield


def _first(inputs: Tensor, *others: Any, **named: Any) -> Tensor:
    return inputs


def for_training(model: nn.Module) -> nn.Module:
    """Training mode, in which batch normalisation uses the batch, without what a training drops by chance."""
    model.train()
    for module in model.modules():
        if "drop" in type(module).__name__.lower():
            module.eval()
    return model


def weighted(model: nn.Module) -> dict[str, nn.Module]:
    """Return the convolutions and linear maps by name, in the model's order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, _WEIGHTED)}


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trainable weights that multiply: matrices and kernels, no bias and no scale of a normalisation."""
    named = ((name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim >= 2)
    return dict(named)
