"""Normalisations by name, for maps of any dimension and for vectors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.nn.elastic import is_open
from searchitect.nn.elastic_layers import ElasticNorm
from searchitect.nn.mixed import Mixed
from searchitect.nn.shapes import describe
from searchitect.spaces.open_values import OpenOption

__all__ = ["NORMS", "ChannelRMSNorm", "InstanceNorm", "norm"]

_BATCH: dict[int, Callable[[int], nn.Module]] = {
    0: nn.BatchNorm1d,
    1: nn.BatchNorm1d,
    2: nn.BatchNorm2d,
    3: nn.BatchNorm3d,
}


class ChannelRMSNorm(nn.Module):
    """Root-mean-square normalisation over the channels, at every place alike (Zhang & Sennrich 2019).

    Args:
        channels: size of dimension 1 of the input.
    """

    def __init__(self, channels: int, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + self.epsilon)
        return x * scale * self.weight.reshape(1, -1, *[1] * (x.dim() - 2))


class InstanceNorm(nn.GroupNorm):
    """Every channel of every example alone (Ulyanov 2016); refuses maps of one value: they give zero."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        if input.dim() < 3 or input.shape[2:].numel() < 2:
            raise EvaluationError(
                f"instance normalisation needs several values per channel, got {describe(input.shape[1:])}",
                hint="normalise with 'layer' or 'batch', or downsample less",
            )
        return super().forward(input)


def _batch(channels: int, dims: int) -> nn.Module:
    return _BATCH[dims](channels)


def _layer(channels: int, dims: int) -> nn.Module:
    # One group is layer normalisation over channels and places, with one scale per channel.
    return nn.LayerNorm(channels) if dims == 0 else nn.GroupNorm(1, channels)


def _group(channels: int, dims: int) -> nn.Module:
    return nn.GroupNorm(max(g for g in range(1, 9) if channels % g == 0), channels)


def _instance(channels: int, dims: int) -> nn.Module:
    return InstanceNorm(channels)


def _rms(channels: int, dims: int) -> nn.Module:
    return ChannelRMSNorm(channels)


def _none(channels: int, dims: int) -> nn.Module:
    return nn.Identity()


NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "none": _none,
    "batch": _batch,  # Ioffe & Szegedy 2015
    "layer": _layer,  # Ba 2016
    "group": _group,  # Wu & He 2018; as many groups up to 8 as divide the channels
    "instance": _instance,
    "rms": _rms,
}
"""Every normalisation by name: (channels, dims) to a module that keeps the shape."""


def norm(name: str, channels: int, *, dims: int = 2) -> nn.Module:
    """Return a fresh normalisation over `channels`.

    Args:
        name: a key of `NORMS`.
        dims: places per example: 0 for vectors (n, channels), 2 for images (n, channels, h, w).

    Raises:
        SpaceError: no normalisation has this name; the message names the nearest.
    """
    if isinstance(name, OpenOption):
        return Mixed(name, {str(option): norm(str(option), channels, dims=dims) for option in name.options})
    if is_open(channels) and name != "none":
        return ElasticNorm(lambda count: norm(name, count, dims=dims), channels)
    if name not in NORMS:
        raise SpaceError(f"no normalisation {name!r}", hint=did_you_mean(str(name), NORMS))
    return NORMS[name](channels, dims)
