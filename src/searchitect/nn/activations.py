"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from searchitect.errors import SpaceError, did_you_mean
from searchitect.nn.mixed import Mixed
from searchitect.spaces.open_values import OpenOption

__all__ = ["ACTIVATIONS", "activation"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,  # slope 0.01
    "prelu": nn.PReLU,  # one learned slope for all channels
    "elu": nn.ELU,  # Clevert 2016
    "selu": nn.SELU,  # Klambauer 2017
    "celu": nn.CELU,
    "gelu": nn.GELU,  # Hendrycks & Gimpel 2016
    "silu": nn.SiLU,  # also called swish
    "mish": nn.Mish,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_swish": nn.Hardswish,  # Howard 2019
    "hard_tanh": nn.Hardtanh,
}
"""Every activation by name: element by element, shape unchanged."""


def activation(name: str) -> nn.Module:
    """Return a fresh activation.

    Raises:
        SpaceError: no activation has this name; the message names the nearest.
    """
    if isinstance(name, OpenOption):
        return Mixed(name, {option: activation(str(option)) for option in name.options})
    if name not in ACTIVATIONS:
        raise SpaceError(f"no activation {name!r}", hint=did_you_mean(str(name), ACTIVATIONS))
    return ACTIVATIONS[name]()
