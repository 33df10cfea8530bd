from __future__ import annotations

import torch
from torch.nn import Identity, Sequential

from searchitect import nn


class Times(torch.nn.Module):
    """Multiplies, so that sums of paths can be read off the result."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def test_a_node_is_the_sum_of_what_its_edges_bring():
    edges = [
        (0, 1, Times(2)),
        (0, 2, Times(3)),
        (1, 2, Times(5)),
        (0, 3, Times(7)),
        (1, 3, Times(11)),
        (2, 3, Times(13)),
    ]
    cell = nn.Cell([Identity()], edges, (3,))
    x = torch.ones(1, 1, 2, 2)
    assert torch.equal(cell(x), x * (7 + 2 * 11 + (3 + 2 * 5) * 13))


def test_a_cell_of_two_inputs_concatenates_its_result():
    cell = nn.Cell([Times(2), Times(3)], [(0, 2, Identity()), (1, 2, Identity()), (1, 3, Times(10))], (2, 3))
    result = cell(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1) * 100)
    assert result.flatten().tolist() == [302.0, 3000.0]


def test_a_chain_hands_the_results_of_the_two_cells_before_on():
    adding = [
        nn.Cell([Identity(), Times(factor)], [(0, 2, Identity()), (1, 2, Identity())], (2,)) for factor in (10, 100)
    ]
    result = nn.CellChain(Times(1), adding)(torch.ones(1, 1, 1, 1))
    assert result.item() == 1 + 100 * (1 + 10)  # the second reads the stem and the first


def test_a_vertex_reads_cut_inner_nodes_and_the_projected_input():
    cell = nn.VertexCell(
        {1: Times(2), 2: Times(3)},
        {"1": Sequential(Cut(2)), "2": Sequential(Cut(1)), "output": Sequential(Cut(3))},
        nn.VertexWiring({1: 2, 2: 1}, {1: [], 2: [1]}, ("1", "2", "output"), [1, 2]),
    )
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    # node 1: 2·(1, 2); node 2: 3·(first of node 1 + 1); the output: both, and the input
    assert cell(x).flatten().tolist() == [2.0 + 1, 4.0 + 2, 3 * (2.0 + 1) + 3]


class Cut(torch.nn.Module):
    """The first channels."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, : self.count]
