"""Growing a small regression tree on factors, and how far its leaves are to be trusted.

CART (Breiman et al. 1984) by scikit-learn, on columns that let it part the levels of a decision the way people would:
numbers in their order, any level alone, and the levels of an unordered decision in the order of their means, since the
best division of levels into two groups is one of that order (Fisher 1958; Breiman et al. 1984, theorem 4.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.explain.searches.evidence import Factor
from searchitect.seeding import derive, stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

__all__ = ["Grow", "GrownTree", "foreseen", "grow", "widening"]

HALVINGS, FOLDS = 20, 10
"""How often rows are parted in halves (forty trees, each judged by the rows it has not seen), and into how many parts
for the error on unseen rows."""

Allowed = dict[int, frozenset[int]]
"""What a branch allows: place of a factor to codes."""


@dataclass(frozen=True)
class GrownTree:
    """A fitted tree in terms of factors.

    Attributes:
        made_of: per column of the fit the place of the factor it was made of.
        numbers: per column what stood for each code of that factor.
        tree: scikit-learn's arrays.
    """

    factors: tuple[Factor, ...]
    made_of: tuple[int, ...]
    numbers: tuple[tuple[float, ...], ...]
    tree: Any

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """What the tree reads, shape (n, columns)."""
        return _features(codes, self.made_of, self.numbers)

    def apply(self, codes: Codes) -> Codes:
        """The leaf of each row."""
        import numpy as np

        return np.asarray(self.tree.apply(self.features(codes)), dtype=np.int64)

    def predict(self, codes: Codes) -> Vector:
        """The mean of the leaf of each row."""
        import numpy as np

        return np.asarray(self.tree.value[self.apply(codes)].ravel(), dtype=np.float64)

    def mean(self, node: int) -> float:
        """The mean of the rows that arrived at a node."""
        return float(self.tree.value[node].ravel()[0])

    def children(self, node: int) -> tuple[int, int] | None:
        """Where a row goes that keeps the condition of a node, and where others go; None at a leaf."""
        yes, no = int(self.tree.children_right[node]), int(self.tree.children_left[node])
        return None if yes < 0 else (yes, no)

    def condition(self, node: int) -> tuple[int, frozenset[int]]:
        """The factor that a node asks of, and the codes that keep its condition."""
        column, threshold = int(self.tree.feature[node]), float(self.tree.threshold[node])
        kept = frozenset(code for code, number in enumerate(self.numbers[column]) if number > threshold)
        return self.made_of[column], kept

    def leaves(self) -> dict[int, Allowed]:
        """Per leaf, what its branch allows."""
        found: dict[int, Allowed] = {}
        waiting: list[tuple[int, Allowed]] = [(0, {})]
        while waiting:
            node, allowed = waiting.pop()
            children = self.children(node)
            if children is None:
                found[node] = allowed
                continue
            place, kept = self.condition(node)
            known = allowed.get(place, frozenset(range(len(self.factors[place].levels))))
            waiting += [
                (children[1], {**allowed, place: known - kept}),
                (children[0], {**allowed, place: known & kept}),
            ]
        return found


Grow = Callable[["Codes", "Vector"], GrownTree]
"""Rows to a tree, everything else being settled."""


def grow(
    factors: tuple[Factor, ...], codes: Codes, targets: Vector, *, depth: int, leaf: int, seed: int = 0
) -> GrownTree:
    """Fit a tree that may ask for groups of unordered levels and one that asks for single levels; keep the better.

    A group is the better split where it is made, but where single levels together decide (a cell that no path leads
    through) those who ask for them get further in three steps.

    Args:
        leaf: fewest rows in a leaf.
        seed: decides between splits that are equally good.
    """
    trees = [_fitted(factors, codes, targets, depth, leaf, seed, grouped) for grouped in (False, True)]
    return min(trees, key=lambda tree: float(((targets - tree.predict(codes)) ** 2).sum()))


def _fitted(
    factors: tuple[Factor, ...], codes: Codes, targets: Vector, depth: int, leaf: int, seed: int, grouped: bool
) -> GrownTree:
    from sklearn.tree import DecisionTreeRegressor

    made_of: list[int] = []
    numbers: list[tuple[float, ...]] = []
    for place, factor in enumerate(factors):
        for column in _columns(factor, codes[:, place], targets, grouped):
            made_of.append(place)
            numbers.append(column)
    features = _features(codes, tuple(made_of), tuple(numbers))
    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=leaf, random_state=derive(seed, "rules") % 2**32)
    return GrownTree(factors, tuple(made_of), tuple(numbers), tree.fit(features, targets).tree_)


def _columns(factor: Factor, codes: Codes, targets: Vector, grouped: bool) -> list[tuple[float, ...]]:
    """What may stand for the codes of a factor: their order, each alone. Of two levels one column says all."""
    import numpy as np

    count = len(factor.levels)
    if count == 2:
        return [(0.0, 1.0)]
    alone = [tuple(float(code == level) for code in range(count)) for level in range(count)]
    if factor.ordered:
        return [tuple(-1.0 if code == factor.inactive else float(code) for code in range(count)), *alone]
    if not grouped:
        return alone
    sums, seen = np.bincount(codes, targets, count), np.bincount(codes, minlength=count)
    means = np.where(seen > 0, sums / np.maximum(seen, 1), targets.mean())
    ranks = np.argsort(np.argsort(means, kind="stable"), kind="stable")
    return [tuple(float(rank) for rank in ranks), *alone]


def _features(
    codes: Codes, made_of: tuple[int, ...], numbers: tuple[tuple[float, ...], ...]
) -> npt.NDArray[np.float32]:
    import numpy as np

    pairs = zip(made_of, numbers, strict=True)
    return np.stack([np.array(number, dtype=np.float32)[codes[:, place]] for place, number in pairs], axis=1)


def foreseen(grow: Grow, codes: Codes, targets: Vector, seed: int) -> float:
    """Return the summed squared error of all rows by trees grown on the other nine tenths of them."""
    import numpy as np

    rows = list(range(len(targets)))
    stream(seed, "tenths").shuffle(rows)
    total = 0.0
    for fold in range(FOLDS):
        out = rows[fold::FOLDS]
        inside = np.setdiff1d(np.arange(len(rows)), out)
        total += float(((targets[out] - grow(codes[inside], targets[inside]).predict(codes[out])) ** 2).sum())
    return total


def widening(grow: Grow, codes: Codes, targets: Vector, seed: int) -> tuple[float, float]:
    """How much wider intervals must be than the scatter of rows says: at the best and worst leaf, and elsewhere.

    Of a leaf with mean a over n rows seen and mean b over m rows unseen, (a − b)² is s²/n + s²/m on average if the leaf
    was not chosen; where it was, the first term grows by the square of the widening.
    """
    import numpy as np

    rows = list(range(len(targets)))
    missed: tuple[list[float], list[float]] = [], []
    share: tuple[list[float], list[float]] = [], []
    for turn in range(HALVINGS):
        stream(seed, "halves", turn).shuffle(rows)
        for inside, outside in ((rows[::2], rows[1::2]), (rows[1::2], rows[::2])):
            tree = grow(codes[inside], targets[inside])
            homes = tree.apply(codes[inside]), tree.apply(codes[outside])
            order = sorted((int(node) for node in np.unique(homes[0])), key=tree.mean)
            for node in order:
                inner = int(node not in (order[0], order[-1]))
                seen, unseen = targets[inside][homes[0] == node], targets[outside][homes[1] == node]
                _compare(seen, unseen, missed[inner], share[inner])
    # E[(a − b)² / (s²/n + s²/m)] = 1 + (widening² − 1)·share, with share = (s²/n) / (s²/n + s²/m).
    found = [
        float(np.sqrt(1 + max(0.0, (float(np.sum(m)) - len(m)) / float(np.sum(s))))) if s else 1.0
        for m, s in zip(missed, share, strict=True)
    ]
    return max(found), found[1]


def _compare(seen: Vector, unseen: Vector, missed: list[float], share: list[float]) -> None:
    """Note by how much a leaf's mean misses that of unseen rows, in units of what scatter explains."""
    if len(seen) < 2 or len(unseen) < 2:
        return
    squares = float(((seen - seen.mean()) ** 2).sum() + ((unseen - unseen.mean()) ** 2).sum())
    variance = squares / (len(seen) + len(unseen) - 2)
    if variance <= 0.0:
        return
    parts = variance / len(seen), variance / len(unseen)
    missed.append(float(seen.mean() - unseen.mean()) ** 2 / sum(parts))
    share.append(parts[0] / sum(parts))
