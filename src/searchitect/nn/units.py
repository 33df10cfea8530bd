"""A layer with its normalisation and activation, and the classifier at the end of a model."""

from __future__ import annotations

import math
from typing import Any, Literal

from torch import nn

from searchitect.errors import SpaceError, did_you_mean
from searchitect.nn.activations import activation as make_activation
from searchitect.nn.convolutions import CONVOLUTIONS
from searchitect.nn.elastic import is_open
from searchitect.nn.elastic_layers import ElasticLinear
from searchitect.nn.mixed import Mixed
from searchitect.nn.norms import norm as make_norm
from searchitect.nn.pooling import global_pool
from searchitect.nn.regularisation import dropout as make_dropout
from searchitect.nn.shapes import Shape
from searchitect.spaces.open_values import OpenOption

__all__ = ["classifier", "conv_unit", "fully_connected", "fully_connected_unit"]


def fully_connected(inputs: int, outputs: int, *, bias: bool = True) -> nn.Module:
    """A linear map of vectors: (n, inputs) to (n, outputs)."""
    return (
        ElasticLinear(inputs, outputs, bias)
        if is_open(inputs, outputs, bias)
        else nn.Linear(inputs, outputs, bias=bias)
    )


def conv_unit(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    kind: str = "plain",
    stride: int = 1,
    norm: str = "batch",
    activation: str = "relu",
    dims: int = 2,
) -> nn.Module:
    """Convolution, normalisation, activation: (n, inputs, *size) to (n, outputs, *⌈size / stride⌉).

    Raises:
        SpaceError: `kind`, `norm` or `activation` is unknown; the message names the nearest.
    """
    bias = _without_norm(norm)
    body = _convolution(kind, inputs, outputs, kernel, stride=stride, bias=bias, dims=dims)
    return _unit(body, make_norm(norm, outputs, dims=dims), make_activation(activation))


def fully_connected_unit(
    inputs: int, outputs: int, *, norm: str = "none", activation: str = "relu", dropout: float = 0.0
) -> nn.Module:
    """Linear map, normalisation, activation, dropout: (n, inputs) to (n, outputs)."""
    body = fully_connected(inputs, outputs, bias=_without_norm(norm))
    return _unit(body, make_norm(norm, outputs, dims=0), make_activation(activation), make_dropout(dropout))


def classifier(
    shape: Shape,
    outputs: int,
    *,
    pooling: Literal["average", "max", "flatten"] = "average",
    dropout: float = 0.0,
) -> nn.Module:
    """The end of a model: maps are pooled or flattened, then one linear map gives raw scores (n, outputs).

    For regression the scores are the predicted values.
    """
    parts: list[nn.Module] = []
    features = shape[0]
    if len(shape) > 1 and pooling == "flatten":
        parts, features = [nn.Flatten()], math.prod(shape)
    elif len(shape) > 1:
        parts = [global_pool("max" if pooling == "max" else "average")]
    return nn.Sequential(*parts, *_present(make_dropout(dropout)), fully_connected(features, outputs))


def _convolution(kind: str, *sizes: int, stride: int, bias: bool, dims: int) -> nn.Module:
    if isinstance(kind, OpenOption):
        made = {
            option: _convolution(str(option), *sizes, stride=stride, bias=bias, dims=dims) for option in kind.options
        }
        return Mixed(kind, made)
    if kind not in CONVOLUTIONS:
        raise SpaceError(f"no convolution {kind!r}", hint=did_you_mean(str(kind), CONVOLUTIONS))
    return CONVOLUTIONS[kind](*sizes, stride=stride, bias=bias, dims=dims)


def _without_norm(norm: str) -> bool:
    """Whether a layer needs a bias of its own; a normalisation brings its own shift. Stays open with the norm."""
    if isinstance(norm, OpenOption):
        flag: Any = norm.is_one_of("none")
        return flag  # type: ignore[no-any-return]
    return norm == "none"


def _unit(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(*_present(*parts))


def _present(*parts: nn.Module) -> list[nn.Module]:
    return [part for part in parts if not isinstance(part, nn.Identity)]
