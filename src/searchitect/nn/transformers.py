"""Self-attention, the feed-forward layer beside it, and the block of both, for tokens (n, tokens, width).

Vaswani et al., "Attention is all you need", 2017, section 3.2; the normalisation comes first (Xiong et al., "On layer
normalization in the transformer architecture", 2020). Width, heads, head width and hidden width may be open: queries,
keys and values are sliced head by head (Chen et al., "AutoFormer", 2021).
"""

from __future__ import annotations

from itertools import product
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import SpaceError
from searchitect.nn.activations import activation as make_activation
from searchitect.nn.connections import Residual
from searchitect.nn.elastic import is_open, now
from searchitect.nn.elastic_blocks import from_blocks, into_blocks
from searchitect.nn.regularisation import drop_path as make_drop_path, dropout as make_dropout
from searchitect.nn.tokens import token_norm
from searchitect.nn.units import fully_connected
from searchitect.spaces.open_values import OpenNumber

__all__ = ["Attention", "attention", "feed_forward", "transformer_block"]


class Attention(nn.Module):
    """Scaled dot-product self-attention; made by `attention`.

    Args:
        inward: to queries, keys and values of all heads, in this order: 3 × heads × head width.
        outward: from heads × head width.
        heads: how many; may be open.
    """

    def __init__(self, inward: nn.Module, outward: nn.Module, heads: Any) -> None:
        super().__init__()
        self.inward, self.outward, self.heads = inward, outward, heads

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = self._split(x)
        read = F.scaled_dot_product_attention(queries, keys, values)
        result: Tensor = self.outward(read.transpose(1, 2).flatten(2))
        return result

    def weights(self, x: Tensor) -> Tensor:
        """How much each token reads of each: (n, heads, tokens, tokens), rows sum to 1; `forward` does not say."""
        queries, keys, _ = self._split(x)
        weights: Tensor = (queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(-1)
        return weights

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of all heads, each (n, heads, tokens, head width)."""
        count, tokens, _ = x.shape
        split = self.inward(x).reshape(count, tokens, 3, int(now(self.heads)), -1)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        return queries, keys, values


def attention(width: int, heads: int, *, head_width: int | None = None, bias: bool = True) -> nn.Module:
    """Self-attention: (n, tokens, width) to (n, tokens, width).

    Args:
        width: values of a token; may be open.
        heads: may be open.
        head_width: values of a head; width / heads where none is given. May be open. An open width or number of heads
            costs least with a plain head width: without one the supernet keeps the widest head for the most heads.
        bias: of queries, keys and values; the outward map always has one.

    Raises:
        SpaceError: the heads do not divide the width (the message has both numbers and what to do), or a number is
            below one.
    """
    if head_width is None:
        head_width = _shared_out(width, heads)
    for name, number in {"width": width, "heads": heads, "head_width": head_width}.items():
        if (number.smallest if isinstance(number, OpenNumber) else number) < 1:
            raise SpaceError(f"attention needs {name} of at least 1, got {number}")
    inward = into_blocks(width, 3, heads, head_width, bias=bias)
    return Attention(inward, from_blocks(heads, head_width, width), heads)


def feed_forward(width: int, hidden: int, *, activation: str = "gelu", dropout: float = 0.0) -> nn.Module:
    """Two linear maps of every token, an activation between them. Any argument may be open.

    Args:
        hidden: values between the two; four times `width` in most papers.
        dropout: after the activation and after the second map.
    """
    parts = [fully_connected(width, hidden), make_activation(activation), make_dropout(dropout)]
    return nn.Sequential(*parts, fully_connected(hidden, width), make_dropout(dropout))


def transformer_block(
    width: int,
    heads: int,
    *,
    head_width: int | None = None,
    ratio: float = 4.0,
    activation: str = "gelu",
    norm: str = "layer",
    dropout: float = 0.0,
    drop_path: float = 0.0,
) -> nn.Module:
    """Attention, then a feed-forward layer, each normalised before and added to what it read: one block.

    Args:
        width, heads, head_width: as for `attention`.
        ratio: hidden width of the feed-forward layer, in times of `width`, rounded down; may be open.
        activation, dropout: of the feed-forward layer, dropout also after the attention; may be open.
        norm: a key of `TOKEN_NORMS`; may be open.
        drop_path: rate of stochastic depth of both branches.

    Raises:
        SpaceError: as `attention`, or a name is unknown.
    """
    hidden: Any = width * ratio
    reading = attention(width, heads, head_width=head_width)
    thinking = feed_forward(width, hidden if is_open(hidden) else int(hidden), activation=activation, dropout=dropout)
    branches = [(reading, make_dropout(dropout)), (thinking,)]
    return nn.Sequential(
        *(
            Residual(
                nn.Sequential(token_norm(norm, width), *branch, make_drop_path(drop_path)), nn.Identity(), nn.Identity()
            )
            for branch in branches
        )
    )


def _shared_out(width: Any, heads: Any) -> Any:
    """The head width where heads share the width."""
    for some, number in product(_candidates(width), _candidates(heads)):
        # Open numbers of the same decisions do not occur in every combination; the concrete build still checks.
        if number >= 1 and some % number and not _related(width, heads):
            divisors = ", ".join(str(n) for n in range(1, int(some) + 1) if some % n == 0)
            raise SpaceError(
                f"{number} heads do not divide a width of {some}",
                hint=f"take a number of heads that does ({divisors}), or say head_width=… "
                f"({max(int(some) // int(number), 1)} values each come nearest)",
            )
    return (heads * 0 + width) // heads  # a plain width, too, has to become an open number over open heads


def _candidates(number: Any) -> tuple[Any, ...]:
    return number.candidates if isinstance(number, OpenNumber) else (number,)


def _related(first: Any, second: Any) -> bool:
    return is_open(first) and is_open(second) and bool(set(first.paths) & set(second.paths))
