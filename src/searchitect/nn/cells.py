"""Cells: small graphs of maps, and the chain of cells that reads the two before.

Nodes are numbered; the first are the inputs of the cell, every further one is the sum of what its edges bring. Where
the wiring is open, an edge that the active architecture does not have is a `Gated` whose flag is down: it brings
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from searchitect.nn.mixed import Gated
from searchitect.spaces.open_values import OpenFlag

__all__ = ["Cell", "CellChain", "VertexCell", "VertexWiring"]

_ALWAYS: Mapping[int, OpenFlag] = MappingProxyType({})


class Cell(nn.Module):
    """Operations on edges, sums in nodes.

    Args:
        entries: what is done to each input of the cell; their results are nodes 0, 1, …
        edges: (node read, node written, operation), every node written after all that it reads.
        result: the nodes that are concatenated along the channels.
        shown: for a node that is concatenated by some architectures only, whether it is now.
    """

    def __init__(
        self,
        entries: Sequence[nn.Module],
        edges: Sequence[tuple[int, int, nn.Module]],
        result: Sequence[int],
        shown: Mapping[int, OpenFlag] = _ALWAYS,
    ) -> None:
        super().__init__()
        self.entries = nn.ModuleList(entries)
        self.edges = nn.ModuleList(operation for _, _, operation in edges)
        self.wiring = tuple((source, target) for source, target, _ in edges)
        self.result, self.shown = tuple(result), dict(shown)

    def forward(self, *inputs: Tensor) -> Tensor:
        nodes: dict[int, Tensor] = {i: entry(x) for i, (entry, x) in enumerate(zip(self.entries, inputs, strict=True))}
        for (source, target), operation in zip(self.wiring, self.edges, strict=True):
            if isinstance(operation, Gated) and not operation.flag.now:
                continue
            brought = operation(nodes[source])
            nodes[target] = nodes[target] + brought if target in nodes else brought
        result = [nodes[i] for i in self.result if i not in self.shown or self.shown[i].now]
        return torch.cat(result, 1) if len(result) > 1 else result[0]

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


@dataclass(frozen=True)
class VertexWiring:
    """Which nodes of a `VertexCell` there are, and what they read.

    Attributes:
        widths: inner node to its channels; nodes that are missing here are not computed.
        reads: inner node to the inner nodes that it reads.
        projected: the nodes, and "output", that read the input by a 1×1 unit.
        result: the nodes that feed the output.
    """

    widths: Mapping[int, int]
    reads: Mapping[int, Sequence[int]]
    projected: Sequence[str]
    result: Sequence[int]


class VertexCell(nn.Module):
    """Operations in nodes, as in NAS-Bench-101 (Ying et al. 2019, `model_builder.build_module`).

    A node reads the sum of the nodes before it, cut to its own number of channels, and of a 1×1 projection of the
    input. The nodes that feed the output are concatenated; a direct edge adds a projection of the input to that.

    Args:
        operations: node to its operation, nodes numbered from 1, in order; the input is 0.
        projections: node, or "output", to the 1×1 unit by which it reads the input.
        wiring: what is wired, or what returns that for the architecture that is active now.
    """

    def __init__(
        self,
        operations: Mapping[int, nn.Module],
        projections: Mapping[str, nn.Module],
        wiring: VertexWiring | Callable[[], VertexWiring],
    ) -> None:
        super().__init__()
        self.operations = nn.ModuleDict({str(node): operation for node, operation in operations.items()})
        self.projections = nn.ModuleDict(projections)
        self.wiring = wiring

    def forward(self, x: Tensor) -> Tensor:
        wired = self.wiring if isinstance(self.wiring, VertexWiring) else self.wiring()
        nodes: dict[int, Tensor] = {}
        for name, operation in self.operations.items():
            node = int(name)
            if node not in wired.widths:
                continue
            read = [nodes[i][:, : wired.widths[node]] for i in wired.reads[node]]
            if name in wired.projected:
                read.append(self.projections[name](x))
            nodes[node] = operation(_total(read))
        joined = [torch.cat([nodes[i] for i in wired.result], 1)] if wired.result else []
        if "output" in wired.projected:
            joined.append(self.projections["output"](x))
        return _total(joined)


def _total(tensors: list[Tensor]) -> Tensor:
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total
