"""The micro space of TransNAS-Bench-101: one cell in a fixed skeleton.

Duan, Chen, Xu, Chen, Liang, Zhang & Li, "TransNAS-Bench-101: improving transferability and generalizability of
cross-task neural architecture search", 2021. Six edges with one of four operations: 4,096 cells. The skeleton is
41414: five modules of two cells, the first, third and fifth of which double the channels and halve the map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.catalog.cell_strings import CELL_EDGES, edge_name
from searchitect.catalog.edge_cells import edge_cell, exact_form, representative
from searchitect.catalog.transnas_network import transnas_network
from searchitect.spaces import Architecture, TaskSpec, choice, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["transnas_micro"]

OPTIONS = ("nor_conv_3x3", "skip_connect", "nor_conv_1x1", "none")
SKELETON = (4, 1, 4, 1, 4)


def transnas_micro(*, cells: int = 2, channels: int = 64) -> type[Any]:
    """Return the space of TransNAS-Bench-101 cells. Conversions: `from_transnas_string`, `to_transnas_string`.

    Args:
        cells: cells per module.
        channels: at the end of the stem.
    """

    @space
    class TransNASMicro:
        edge_0_1: str = choice(*OPTIONS)
        edge_0_2: str = choice(*OPTIONS)
        edge_1_2: str = choice(*OPTIONS)
        edge_0_3: str = choice(*OPTIONS)
        edge_1_3: str = choice(*OPTIONS)
        edge_2_3: str = choice(*OPTIONS)

        @staticmethod
        def canonical(architecture: Architecture) -> Architecture:
            return representative(architecture, OPTIONS, exact_form)

        def build(self, task: TaskSpec) -> nn.Module:
            operations = [getattr(self, edge_name(edge)) for edge in CELL_EDGES]

            def block(inputs: int, outputs: int, stride: int) -> nn.Module:
                return edge_cell(operations, inputs, outputs, stride)

            return transnas_network(SKELETON, block, task, "transnas_micro", cells, channels)

    return TransNASMicro
