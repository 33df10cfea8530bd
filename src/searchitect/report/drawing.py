"""A graph placed on paper: boxes in layers from top to bottom, skip connections as curves in lanes at the right.

Normalisation, activation and the like are written into the box of the operation they follow, so that a network of
a hundred modules stays readable. Layers are longest paths from the inputs; no library is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from searchitect.report.graph import Edge, Graph, Node
from searchitect.report.numbers import number

__all__ = ["Box", "Curve", "Drawing", "draw"]

WIDTH, HEIGHT, GAP_X, GAP_Y = 272, 44, 24, 20
LANE = 13
MAX_BOXES = 160
MAX_LABEL, MAX_DETAIL = 29, 29
LINE = 31
"""Characters of a label and a shape that fit beside each other, in a wide typeface."""
_FOLLOWERS = ("normalisation", "activation", "regularisation", "reshape")


@dataclass(slots=True)
class Box:
    """One rectangle; `x`, `y` are its upper left corner in pixels."""

    name: str
    kind: str
    label: str
    shape: str
    parameters: int
    followers: list[str] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def head(self) -> str:
        """The label, cut to fit beside the shape."""
        return _cut(self.label, min(MAX_LABEL, LINE - len(self.shape)))

    @property
    def detail(self) -> str:
        """What follows the operation inside the same box."""
        return _cut(" · ".join(self.followers), MAX_DETAIL)

    @property
    def full(self) -> str:
        """Everything, for the tooltip."""
        return f"{self.name}: " + " · ".join([self.label, *self.followers])

    @property
    def weight(self) -> str:
        return f"{number(self.parameters, 'parameters')} parameters" if self.parameters else ""


@dataclass(frozen=True, slots=True)
class Curve:
    """An SVG path; `skip` marks a connection that jumps over layers."""

    path: str
    skip: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes and curves with the size of the paper in pixels.

    Attributes:
        omitted: boxes of a very large graph that are left out.
    """

    width: float
    height: float
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]
    traced: bool = True
    omitted: int = 0


def draw(graph: Graph) -> Drawing:
    """Place a graph. Very large graphs are cut after `MAX_BOXES` boxes, and say so."""
    boxes, edges = _condensed(graph)
    kept = boxes[:MAX_BOXES]
    names = {box.name for box in kept}
    edges = [e for e in edges if e.source in names and e.target in names]
    layers = _layers(kept, edges)
    rows = _rows(kept, layers, edges)
    widest = max((len(row) for row in rows), default=1)
    paper = widest * (WIDTH + GAP_X) - GAP_X
    for depth, row in enumerate(rows):
        left = (paper - (len(row) * (WIDTH + GAP_X) - GAP_X)) / 2
        for place, box in enumerate(row):
            box.x, box.y = left + place * (WIDTH + GAP_X), depth * (HEIGHT + GAP_Y)
    curves, right = _curves({box.name: box for box in kept}, edges, layers)
    height = len(rows) * (HEIGHT + GAP_Y) - GAP_Y
    width = max(paper, right + 4)
    return Drawing(width, max(0, height), tuple(kept), curves, graph.traced, len(boxes) - len(kept))


def _condensed(graph: Graph) -> tuple[list[Box], list[Edge]]:
    """Fold each follower into the box before it, where that is the only way in and the only way on."""
    ways_in = Counter(edge.target for edge in graph.edges)
    ways_out = Counter(edge.source for edge in graph.edges)
    before = {edge.target: edge.source for edge in graph.edges}
    home: dict[str, Box] = {}
    boxes: list[Box] = []
    for node in graph.nodes:
        previous = before.get(node.name, "")
        host = home.get(previous)
        alone = ways_in[node.name] == 1 and ways_out[previous] == 1
        if node.kind in _FOLLOWERS and host is not None and alone and host.kind not in ("input", "preprocess"):
            host.followers.append(node.label)
            host.shape, host.parameters = _shape(node) or host.shape, host.parameters + node.parameters
            home[node.name] = host
        else:
            label = "preprocessing" if node.kind == "preprocess" else node.label
            box = Box(node.name, node.kind, label, _shape(node), node.parameters)
            home[node.name] = box
            boxes.append(box)
    pairs = {(home[e.source].name, home[e.target].name): None for e in graph.edges}
    return boxes, [Edge(a, b) for a, b in pairs if a != b]


