"""Cells with operations in their nodes, as in NAS-Bench-101: graphs, their identity, and the network made of them.

Ying et al., "NAS-Bench-101: towards reproducible neural architecture search", 2019. A graph is an upper-triangular
matrix and an operation for each inner node (`spaces.graphs`); node 0 is the input, the last one the output. The
families `nasbench101` and `nasbench1shot1` write the same graphs by different decisions.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import image_shape
from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.spaces import TaskSpec, Value
from searchitect.spaces.graphs import pruned
from searchitect.spaces.open_values import OpenFlag, OpenNumber, OpenValue

if TYPE_CHECKING:
    from torch import nn

    from searchitect.nn.cells import VertexWiring

__all__ = [
    "VERTEX_OPERATIONS",
    "Graph",
    "Places",
    "from_vertex_strings",
    "graph_of",
    "live",
    "module_hash",
    "representative",
    "to_vertex_strings",
    "vertex_network",
    "vertex_widths",
]

VERTEX_OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""Operations of NAS-Bench-101, in the order in which its hash numbers them."""

STACKS = 3

Graph = tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]
"""Matrix, and the operations of the inner nodes."""

Places = tuple[int, ...]
"""Nodes of a space at which the inner nodes of a graph stand."""


def live(matrix: Sequence[Sequence[int]], operations: Sequence[str]) -> Graph:
    """Return the graph without the nodes that lie on no way from the input to the output."""
    kept, labels = pruned(matrix, ["input", *operations, "output"])
    return tuple(tuple(row) for row in kept), tuple(labels[1:-1])


def matrix_of(decisions: Mapping[str, Value], vertices: int) -> tuple[tuple[int, ...], ...]:
    """Return the edges that the decisions of `nasbench101` (`edge_0_1` …) or `nasbench1shot1` (`parents_1` …) write,
    those of dead nodes included."""
    matrix = [[0] * vertices for _ in range(vertices)]
    for j in range(1, vertices):
        parents = decisions.get(f"parents_{'output' if j == vertices - 1 else j}", ())
        for i in range(j):
            matrix[i][j] = int(decisions.get(f"edge_{i}_{j}") == 1 or (isinstance(parents, tuple) and i in parents))
    return tuple(map(tuple, matrix))


def graph_of(decisions: Mapping[str, Value], vertices: int) -> Graph:
    """Return the graph that the decisions of `nasbench101` or `nasbench1shot1` write, dead nodes included."""
    operations = tuple(str(decisions[f"operation_{i}"]) for i in range(1, vertices - 1))
    return matrix_of(decisions, vertices), operations


def from_vertex_strings(adjacency: str, operations: str, vertices: int = 7) -> dict[str, Value]:
    """Return the decisions of `nasbench101` for a cell as tables write it; unused nodes stand before the output.

    Args:
        adjacency: the matrix row by row, "011001…".
        operations: "input|conv3x3-bn-relu|…|output".
        vertices: of the space.

    Raises:
        SpaceError: it is no upper-triangular matrix of at most `vertices` nodes, or an operation is unknown.
    """
    names = operations.split("|") if isinstance(operations, str) else []
    count = len(names)
    if not 2 <= count <= vertices or len(adjacency) != count**2 or set(adjacency) - {"0", "1"}:
        raise SpaceError(
            f"expected the {count} × {count} bits of a matrix of 2 to {vertices} nodes, got {adjacency[:60]!r}",
            hint="adjacency '0110 0010 …' row by row without blanks, operations 'input|maxpool3x3|…|output'",
        )
    for i, j in itertools.product(range(count), range(count)):
        if j <= i and adjacency[i * count + j] == "1":
            raise SpaceError(f"node {i} feeds node {j}: the matrix is not upper-triangular")
    for name in names[1:-1]:
        if name not in VERTEX_OPERATIONS:
            raise SpaceError(f"NAS-Bench-101 has no operation {name!r}", hint=did_you_mean(name, VERTEX_OPERATIONS))
    node = [*range(count - 1), vertices - 1]
    on = {(node[i], node[j]) for i in range(count) for j in range(count) if adjacency[i * count + j] == "1"}
    edges: dict[str, Value] = {
        f"edge_{i}_{j}": int((i, j) in on) for i, j in itertools.combinations(range(vertices), 2)
    }
    padded = [*names[1:-1], *[VERTEX_OPERATIONS[0]] * (vertices - count)]
    return edges | {f"operation_{i}": name for i, name in enumerate(padded, 1)}


