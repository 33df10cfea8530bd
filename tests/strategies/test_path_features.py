from itertools import product

import searchitect as sa
from searchitect.strategies.cell_graphs import graph_reader
from searchitect.strategies.path_features import path_rows
from tests.strategies.test_cell_graphs import Edges, Vertices


def test_cells_with_equal_paths_have_equal_rows_and_others_do_not():
    space = sa.SearchSpace.of(Edges)
    everything = list(space.enumerate())
    graph = graph_reader(space)
    rows = path_rows(space, graph, everything)(everything)
    for (a, first), (b, second) in product(zip(everything, rows, strict=True), repeat=2):
        same = a["edge_0_2"] == b["edge_0_2"] and (
            (a["edge_0_1"], a["edge_1_2"]) == (b["edge_0_1"], b["edge_1_2"])
            or ("none" in (a["edge_0_1"], a["edge_1_2"]) and "none" in (b["edge_0_1"], b["edge_1_2"]))
        )
        assert (first == second).all() == same


def test_paths_never_met_are_left_out():
    space = sa.SearchSpace.of(Edges)
    known = [space.architecture(Edges("none", "conv", "none"))]
    rows = path_rows(space, graph_reader(space), known)
    assert rows([*known, space.architecture(Edges("none", "skip", "none"))]).tolist() == [[1.0], [0.0]]


def test_training_decisions_are_seen_beside_the_paths():
    space = sa.SearchSpace.of(Vertices)
    slow, fast = (space.architecture(Vertices(True, True, True, "pool", rate)) for rate in (0.001, 1.0))
    first, second = path_rows(space, graph_reader(space), [slow])([slow, fast])
    assert (first != second).any()
