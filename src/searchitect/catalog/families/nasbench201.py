"""The cell space of NAS-Bench-201, also called the topology space of NATS-Bench.

Dong & Yang, "NAS-Bench-201: extending the scope of reproducible neural architecture search", 2020; Dong, Liu, Musial &
Gabrys, "NATS-Bench", 2021. Six edges with one of five operations: 15,625 cells, 6,466 of them different by the authors'
rule. The network: a 3×3 stem, three stages of `cells` equal cells with 1, 2 and 4 times `channels`, a residual block
that halves the map before the second and the third. With the default parameters it has exactly the parameters and the
multiply-adds of the published table (`benchmarks/nasbench201_exact.py` compares all 15,625).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.catalog.cell_strings import CELL_EDGES, NATS_OPERATIONS, edge_name
from searchitect.catalog.edge_cells import edge_cell, published_form, representative
from searchitect.catalog.inputs import image_shape
from searchitect.spaces import Architecture, TaskSpec, choice, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["nasbench201"]

STAGES = 3


def nasbench201(*, cells: int = 5, channels: int = 16) -> type[Any]:
    """Return the space of NAS-Bench-201 cells. Conversions: `from_nats_string`, `to_nats_string`.

    Args:
        cells: cells per stage.
        channels: channels of the first stage.
    """

    @space
    class NASBench201:
        edge_0_1: str = choice(*NATS_OPERATIONS)
        edge_0_2: str = choice(*NATS_OPERATIONS)
        edge_1_2: str = choice(*NATS_OPERATIONS)
        edge_0_3: str = choice(*NATS_OPERATIONS)
        edge_1_3: str = choice(*NATS_OPERATIONS)
        edge_2_3: str = choice(*NATS_OPERATIONS)

        @staticmethod
        def canonical(architecture: Architecture) -> Architecture:
            return representative(architecture, NATS_OPERATIONS, published_form)

        def build(self, task: TaskSpec) -> nn.Module:
            return _build([getattr(self, edge_name(edge)) for edge in CELL_EDGES], task, cells, channels)

    return NASBench201


def _build(operations: list[str], task: TaskSpec, cells: int, channels: int) -> nn.Module:
    from torch import nn

    from searchitect.nn import classifier, conv, halved, strided

    inputs, size = image_shape(task, "nasbench201")
    parts: list[nn.Module] = [conv(inputs, channels, 3, bias=False), nn.BatchNorm2d(channels)]
    width = channels
    for stage in range(STAGES):
        if stage > 0:
            stride = 2 if halved(size, smallest=2) else 1
            parts.append(_reduction(width, 2 * width, stride))
            width, size = 2 * width, strided(size, stride)
        parts += [edge_cell(operations, width, width) for _ in range(cells)]
    return nn.Sequential(*parts, nn.BatchNorm2d(width), nn.ReLU(), classifier((width, *size), task.outputs))


def _reduction(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Two preactivated 3×3 convolutions, the first with the stride, beside a pooled 1×1 convolution."""
    from torch import nn

    from searchitect.nn import Residual, conv, preactivated_conv

    body = nn.Sequential(preactivated_conv(inputs, outputs, stride), preactivated_conv(outputs, outputs))
    pool = [nn.AvgPool2d(stride, stride, ceil_mode=True)] if stride > 1 else []
    return Residual(body, nn.Sequential(*pool, conv(inputs, outputs, 1, bias=False)), nn.Identity())