def _layers(boxes: Sequence[Box], edges: Sequence[Edge]) -> dict[str, int]:
    """Longest path from an input; boxes come in the order in which they ran, so one pass is enough."""
    into: dict[str, list[str]] = {box.name: [] for box in boxes}
    for edge in edges:
        into[edge.target].append(edge.source)
    depth: dict[str, int] = {}
    for box in boxes:
        depth[box.name] = max((depth.get(source, 0) + 1 for source in into[box.name]), default=0)
    return depth


def _rows(boxes: Sequence[Box], layers: dict[str, int], edges: Sequence[Edge]) -> list[list[Box]]:
    """Boxes per layer, ordered by where their sources stand (one barycentre pass against crossings)."""
    into: dict[str, list[str]] = {}
    for edge in edges:
        into.setdefault(edge.target, []).append(edge.source)
    rows: list[list[Box]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for box in boxes:
        rows[layers[box.name]].append(box)
    place: dict[str, float] = {}
    for row in rows:
        row.sort(key=lambda box: _mean([place[s] for s in into.get(box.name, ()) if s in place]))
        for i, box in enumerate(row):
            place[box.name] = i - (len(row) - 1) / 2
    return rows


def _curves(boxes: dict[str, Box], edges: Sequence[Edge], layers: dict[str, int]) -> tuple[tuple[Curve, ...], float]:
    """Neighbouring layers are joined directly; longer jumps take a lane right of the boxes they pass.

    Returns the curves and the place of the outermost lane.
    """
    skips = [e for e in edges if layers[e.target] - layers[e.source] > 1]
    skips.sort(key=lambda e: (layers[e.target] - layers[e.source], layers[e.source]))
    edge_of_row: dict[int, float] = {}
    for box in boxes.values():
        edge_of_row[layers[box.name]] = max(edge_of_row.get(layers[box.name], 0.0), box.x + WIDTH)
    taken: list[list[tuple[int, int]]] = []
    jumps = set(skips)
    curves = [Curve(_straight(boxes[e.source], boxes[e.target]), False) for e in edges if e not in jumps]
    right = 0.0
    for edge in skips:
        first, last = layers[edge.source], layers[edge.target]
        lane = next((i for i, used in enumerate(taken) if _free(used, first, last)), len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((first, last))
        place = max(edge_of_row[row] for row in range(first, last + 1)) + 16 + lane * LANE
        right = max(right, place)
        curves.append(Curve(_around(boxes[edge.source], boxes[edge.target], place), True))
    return tuple(curves), right


def _free(used: Sequence[tuple[int, int]], first: int, last: int) -> bool:
    return all(last <= a or first >= b for a, b in used)


def _straight(source: Box, target: Box) -> str:
    x0, y0 = source.x + WIDTH / 2, source.y + HEIGHT
    x1, y1 = target.x + WIDTH / 2, target.y
    middle = (y0 + y1) / 2
    return f"M{x0:g},{y0:g} C{x0:g},{middle:g} {x1:g},{middle:g} {x1:g},{y1 - 3:g}"


def _around(source: Box, target: Box, lane: float) -> str:
    """Out of the right side, down the lane, back into the right side, with round corners."""
    x0, y0 = source.x + WIDTH, source.y + HEIGHT * 0.68
    x1, y1 = target.x + WIDTH, target.y + HEIGHT * 0.32
    bend = min(10.0, (y1 - y0) / 2)
    return (
        f"M{x0:g},{y0:g} L{lane - bend:g},{y0:g} Q{lane:g},{y0:g} {lane:g},{y0 + bend:g} "
        f"L{lane:g},{y1 - bend:g} Q{lane:g},{y1:g} {lane - bend:g},{y1:g} L{x1 + 3:g},{y1:g}"
    )


def _shape(node: Node) -> str:
    return " × ".join(str(side) for side in node.shape)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
