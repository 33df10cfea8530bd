"""A random forest (Breiman 2001): robust where effects are rough, with out-of-bag predictions for free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = ["ForestPosterior", "Trees"]


class Trees:
    """Trees on bootstrap samples, each split chosen among a share of the columns.

    Args:
        trees: how many.
        columns: share of the columns tried at each split.
        leaf: fewest rows in a leaf.
    """

    def __init__(self, trees: int = 50, columns: float = 0.5, leaf: int = 2) -> None:
        self._trees, self._columns, self._leaf = trees, columns, leaf

    def fit(self, features: Matrix, targets: Vector, seed: int) -> ForestPosterior:
        """Fit on one thread; equal arguments give equal trees."""
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(
            self._trees,
            max_features=self._columns,
            min_samples_leaf=self._leaf,
            random_state=seed % 2**32,
            n_jobs=1,
        )
        forest.fit(features, targets)
        return ForestPosterior(forest, features)


class ForestPosterior:
    """Mean over the trees, and their disagreement."""

    def __init__(self, forest: Any, features: Matrix) -> None:
        self._forest, self._rows = forest, features

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Return mean and standard deviation over the trees, shape (n,)."""
        each = self._each(features)
        return each.mean(axis=0), each.std(axis=0)

    def held_out(self) -> Vector:
        """Return out-of-bag predictions; a row that no tree left out gets the mean of the others' predictions."""
        import numpy as np

        outside = np.ones((len(self._forest.estimators_), len(self._rows)), dtype=bool)
        for tree, drawn in enumerate(self._forest.estimators_samples_):
            outside[tree, drawn] = False
        counts = outside.sum(axis=0)
        sums = (self._each(self._rows) * outside).sum(axis=0)
        known = counts > 0
        found: Vector = np.full(len(self._rows), (sums[known] / counts[known]).mean() if known.any() else 0.0)
        found[known] = sums[known] / counts[known]
        return found

    def _each(self, features: Matrix) -> Matrix:
        import numpy as np

        rows = np.ascontiguousarray(features, dtype=np.float32)  # what a fitted tree reads
        return np.stack([tree.tree_.predict(rows)[:, 0] for tree in self._forest.estimators_])
