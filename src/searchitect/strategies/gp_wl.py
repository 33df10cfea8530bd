"""Bayesian optimisation with a Weisfeiler-Lehman graph kernel (Ru et al. 2021, NAS-BOWL).

Where the space is one of cells (`cell_graphs`), the graph is the cell without its dead nodes, so that isomorphic cells
are one; training decisions stand beside it as nodes without edges. Any other space is seen as a graph of its active
decisions: a node for each, labelled `pattern=value` (so that the layers of a repeat share labels; real numbers and long
ranges by fifths), fed by the decision before it and by the decision that made it active.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.predictors.gaussian_process import GaussianProcess
from searchitect.predictors.weisfeiler_lehman import (
    Motifs,
    WeisfeilerLehmanKernel,
    motif_gradients,
    motif_rows,
    motifs,
)
from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.describing import Decision
from searchitect.spaces.graphs import pruned
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.acquisition import Acquisition
from searchitect.strategies.cell_graphs import CellGraph, graph_reader
from searchitect.strategies.gaussian_search import GaussianSearch
from searchitect.strategies.pending import Pending
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    from searchitect.predictors.kernels import Rows

__all__ = ["GPWL", "decision_graphs"]

FEWEST_TO_BIN = 17
"""Ranges with as many values or more are labelled by fifths, like real numbers."""


class GPWL(GaussianSearch):
    """Fit a Gaussian process to Weisfeiler-Lehman features of graphs, try what promises the largest improvement.

    Arguments as for `GaussianSearch`, and:

    Args:
        depth: h, rounds of label refinement, 1 to 3.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        depth: int = 2,
        acquisition: Acquisition = "ei",
        refit_every: int = 5,
        initial: int | None = None,
        candidates: int = 150,
        max_points: int = 500,
        width: float = 2.0,
        pending: Pending = "believer",
    ) -> None:
        if not 1 <= depth <= 3:
            raise ConfigError(f"depth must be 1, 2 or 3, got {depth!r}")
        self._depth, self._graph = depth, decision_graphs(setting.space)
        super().__init__(
            setting,
            GaussianProcess(WeisfeilerLehmanKernel(depth)),
            acquisition=acquisition,
            refit_every=refit_every,
            initial=initial,
            candidates=candidates,
            max_points=max_points,
            width=width,
            pending=pending,
        )

    def encode(self, architectures: Sequence[Architecture]) -> Rows:
        return motif_rows([self._motifs(architecture) for architecture in architectures])

    def motifs(self, level: int = 1) -> dict[str, float]:
        """Return what one more of each motif does to the (normal score of the) loss, best first.

        Raises:
            ConfigError: there are fewer than two complete trials.
        """
        if len(self._archive.complete) < 2:
            raise ConfigError("motifs are known once two trials are complete")
        return motif_gradients(self._posterior()[1], level)

    def _motifs(self, architecture: Architecture) -> Motifs:
        return motifs(*self._graph(architecture), self._depth)


def decision_graphs(space: SearchSpace) -> Callable[[Architecture], CellGraph]:
    """Return the function from architectures to the graphs described above."""
    known = {decision.path: decision for decision in space.decisions()}
    cell = graph_reader(space)
    if cell is None:
        parents = {path: _parent(path, known) for path in known}
        return lambda architecture: _chained(architecture, known, parents)
    beside = [path for path, decision in known.items() if decision.role == "training"]
    return lambda architecture: _with_nodes(*pruned(*cell(architecture)), _labels(architecture, known, beside))


def _chained(architecture: Architecture, known: Mapping[str, Decision], parents: Mapping[str, str | None]) -> CellGraph:
    places = {path: place for place, path in enumerate(architecture)}
    matrix = [[0] * len(places) for _ in places]
    for path, place in places.items():
        if place:
            matrix[place - 1][place] = 1
        parent = parents[path]
        if parent is not None:
            matrix[places[parent]][place] = 1
    return matrix, _labels(architecture, known, list(places))


def _parent(path: str, known: Mapping[str, Decision]) -> str | None:
    """The decision whose value makes this one active: the nearest one above it."""
    above = path.removesuffix(".length").rpartition(".")[0]
    while above:
        for name in (above, above + ".length"):
            if name in known and name != path:
                return name
        above = above.rpartition(".")[0]
    return None


def _with_nodes(matrix: list[list[int]], labels: list[str], more: list[str]) -> CellGraph:
    rows = [[*row, *[0] * len(more)] for row in matrix]
    return rows + [[0] * (len(labels) + len(more)) for _ in more], labels + more


def _labels(architecture: Architecture, known: Mapping[str, Decision], paths: Sequence[str]) -> list[str]:
    return [
        f"{known[path].pattern}={_spelled(architecture[path], known[path])}" for path in paths if path in architecture
    ]


def _spelled(value: Value, decision: Decision) -> str:
    if decision.options is not None or not isinstance(value, (int, float)):
        return str(value)
    assert decision.low is not None
    assert decision.high is not None
    if decision.step is not None and (decision.high - decision.low) // decision.step + 1 < FEWEST_TO_BIN:
        return str(value)
    low, high, number = decision.low, decision.high, float(value)
    if decision.log:
        low, high, number = math.log(low), math.log(high), math.log(number)
    share = (number - low) / (high - low) if high > low else 0.0
    return f"fifth {min(5, 1 + int(5 * share))}"