def to_vertex_strings(decisions: Mapping[str, Value]) -> tuple[str, str]:
    """Return adjacency and operations as tables write them, without dead nodes; also for `nasbench1shot1`."""
    vertices = 2 + sum(path.startswith("operation_") for path in decisions)
    matrix, names = live(*graph_of(decisions, vertices))
    return "".join(str(bit) for row in matrix for bit in row), "|".join(["input", *names, "output"])


def module_hash(matrix: Sequence[Sequence[int]], operations: Sequence[str]) -> str:
    """Return the hash by which NAS-Bench-101 names a cell (`graph_util.hash_module`), dead nodes aside.

    MD5 here is the benchmark's own naming, nothing is kept safe by it.

    Args:
        operations: of the inner nodes, words of `VERTEX_OPERATIONS`.
    """
    cell, names = live(matrix, operations)
    nodes = range(len(cell))
    labels = [-1, *(VERTEX_OPERATIONS.index(name) for name in names), -2]
    degrees = [(sum(cell[i]), sum(row[i] for row in cell)) for i in nodes]
    hashes = [_md5(str((*degrees[i], labels[i]))) for i in nodes]
    for _ in nodes:
        hashes = [
            _md5(
                "".join(sorted(hashes[j] for j in nodes if cell[j][i]))
                + "|" + "".join(sorted(hashes[j] for j in nodes if cell[i][j]))
                + "|" + hashes[i]
            )
            for i in nodes
        ]  # fmt: skip
    return _md5(str(sorted(hashes)))


@functools.lru_cache(maxsize=100_000)
def representative(graph: Graph, count: int, reads: tuple[int, ...] | None = None) -> tuple[Graph, Places]:
    """Return the graph that stands for all isomorphic ones, and the places of its inner nodes in the space, ascending.

    All ways of giving the inner nodes different places of 1 to `count`, edges leading forward, are tried (at most 120
    for the published spaces), and the least is taken.

    Args:
        graph: without dead nodes.
        reads: how many nodes the one at each place reads, the input (place 0) included; None where that is free.
    """
    matrix, operations = graph
    last = len(matrix) - 1
    inner = range(1, last)
    edges = [(i, j) for i in inner for j in inner if matrix[i][j]]
    degrees = [sum(row[j] for row in matrix) for j in range(last)]
    found: list[tuple[Places, Graph]] = []
    for chosen in itertools.permutations(range(1, count + 1), len(inner)):
        place = (0, *chosen)
        if any(place[i] >= place[j] for i, j in edges) or any(
            reads is not None and reads[place[j]] != degrees[j] for j in inner
        ):
            continue
        order = [*sorted(range(last), key=place.__getitem__), last]
        written = tuple(tuple(matrix[i][j] for j in order) for i in order)
        found.append((tuple(sorted(chosen)), (written, tuple(operations[i - 1] for i in order[1:-1]))))
    places, first = min(found)
    return first, places


def vertex_widths(matrix: Sequence[Sequence[int]], inputs: int, outputs: int) -> list[int]:
    """Return the channels of every node (`model_builder.compute_vertex_channels`).

    The nodes that feed the output share its channels, the first of them one more each where a rest is left; every
    other node has as many as the widest node that reads it, which takes the first of them.
    """
    last = len(matrix) - 1
    widths = [inputs, *[0] * (last - 1), outputs]
    feeding = [i for i in range(1, last) if matrix[i][last]]
    for place, node in enumerate(feeding):
        widths[node] = outputs // len(feeding) + (place < outputs % len(feeding))
    for node in range(last - 1, 0, -1):
        if node not in feeding:
            widths[node] = max(widths[j] for j in range(node + 1, last) if matrix[node][j])
    return widths


def vertex_network(
    decisions: Mapping[str, Any], vertices: int, task: TaskSpec, family: str, cells: int, channels: int
) -> nn.Module:
    """Build the network: a 3×3 stem, three stacks of cells; maps are halved and channels doubled between stacks.

    Batch norm keeps torch's own momentum; the publication's (0.997 a step) needs long trainings.

    Args:
        decisions: those of a cell, as `graph_of` reads them; any of them may be open.
    """
    from torch import nn

    from searchitect.nn import classifier, conv_unit, halved, strided

    graph = _Graph(decisions, vertices)
    inputs, size = image_shape(task, family)
    if channels < graph.most_feeding:
        raise EvaluationError(f"{family}: {channels} channels cannot be shared by {graph.most_feeding} nodes")
    parts: list[nn.Module] = [conv_unit(inputs, channels, 3)]
    width = channels
    for stack in range(STACKS):
        outputs = channels * 2**stack
        if stack > 0 and halved(size, smallest=2):
            parts.append(nn.MaxPool2d(2, 2, ceil_mode=True))
            size = strided(size, 2)
        for _ in range(cells):
            parts.append(_cell(graph, width, outputs))
            width = outputs
    return nn.Sequential(*parts, classifier((width, *size), task.outputs))


