"""From examples to tokens (n, tokens, width) and back: patches, rows, embeddings, positions, pooling.

Dosovitskiy et al., "An image is worth 16×16 words", 2021, section 3.1 (patches, class token, learned positions);
Vaswani et al. 2017, section 3.5 (sines). Every width may be open.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.nn.elastic import Elastic, is_open, largest, now
from searchitect.nn.mixed import Mixed, choose
from searchitect.nn.shapes import Shape, describe
from searchitect.nn.units import fully_connected
from searchitect.spaces.open_values import OpenOption

__all__ = [
    "POSITIONS",
    "TOKEN_NORMS",
    "TOKEN_POOLINGS",
    "ClassToken",
    "ElasticEmbedding",
    "ElasticTokenNorm",
    "Patches",
    "Positions",
    "as_sequence",
    "class_token",
    "embedding",
    "patch_embedding",
    "pool_tokens",
    "positions",
    "token_norm",
]

SPREAD = 0.2
"""Standard deviation of class tokens and positions at the start: as large as what torch's linear maps give of patches.

The 0.02 of the papers goes with linear maps of 0.02; beside torch's own start, places are told apart too late.
"""


class Patches(nn.Module):
    """Cut images into squares: (n, channels, h, w) to (n, ⌈h / size⌉·⌈w / size⌉, channels · size²).

    The last squares of a row or column are filled up with zeros. With a linear map behind it, it is a convolution of
    that kernel and stride.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        size, (_, channels, height, width) = self.size, x.shape
        down, right = -height % size, -width % size
        if down or right:
            x = F.pad(x, (0, right, 0, down))
        rows, columns = (height + down) // size, (width + right) // size
        cut = x.reshape(-1, channels, rows, size, columns, size).permute(0, 2, 4, 1, 3, 5)
        return cut.reshape(-1, rows * columns, channels * size * size)

    def extra_repr(self) -> str:
        return f"{self.size}"


class Rows(nn.Module):
    """The rows of an image, one after the other: (n, channels, h, w) to (n, h, channels · w)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(2)


class Scalars(nn.Module):
    """Every number of a vector as a token of its own: (n, features) to (n, features, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1)


def as_sequence(shape: Shape) -> tuple[nn.Module, Shape]:
    """Return a module that makes a sequence of an example, and the (length, features) that it gives.

    Images are read row by row, vectors number by number, sequences (length, features) as they are.

    Raises:
        SpaceError: the shape is none of these.
    """
    if len(shape) == 1:
        return Scalars(), (shape[0], 1)
    if len(shape) == 2:
        return nn.Identity(), shape
    if len(shape) == 3:
        return Rows(), (shape[1], shape[0] * shape[2])
    raise SpaceError(
        f"no sequence can be made of examples of {describe(shape)}",
        hint="expected (length, features), (channels, height, width) or (features,)",
    )


def patch_embedding(channels: int, size: int, width: int) -> nn.Module:
    """Images to tokens of `width`: (n, channels, h, w) to (n, patches, width).

    Raises:
        SpaceError: the size of a patch is below one.
    """
    if size < 1:
        raise SpaceError(f"a patch needs a size of at least 1, got {size}")
    return nn.Sequential(Patches(size), fully_connected(channels * size**2, width))


def embedding(count: int, width: int) -> nn.Module:
    """A vector of `width` for each of `count` whole numbers: (n, tokens) to (n, tokens, width)."""
    return ElasticEmbedding(count, width) if is_open(width) else nn.Embedding(count, width)


class ElasticEmbedding(Elastic):
    """An embedding of open width: the first values of each vector."""

    def __init__(self, count: int, width: Any) -> None:
        super().__init__()
        self.full, self.width = nn.Embedding(count, int(largest(width))), width

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.full.weight[:, : int(now(self.width))])


