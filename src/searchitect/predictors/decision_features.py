"""Decisions as columns for an additive table of costs: which option was taken where, and how often altogether."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

__all__ = ["decision_features"]


def decision_features(space: SearchSpace, architectures: Sequence[Architecture]) -> tuple[Matrix, tuple[int, ...]]:
    """Return (architectures, columns), and the widths of its groups: the one-hot encoding, and totals.

    Totals count each option over all decisions that offer the same options, as the edges of a cell do, so that a few
    architectures tell what an option costs on average before they tell what it costs where.
    """
    import numpy as np

    one_hot = np.stack([np.asarray(space.encode(a, "one_hot"), dtype=np.float64) for a in architectures])
    shared: dict[tuple[object, ...], list[str]] = {}
    for decision in space.decisions():
        if decision.options is not None and decision.kind != "subset":
            shared.setdefault(tuple(decision.options), []).append(decision.path)
    kept = {options: paths for options, paths in shared.items() if len(paths) > 1}
    totals = np.zeros((len(architectures), sum(map(len, kept))))
    start = 0
    for options, paths in kept.items():
        place = {option: start + i for i, option in enumerate(options)}
        for row, architecture in enumerate(architectures):
            for path in paths:
                if path in architecture:
                    totals[row, place[architecture[path]]] += 1
        start += len(options)
    if not totals.shape[1]:
        return one_hot, (one_hot.shape[1],)
    return np.concatenate([one_hot, totals], axis=1), (one_hot.shape[1], totals.shape[1])