class _Graph:
    """The wiring of a cell, as it is now, and the operations of its nodes."""

    def __init__(self, decisions: Mapping[str, Any], vertices: int) -> None:
        self.inner = range(1, vertices - 1)
        self.operations = {i: decisions[f"operation_{i}"] for i in self.inner}
        self._edges = {name: value for name, value in decisions.items() if not name.startswith("operation_")}
        self._vertices = vertices
        self._open = [value for value in self._edges.values() if isinstance(value, OpenValue)]
        self._paths = tuple(path for value in self._open for path in value.paths)

    @property
    def is_open(self) -> bool:
        """Whether the wiring is decided later."""
        return bool(self._open)

    @property
    def most_feeding(self) -> int:
        """The most nodes that ever share the channels of the output."""
        return len(self.inner) if self.is_open else len(self.wiring(1, len(self.inner)).result)

    def wiring(self, inputs: int, outputs: int) -> VertexWiring:
        """What is wired now, in a cell of so many channels."""
        edges = {name: getattr(value, "now", value) for name, value in self._edges.items()}
        return _wiring(matrix_of(edges, self._vertices), inputs, outputs)

    def gated(self, test: Callable[[], bool], make: Callable[[], nn.Module]) -> nn.Module | None:
        """A module that is there where the wiring is so; None where it never is."""
        from searchitect.nn.mixed import Gated

        if self.is_open:
            return Gated(OpenFlag(test, self._paths), make())
        return make() if test() else None

    def number(self, compute: Callable[[], int], candidates: Sequence[int]) -> Any:
        """A number that the wiring decides; open where the wiring is."""
        if not self.is_open:
            return compute()
        return OpenNumber(self._open[0].selection, self._paths, lambda values: compute(), candidates)


@functools.lru_cache(maxsize=100_000)
def _wiring(matrix: tuple[tuple[int, ...], ...], inputs: int, outputs: int) -> VertexWiring:
    """The live part of a graph, its nodes numbered as in the whole."""
    from searchitect.nn.cells import VertexWiring

    kept, labels = live(matrix, [str(i) for i in range(1, len(matrix) - 1)])
    last, number = len(kept) - 1, [0, *map(int, labels)]
    inner = range(1, last)
    widths = vertex_widths(kept, inputs, outputs)
    projected = [str(number[j]) for j in inner if kept[0][j]] + (["output"] if kept[0][last] else [])
    return VertexWiring(
        widths={number[j]: widths[j] for j in inner},
        reads={number[j]: tuple(number[i] for i in range(1, j) if kept[i][j]) for j in inner},
        projected=tuple(projected),
        result=tuple(number[i] for i in inner if kept[i][last]),
    )


def _cell(graph: _Graph, inputs: int, outputs: int) -> nn.Module:
    from searchitect.nn import VertexCell, conv_unit

    def wiring() -> VertexWiring:
        return graph.wiring(inputs, outputs)

    def width(node: int) -> Any:
        return graph.number(lambda: wiring().widths.get(node, outputs), _shares(outputs, len(graph.inner)))

    def projection(name: str, channels: Any) -> nn.Module | None:
        return graph.gated(lambda: name in wiring().projected, lambda: conv_unit(inputs, channels, 1))

    def operation(node: int) -> nn.Module | None:
        return graph.gated(lambda: node in wiring().widths, lambda: _operation(graph.operations[node], width(node)))

    projections = {str(node): projection(str(node), width(node)) for node in graph.inner}
    projections["output"] = projection("output", outputs)
    operations = {node: operation(node) for node in graph.inner}
    return VertexCell(
        {node: module for node, module in operations.items() if module is not None},
        {name: module for name, module in projections.items() if module is not None},
        wiring if graph.is_open else wiring(),
    )


def _operation(name: Any, width: Any) -> nn.Module:
    from torch import nn

    from searchitect.nn import choose, conv_unit

    makers: dict[str, Callable[[], nn.Module]] = {
        "conv3x3-bn-relu": lambda: conv_unit(width, width, 3),
        "conv1x1-bn-relu": lambda: conv_unit(width, width, 1),
        "maxpool3x3": lambda: nn.MaxPool2d(3, 1, 1),
    }
    return choose(name, makers)


def _shares(outputs: int, nodes: int) -> list[int]:
    """All numbers of channels that a node can have, the output's being shared by up to so many."""
    return [outputs, *(outputs // n + extra for n in range(2, nodes + 1) for extra in (0, 1))]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
