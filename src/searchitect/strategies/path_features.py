"""Path encoding for spaces of cells (White et al. 2021, §3): one bit per way of operations from input to output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from searchitect.spaces.architecture import Architecture
from searchitect.spaces.graphs import paths
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.cell_graphs import CellGraph
from searchitect.strategies.features import soft_one_hot

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

__all__ = ["path_rows"]

LONGEST = 256
"""Most paths that get a column: the commonest, then the shortest. The authors cut off too, and lose little."""


def path_rows(
    space: SearchSpace, graph: Callable[[Architecture], CellGraph], known: Sequence[Architecture]
) -> Callable[[Sequence[Architecture]], Matrix]:
    """Return what makes rows of architectures: a column for each path met in those known.

    No vocabulary is needed, and a path never met has no weight that was learned. Where the space has training
    decisions, which no graph shows, the one-hot encoding stands beside the paths.
    """
    met = Counter(path for architecture in known for path in paths(*graph(architecture)))
    ordered = sorted(met, key=lambda path: (-met[path], len(path), path))[:LONGEST]
    places = {path: place for place, path in enumerate(ordered)}
    recipe = any(decision.role == "training" for decision in space.decisions())

    def rows(architectures: Sequence[Architecture]) -> Matrix:
        import numpy as np

        found = np.zeros((len(architectures), max(1, len(places))))
        for row, architecture in enumerate(architectures):
            found[row, [places[path] for path in paths(*graph(architecture)) if path in places]] = 1.0
        return np.concatenate([found, soft_one_hot(space, architectures)], axis=1) if recipe else found

    return rows
