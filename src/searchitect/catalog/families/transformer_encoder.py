"""Transformer encoders whose layers are all alike: for images (patches), sequences and vectors.

Vaswani et al., "Attention is all you need", 2017; Dosovitskiy et al., "An image is worth 16×16 words", 2021. With
patches of 16 pixels, 12 layers and four times the width between the maps it is DeiT (Touvron et al., "Training
data-efficient image transformers", 2021): width 192 with 3 heads has the 5,717,416 parameters of DeiT-Ti for 1,000
classes, 384 with 6 the 22,050,664 of DeiT-S, 768 with 12 the 86,567,656 of DeiT-B.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from searchitect.catalog.token_network import token_network
from searchitect.errors import SpaceError
from searchitect.spaces import TaskSpec, choice, real, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["transformer_encoder"]


def transformer_encoder(
    *,
    depths: Sequence[int] = (2, 1, 3, 4),
    widths: Sequence[int] = (64, 32, 96),
    head_counts: Sequence[int] = (4, 2, 8),
    head_width: int | None = None,
    ratios: Sequence[float] = (2.0, 1.0, 4.0),
    activations: Sequence[str] = ("gelu", "relu", "silu"),
    normalisations: Sequence[str] = ("layer", "rms"),
    dropouts: Sequence[float] = (0.1, 0.0, 0.2),
    poolings: Sequence[str] = ("mean", "first", "max"),
    positions: str = "learned",
    patch: int | None = None,
) -> type[Any]:
    """Return the space of transformer encoders. The first of each list is the default.

    Args:
        depths: layers.
        widths: values of a token.
        head_counts: heads of the attention.
        head_width: values of a head; None shares the width among the heads, which must divide it.
        ratios: hidden width of the feed-forward layer, in times of the width.
        activations: keys of `nn.ACTIVATIONS`.
        normalisations: keys of `nn.TOKEN_NORMS`.
        dropouts: after attention and feed-forward layers, and before the classifier.
        poolings: keys of `nn.TOKEN_POOLINGS`; there is a class token where "first" is among them.
        positions: a key of `nn.POSITIONS`.
        patch: side of a patch in pixels; None takes 2, doubled until an image has at most 64 patches.

    Raises:
        SpaceError: a number of heads does not divide a width.
    """
    if head_width is None:
        check_heads(widths, head_counts)

    @space
    class TransformerEncoder:
        layers: int = choice(*depths)
        width: int = choice(*widths)
        heads: int = choice(*head_counts)
        ratio: float = choice(*ratios)
        activation: str = choice(*activations)
        norm: str = choice(*normalisations)
        dropout: float = choice(*dropouts)
        pooling: str = choice(*poolings)
        learning_rate: float = real(1e-3, 1e-2, log=True, role="training")
        weight_decay: float = real(1e-4, 1e-1, log=True, role="training")

        def build(self, task: TaskSpec) -> nn.Module:
            words = {"patch": patch, "place": positions, "has_class_token": "first" in poolings}
            return _build(self, task, head_width, words)

    return TransformerEncoder


def check_heads(widths: Sequence[int], heads: Sequence[int]) -> None:
    """Refuse heads that cannot share a width.

    Raises:
        SpaceError: naming the first such pair and what to do.
    """
    for width, number in product(widths, heads):
        if number < 1 or width % number:
            fitting = [n for n in range(1, min(widths) + 1) if all(w % n == 0 for w in widths)]
            raise SpaceError(
                f"transformer_encoder: {number} heads do not divide a width of {width}",
                hint=f"heads that divide every width: {', '.join(map(str, fitting))}; or give head_width=…",
            )


def _build(encoder: Any, task: TaskSpec, head_width: int | None, words: dict[str, Any]) -> nn.Module:
    from searchitect.nn import chain, transformer_block

    def block(number: int) -> nn.Module:
        return transformer_block(
            encoder.width,
            encoder.heads,
            head_width=head_width,
            ratio=encoder.ratio,
            activation=encoder.activation,
            norm=encoder.norm,
            dropout=encoder.dropout,
        )

    return token_network(
        chain(encoder.layers, block),
        task,
        "transformer_encoder",
        encoder.width,
        norm=encoder.norm,
        pooling=encoder.pooling,
        dropout=encoder.dropout,
        **words,
    )