class ClassToken(nn.Module):
    """Put one learned token before the others; the last layer reads the class there. Its width is told by the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, width))
        nn.init.trunc_normal_(self.weight, std=SPREAD)

    def forward(self, x: Tensor) -> Tensor:
        first = self.weight[:, : x.shape[-1]].expand(x.shape[0], 1, -1)
        return torch.cat((first, x), 1)


def class_token(width: int) -> nn.Module:
    """A `ClassToken`; the width may be open."""
    return ClassToken(int(largest(width)))


class Positions(nn.Module):
    """Add a learned vector to each place (Dosovitskiy et al. 2021). The width in use is told by the input.

    Args:
        count: most places.
    """

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, width))
        nn.init.trunc_normal_(self.weight, std=SPREAD)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > self.weight.shape[0]:
            raise EvaluationError(f"there are positions for {self.weight.shape[0]} tokens, got {x.shape[1]}")
        return x + self.weight[: x.shape[1], : x.shape[2]]


class Sines(nn.Module):
    """Add sines and cosines of the place, from fast to slow (Vaswani et al. 2017, section 3.5). No weights."""

    def forward(self, x: Tensor) -> Tensor:
        _, tokens, width = x.shape
        place = torch.arange(tokens, device=x.device, dtype=x.dtype)[:, None]
        number = torch.arange(width, device=x.device)
        slower = torch.exp((number // 2 * 2).to(x.dtype) * (-math.log(10_000.0) / width))
        angle = place * slower
        return x + torch.where(number % 2 == 0, angle.sin(), angle.cos())


def _learned(count: int, width: Any) -> nn.Module:
    return Positions(count, int(largest(width)))


def _sines(count: int, width: Any) -> nn.Module:
    return Sines()


def _nowhere(count: int, width: Any) -> nn.Module:
    return nn.Identity()


POSITIONS: dict[str, Callable[[int, Any], nn.Module]] = {"learned": _learned, "sine": _sines, "none": _nowhere}
"""Every way of telling a token its place: (count, width) to a module that keeps the shape."""


def positions(kind: str, count: int, width: int) -> nn.Module:
    """Tell tokens their places. The kind and the width may be open.

    Raises:
        SpaceError: no way of this name; the message names the nearest.
    """
    if not isinstance(kind, OpenOption) and kind not in POSITIONS:
        raise SpaceError(f"no positions {kind!r}", hint=did_you_mean(str(kind), POSITIONS))
    return choose(kind, {name: partial(make, count, width) for name, make in POSITIONS.items()})


class ElasticTokenNorm(Elastic):
    """Layer or root-mean-square normalisation of as many values as come in."""

    def __init__(self, full: nn.LayerNorm | nn.RMSNorm) -> None:
        super().__init__()
        self.full = full

    def forward(self, x: Tensor) -> Tensor:
        width, full = x.shape[-1], self.full
        if isinstance(full, nn.RMSNorm):
            return F.rms_norm(x, (width,), full.weight[:width], full.eps)
        return F.layer_norm(x, (width,), full.weight[:width], full.bias[:width], full.eps)


TOKEN_NORMS: dict[str, Callable[[int], Any]] = {
    "layer": nn.LayerNorm,  # Ba 2016
    "rms": nn.RMSNorm,  # Zhang & Sennrich 2019
    "none": lambda width: nn.Identity(),
}
"""Normalisations of single tokens by name."""


def token_norm(name: str, width: int) -> nn.Module:
    """Return a fresh normalisation of the values of each token. Name and width may be open.

    Raises:
        SpaceError: no normalisation of tokens has this name; the message names the nearest.
    """
    if isinstance(name, OpenOption):
        return Mixed(name, {option: token_norm(str(option), width) for option in name.options})
    if name not in TOKEN_NORMS:
        raise SpaceError(f"no normalisation of tokens {name!r}", hint=did_you_mean(str(name), TOKEN_NORMS))
    plain: nn.Module = TOKEN_NORMS[name](int(largest(width)))
    return ElasticTokenNorm(plain) if is_open(width) and name != "none" else plain  # type: ignore[arg-type]


class PoolTokens(nn.Module):
    """One vector for all tokens: (n, tokens, width) to (n, width).

    Args:
        how: a key of `TOKEN_POOLINGS`.
        skipped: tokens at the start that "mean" and "max" leave out.
    """

    def __init__(self, how: str, skipped: int = 0) -> None:
        super().__init__()
        self.how, self.skipped = how, skipped

    def forward(self, x: Tensor) -> Tensor:
        return TOKEN_POOLINGS[self.how](x if self.how == "first" else x[:, self.skipped :])

    def extra_repr(self) -> str:
        return f"{self.how!r}, skipped={self.skipped}"


TOKEN_POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.mean(1),
    "max": lambda x: x.amax(1),
    "first": lambda x: x[:, 0],  # the class token, where there is one
    "last": lambda x: x[:, -1],
}
"""Every way of making one vector of tokens."""


def pool_tokens(how: str, skipped: int = 0) -> nn.Module:
    """One vector for all tokens. How may be open.

    Raises:
        SpaceError: no way of this name; the message names the nearest.
    """
    if not isinstance(how, OpenOption) and how not in TOKEN_POOLINGS:
        raise SpaceError(f"no pooling of tokens {how!r}", hint=did_you_mean(str(how), TOKEN_POOLINGS))
    return choose(how, {name: partial(PoolTokens, name, skipped) for name in TOKEN_POOLINGS})
