from __future__ import annotations

import torch
from torch import nn

from searchitect.report.graph import Edge, Graph, graph_of


def edges(graph: Graph) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph.edges}


class Residual(nn.Module):
    def __init__(self, in_place: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=in_place)
        self.second = nn.Conv2d(4, 4, 3, padding=1, stride=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(self.relu(self.first(x)))
        y += x
        return y


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(2 + 3 * i, 3, 1) for i in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = [x]
        for conv in self.convs:
            nodes.append(conv(torch.cat(nodes, dim=1)))
        return torch.cat(nodes, 1).flatten(1)


def test_a_plain_model_is_a_chain_with_shapes_parameters_and_labels() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10)
    )
    graph = graph_of(model, (torch.zeros(1, 1, 8, 8),))
    assert [n.name for n in graph.nodes] == ["input", "0", "1", "2", "3", "4", "output"]
    assert edges(graph) == {("input", "0"), ("0", "1"), ("1", "2"), ("2", "3"), ("3", "4"), ("4", "output")}
    assert [n.shape for n in graph.nodes] == [(1, 8, 8), (8, 4, 4), (8, 4, 4), (8, 4, 4), (128,), (10,), (10,)]
    assert [n.parameters for n in graph.nodes] == [0, 80, 16, 0, 0, 1290, 0]
    assert graph.nodes[1].label == "Conv2d 3×3, 1 → 8, stride 2"
    assert [n.kind for n in graph.nodes[1:6]] == ["convolution", "normalisation", "activation", "reshape", "linear"]
    assert graph.traced


def test_a_residual_connection_is_an_edge_into_the_sum_even_in_place() -> None:
    for in_place in (False, True):
        graph = graph_of(Residual(in_place), (torch.zeros(1, 4, 6, 6),))
        chain = {("input", "first"), ("first", "relu"), ("relu", "second")}
        assert edges(graph) == chain | {("second", "add_1"), ("input", "add_1"), ("add_1", "output")}
        assert {n.name: n.kind for n in graph.nodes}["add_1"] == "merge"


def test_dense_connections_reach_every_later_concatenation() -> None:
    graph = graph_of(Dense(), (torch.zeros(1, 2, 4, 4),))
    into = {name: {a for a, b in edges(graph) if b == name} for name in ("cat_1", "cat_2", "cat_3", "cat_4")}
    # `cat` of one tensor alone is still a call of its own
    assert into["cat_1"] == {"input"}
    assert into["cat_2"] == {"input", "convs.0"}
    assert into["cat_3"] == {"input", "convs.0", "convs.1"}
    assert into["cat_4"] == {"input", "convs.0", "convs.1", "convs.2"}
    assert {n.name: n.shape for n in graph.nodes}["flatten_1"] == (11 * 16,)


def test_a_module_used_twice_has_two_nodes_and_counts_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.fc(x))

    graph = graph_of(Twice(), (torch.zeros(1, 3),))
    assert [(n.name, n.parameters) for n in graph.nodes[1:3]] == [("fc", 12), ("fc:2", 0)]
    assert edges(graph) == {("input", "fc"), ("fc", "fc:2"), ("fc:2", "output")}


def test_control_flow_two_inputs_and_structures_are_followed() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 4), nn.Linear(3, 4)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
            if float(x.sum()) > 1e9:
                raise RuntimeError
            left, right = (self.a(x) * self.b(y)).chunk(2, dim=1)
            return {"scores": torch.cat([left, right], 1)}

    graph = graph_of(Branching(), (torch.zeros(2, 2), torch.zeros(2, 3)))
    assert ("input_1", "a") in edges(graph)
    assert ("input_2", "b") in edges(graph)
    assert {("a", "mul_1"), ("b", "mul_1"), ("cat_1", "output")} <= edges(graph)


def test_a_model_that_does_not_run_is_listed_instead() -> None:
    graph = graph_of(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), (torch.zeros(1, 99),))
    assert not graph.traced
    assert [n.name for n in graph.nodes] == ["input", "0", "1", "output"]
    assert edges(graph) == {("input", "0"), ("0", "1"), ("1", "output")}


def test_the_preprocessing_of_a_task_is_one_node() -> None:
    class Preprocessed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.preprocess = nn.Sequential(nn.Identity(), nn.BatchNorm1d(3))
            self.body = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(self.preprocess(x))

    graph = graph_of(Preprocessed(), (torch.zeros(1, 3),))
    assert [(n.name, n.kind) for n in graph.nodes[1:3]] == [("preprocess", "preprocess"), ("body", "linear")]


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    model[1].eval()
    before = (
        [m.training for m in model.modules()],
        torch.get_rng_state(),
        {k: v.clone() for k, v in model.state_dict().items()},
    )
    graph_of(model, (torch.ones(2, 2),))
    assert [m.training for m in model.modules()] == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert all(torch.equal(v, before[2][k]) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_edges_point_forward_and_name_existing_nodes() -> None:
    graph = graph_of(nn.Sequential(Residual(), Residual()), (torch.zeros(1, 4, 6, 6),))
    place = {n.name: i for i, n in enumerate(graph.nodes)}
    assert len(place) == len(graph.nodes)
    assert all(place[e.source] < place[e.target] for e in graph.edges)
    assert Edge("add_1", "1.first") in graph.edges
