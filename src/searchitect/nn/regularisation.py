"""Regularisation inside a model. Weight decay and label smoothing belong to the recipe."""

from __future__ import annotations

from torch import Tensor, nn

from searchitect.errors import SpaceError
from searchitect.nn.elastic import is_open, now
from searchitect.nn.elastic_layers import ElasticDropout

__all__ = ["DropPath", "drop_path", "dropout"]


class DropPath(nn.Module):
    """Stochastic depth (Huang 2016): drops a whole branch for some training examples, scales the rest up.

    Args:
        rate: probability of dropping, in 0..1 without 1; may be open.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not is_open(rate):
            _check("drop_path", rate)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        rate = float(now(self.rate))
        if not self.training or rate == 0.0:
            return x
        _check("drop_path", rate)
        keep = 1.0 - rate
        mask = x.new_empty((x.shape[0], *[1] * (x.dim() - 1))).bernoulli_(keep)
        return x * mask / keep

    def extra_repr(self) -> str:
        return f"{self.rate!r}"


def drop_path(rate: float) -> nn.Module:
    """Stochastic depth per example; nothing at all for a rate of 0."""
    return DropPath(rate) if is_open(rate) or rate != 0.0 else nn.Identity()


def dropout(rate: float) -> nn.Module:
    """Dropout (Srivastava 2014) of single values; nothing at all for a rate of 0.

    Raises:
        SpaceError: the rate is not in 0..1 without 1.
    """
    if is_open(rate):
        return ElasticDropout(rate)
    _check("dropout", rate)
    return nn.Dropout(rate) if rate != 0.0 else nn.Identity()


def _check(what: str, rate: float) -> None:
    if not 0.0 <= rate < 1.0:
        raise SpaceError(f"{what} needs a rate of at least 0 and below 1, got {rate}")
