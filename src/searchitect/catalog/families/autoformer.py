"""Vision transformers with heads and hidden width of their own in every layer.

Chen, Peng, Fu & Ling, "AutoFormer: searching transformers for visual recognition", 2021, table 1: the scales tiny,
small and base, for patches of 16 pixels. Heads have 64 values each, so that queries, keys and values have another width
than the tokens. The network is that of the authors' code, with a class token, and the mean of all others classified;
without their relative positions, which add 7,680 parameters per layer (1.7 % of AutoFormer-T).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.catalog.token_network import token_network
from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces import TaskSpec, choice, real, repeat, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SCALES", "Scale", "autoformer"]


@dataclass(frozen=True)
class Scale:
    """What a scale of the space lets vary.

    Attributes:
        widths: values of a token.
        layers: fewest and most.
        heads: of a layer.
        ratios: hidden width of a feed-forward layer, in times of the width.
        head_width: values of a head.
    """

    widths: tuple[int, ...]
    layers: tuple[int, int]
    heads: tuple[int, ...]
    ratios: tuple[float, ...]
    head_width: int = 64


SCALES: dict[str, Scale] = {
    "mini": Scale((48, 64, 80), (2, 4), (2, 3, 4), (2.0, 3.0, 4.0), head_width=16),  # ours, for small images
    # The paper lists the ratios 3.5 and 4; the published AutoFormer-T has layers with 3 too.
    "tiny": Scale((192, 216, 240), (12, 14), (3, 4), (3.5, 4.0, 3.0)),
    "small": Scale((320, 384, 448), (12, 14), (5, 6, 7), (3.0, 3.5, 4.0)),
    "base": Scale((528, 576, 624), (14, 16), (8, 9, 10), (3.0, 3.5, 4.0)),
}
"""Every scale by name; the first of each list is the default."""


def autoformer(*, scale: str = "mini", patch: int | None = None) -> type[Any]:
    """Return the space of vision transformers. Sequences and vectors are read as by `transformer_encoder`.

    Args:
        scale: a key of `SCALES`.
        patch: side of a patch in pixels, 16 in the paper; None takes 2, doubled until an image has at most 64 patches.

    Raises:
        SpaceError: no scale has this name.
    """
    if scale not in SCALES:
        raise SpaceError(f"autoformer has no scale {scale!r}", hint=did_you_mean(str(scale), SCALES))
    sizes = SCALES[scale]

    @space
    class Block:
        heads: int = choice(*sizes.heads)
        ratio: float = choice(*sizes.ratios)

        def build(self, width: int) -> nn.Module:
            from searchitect.nn import transformer_block

            return transformer_block(width, self.heads, head_width=sizes.head_width, ratio=self.ratio)

    @space
    class AutoFormer:
        width: int = choice(*sizes.widths)
        blocks: tuple[Block, ...] = repeat(Block, *sizes.layers)
        learning_rate: float = real(1e-3, 1e-2, log=True, role="training")
        weight_decay: float = real(1e-4, 1e-1, log=True, role="training")

        def build(self, task: TaskSpec) -> nn.Module:
            from torch import nn

            blocks = nn.Sequential(*[block.build(self.width) for block in self.blocks])
            return token_network(blocks, task, "autoformer", self.width, patch=patch)

    return AutoFormer
