from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from searchitect.report.drawing import HEIGHT, MAX_BOXES, WIDTH, Box, draw
from searchitect.report.graph import Edge, Graph, Node


def graph(kinds: list[tuple[str, str]], edges: list[tuple[str, str]]) -> Graph:
    nodes = tuple(Node(name, name.upper(), kind, (4, 8, 8), 10) for name, kind in kinds)
    return Graph(nodes, tuple(Edge(a, b) for a, b in edges))


RESIDUAL = graph(
    [
        ("in", "input"),
        ("conv", "convolution"),
        ("norm", "normalisation"),
        ("act", "activation"),
        ("last", "convolution"),
        ("add", "merge"),
        ("out", "output"),
    ],
    [
        ("in", "conv"),
        ("conv", "norm"),
        ("norm", "act"),
        ("act", "last"),
        ("last", "add"),
        ("in", "add"),
        ("add", "out"),
    ],
)


def test_normalisation_and_activation_are_written_into_the_box_they_follow() -> None:
    drawing = draw(RESIDUAL)
    assert [box.name for box in drawing.boxes] == ["in", "conv", "last", "add", "out"]
    assert drawing.boxes[1].followers == ["NORM", "ACT"]
    assert drawing.boxes[1].parameters == 30


def test_a_residual_connection_is_the_one_curve_that_skips() -> None:
    drawing = draw(RESIDUAL)
    assert [curve.skip for curve in drawing.curves] == [False, False, False, False, True]
    assert drawing.width > WIDTH


def test_an_activation_that_two_others_read_keeps_its_own_box() -> None:
    shared = graph(
        [("in", "input"), ("c", "convolution"), ("a", "activation"), ("x", "linear"), ("y", "linear")],
        [("in", "c"), ("c", "a"), ("a", "x"), ("a", "y"), ("c", "y")],
    )
    assert "a" in [box.name for box in draw(shared).boxes]


def test_branches_stand_side_by_side_and_never_overlap() -> None:
    branches = graph(
        [("in", "input"), ("a", "convolution"), ("b", "convolution"), ("c", "pooling"), ("cat", "merge")],
        [("in", "a"), ("in", "b"), ("in", "c"), ("a", "cat"), ("b", "cat"), ("c", "cat")],
    )
    boxes = draw(branches).boxes
    assert len({box.y for box in boxes[1:4]}) == 1
    assert not overlapping(list(boxes))


def test_a_label_and_the_shape_beside_it_never_meet() -> None:
    grouped = Node("a", "Conv2d 5×5, 64 → 64, groups=64", "convolution", (64, 4, 4), 1600)
    nodes = [grouped, Node("b", "x" * 60, "layer", (10,), 0)]
    for box in draw(Graph(tuple(nodes), ())).boxes:
        assert len(box.head) + len(box.shape) <= 31
        assert box.head.endswith("…")


def test_very_large_graphs_are_cut_and_say_so() -> None:
    names = [(f"n{i}", "linear") for i in range(MAX_BOXES + 40)]
    chain = graph(names, [(a, b) for (a, _), (b, _) in pairwise(names)])
    drawing = draw(chain)
    assert len(drawing.boxes) == MAX_BOXES
    assert drawing.omitted == 40


def test_an_empty_graph_is_an_empty_drawing() -> None:
    assert draw(Graph((), ())).boxes == ()


@given(st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda e: e[0] < e[1]), max_size=30))
def test_every_edge_points_down_and_no_boxes_overlap(pairs: set[tuple[int, int]]) -> None:
    nodes = [(f"n{i}", "linear") for i in range(12)]
    edges = [(f"n{a}", f"n{b}") for a, b in sorted(pairs)]
    drawing = draw(graph(nodes, edges))
    place = {box.name: box for box in drawing.boxes}
    assert all(place[a].y < place[b].y for a, b in edges)
    assert len(drawing.curves) == len(edges)
    assert not overlapping(list(drawing.boxes))
    assert all(box.x >= 0 and box.x + WIDTH <= drawing.width for box in drawing.boxes)


def overlapping(boxes: list[Box]) -> bool:
    return any(abs(a.x - b.x) < WIDTH and abs(a.y - b.y) < HEIGHT for i, a in enumerate(boxes) for b in boxes[i + 1 :])
