"""Cells: small graphs of maps, and the chain of cells that reads the two before.

Nodes are numbered; the first are the inputs of the cell, every further one is the sum of what its edges bring.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Cell", "CellChain", "VertexCell"]


class Cell(nn.Module):
    """Operations on edges, sums in nodes.

    Args:
        entries: what is done to each input of the cell; their results are nodes 0, 1, …
        edges: (node read, node written, operation), every node written after all that it reads.
        result: the nodes that are concatenated along the channels.
    """

    def __init__(
        self, entries: Sequence[nn.Module], edges: Sequence[tuple[int, int, nn.Module]], result: Sequence[int]
    ) -> None:
        super().__init__()
        self.entries = nn.ModuleList(entries)
        self.edges = nn.ModuleList(operation for _, _, operation in edges)
        self.wiring = tuple((source, target) for source, target, _ in edges)
        self.result = tuple(result)

    def forward(self, *inputs: Tensor) -> Tensor:
        nodes: dict[int, Tensor] = {i: entry(x) for i, (entry, x) in enumerate(zip(self.entries, inputs, strict=True))}
        for (source, target), operation in zip(self.wiring, self.edges, strict=True):
            brought = operation(nodes[source])
            nodes[target] = nodes[target] + brought if target in nodes else brought
        return torch.cat([nodes[i] for i in self.result], 1) if len(self.result) > 1 else nodes[self.result[0]]

    def extra_repr(self) -> str:
        return f"wiring={self.wiring}, result={self.result}"


class CellChain(nn.Module):
    """A stem and cells, each of which reads the results of the two before it (Zoph et al. 2018)."""

    def __init__(self, stem: nn.Module, cells: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stem, self.cells = stem, nn.ModuleList(cells)

    def forward(self, x: Tensor) -> Tensor:
        last: Tensor = self.stem(x)
        before = last
        for cell in self.cells:
            before, last = last, cell(before, last)
        return last


class VertexCell(nn.Module):
    """Operations in nodes, as in NAS-Bench-101 (Ying et al. 2019, `model_builder.build_module`).

    A node reads the sum of the nodes before it, cut to its own number of channels, and of a 1×1 projection of the
    input. The nodes that feed the output are concatenated; a direct edge adds a projection of the input to that.

    Args:
        operations: node to its operation, nodes numbered from 1, in order; the input is 0.
        widths: node to its channels.
        reads: node to the inner nodes that it reads.
        projections: node, or "output", to the 1×1 unit by which it reads the input.
        result: the nodes that feed the output.
    """

    def __init__(
        self,
        operations: dict[int, nn.Module],
        widths: dict[int, int],
        reads: dict[int, Sequence[int]],
        projections: dict[str, nn.Module],
        result: Sequence[int],
    ) -> None:
        super().__init__()
        self.operations = nn.ModuleDict({str(node): operation for node, operation in operations.items()})
        self.projections = nn.ModuleDict(projections)
        self.widths, self.reads = dict(widths), {node: tuple(read) for node, read in reads.items()}
        self.result = tuple(result)

    def forward(self, x: Tensor) -> Tensor:
        nodes: dict[str, Tensor] = {}
        for node, operation in self.operations.items():
            read = [nodes[str(i)][:, : self.widths[int(node)]] for i in self.reads[int(node)]]
            if node in self.projections:
                read.append(self.projections[node](x))
            nodes[node] = operation(_total(read))
        joined = [torch.cat([nodes[str(i)] for i in self.result], 1)] if self.result else []
        if "output" in self.projections:
            joined.append(self.projections["output"](x))
        return _total(joined)


def _total(tensors: list[Tensor]) -> Tensor:
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total
