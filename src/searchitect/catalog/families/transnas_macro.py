"""The macro space of TransNAS-Bench-101: where a residual network widens and where it halves the map.

Duan et al. 2021. Four to six modules of two residual blocks; each module keeps the shape (1), doubles the channels (2),
halves the map (3) or does both (4). Channels are doubled one to three times, maps halved one to four times: 3,256
networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.catalog.transnas_network import transnas_network
from searchitect.spaces import TaskSpec, choice, constraint, repeat, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["transnas_macro"]


def transnas_macro(*, blocks: int = 2, channels: int = 64) -> type[Any]:
    """Return the space of TransNAS-Bench-101 networks. Conversions: `from_transnas_string`, `to_transnas_string`.

    Args:
        blocks: residual blocks per module.
        channels: at the end of the stem.
    """

    @space
    class TransNASMacro:
        modules: tuple[int, ...] = repeat(choice(4, 1, 2, 3), 4, 6)

        @constraint("modules")
        def widened_and_halved(self) -> bool:
            """channels are doubled one to three times and maps halved one to four times"""
            doubled, halved = (sum(kind in which for kind in self.modules) for which in ((2, 4), (3, 4)))
            return 1 <= doubled <= 3 and 1 <= halved <= 4

        def build(self, task: TaskSpec) -> nn.Module:
            return transnas_network(self.modules, _residual, task, "transnas_macro", blocks, channels)

    return TransNASMacro


def _residual(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Two preactivated 3×3 convolutions beside the identity, or a projection where the shape changes."""
    from torch import nn

    from searchitect.nn import Residual, conv_unit, preactivated_conv

    body = nn.Sequential(preactivated_conv(inputs, outputs, stride), preactivated_conv(outputs, outputs))
    same = stride == 1 and inputs == outputs
    shortcut = nn.Identity() if same else conv_unit(inputs, outputs, 1, stride=stride, activation="identity")
    return Residual(body, shortcut, nn.Identity())
