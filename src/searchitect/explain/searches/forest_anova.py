"""Functional ANOVA of a random forest, exactly (Hutter, Hoos and Leyton-Brown, ICML 2014, algorithms 1 and 2).

A tree is a set of boxes with a value each. With A the (leaves, levels) matrix of 1/(share of the box along that
decision) where a box holds a level and 0 where it does not, and u the box volumes times their values, the mean response
at a level is Aᵀu and at two levels of two decisions Aᵀ·diag(u)·A: all marginals of a tree in one product.

This is what other tools print. It reads every row alike and shrinks what the trees are too shallow to see; `importance`
shows it beside its own shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

__all__ = ["ForestShares", "forest_shares", "tree_shares"]

TREES = 64


@dataclass(frozen=True, slots=True)
class ForestShares:
    """Shares of a forest's variance over the space, means over its trees.

    Attributes:
        mains: (d,) of the main effects.
        pairs: (d, d), symmetric, of the joint effects beyond the main effects; zero on the diagonal.
    """

    mains: Vector
    pairs: Matrix


def forest_shares(
    codes: Codes, targets: Vector, shares: Sequence[Sequence[float]], seed: int = 0, trees: int = TREES
) -> ForestShares:
    """Fit a forest and take it apart.

    Args:
        codes, targets: (n, d) and (n,).
        shares: of the levels of each decision; they sum to 1.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(trees, random_state=seed % 2**32, n_jobs=1).fit(codes, targets)
    found = [tree_shares(tree.tree_, shares) for tree in forest.estimators_]
    if not any(found):
        return ForestShares(np.zeros(len(shares)), np.zeros((len(shares), len(shares))))
    known = [one for one in found if one is not None]
    return ForestShares(np.mean([one.mains for one in known], axis=0), np.mean([one.pairs for one in known], axis=0))


def tree_shares(tree: Any, shares: Sequence[Sequence[float]]) -> ForestShares | None:
    """Take one fitted tree (`sklearn.tree._tree.Tree`) apart; None where it is constant over the space."""
    import numpy as np

    boxes, values = _boxes(tree, [len(one) for one in shares])
    owner = np.repeat(np.arange(len(shares)), [len(one) for one in shares])
    share = np.concatenate([np.asarray(one) for one in shares])
    starts = np.searchsorted(owner, np.arange(len(shares)))
    sides = np.add.reduceat(boxes * share, starts, axis=1)  # (leaves, d)
    volumes = sides.prod(axis=1)
    mean = float(volumes @ values)
    variance = float(volumes @ (values - mean) ** 2)
    if variance <= 1e-24:
        return None
    weighted = volumes * (values - mean)
    relative = boxes / np.where(sides > 0, sides, 1.0)[:, owner]
    at_level = relative.T @ weighted
    mains = np.add.reduceat(share * at_level**2, starts)
    at_both = (relative.T * weighted) @ relative - at_level[:, None] - at_level
    pairs = np.add.reduceat(np.add.reduceat(share[:, None] * at_both**2 * share, starts, axis=0), starts, axis=1)
    np.fill_diagonal(pairs, 0.0)
    return ForestShares(mains / variance, pairs / variance)


def _boxes(tree: Any, levels: Sequence[int]) -> tuple[npt.NDArray[np.bool_], Vector]:
    """Which levels each leaf holds, (leaves, all levels), and the value of each leaf."""
    import numpy as np

    starts = np.concatenate([[0], np.cumsum(levels)])
    left, right, feature, threshold = tree.children_left, tree.children_right, tree.feature, tree.threshold
    holds = np.ones((tree.node_count, starts[-1]), dtype=bool)
    for node in range(tree.node_count):  # parents come before their children
        if left[node] < 0:
            continue
        begin, end = starts[feature[node]], starts[feature[node] + 1]
        low = np.arange(end - begin) <= threshold[node]
        holds[left[node]] = holds[right[node]] = holds[node]
        holds[left[node], begin:end] &= low
        holds[right[node], begin:end] &= ~low
    leaf = left < 0
    return holds[leaf], tree.value[leaf, 0, 0].astype(np.float64)
