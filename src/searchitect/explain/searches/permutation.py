"""Permutation importance on held-out rows: how much worse a forest predicts once a decision is shuffled.

Breiman, "Random forests", 2001, section 10; Fisher, Rudin and Dominici 2019. Half of the rise of the squared error is
the variance that the decision brings, alone and together with others (the total index of Sobol): it may exceed the
share of the main effect, and the sum over decisions may exceed 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchitect.seeding import derive, stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

__all__ = ["permutation_shares"]


def permutation_shares(
    codes: Codes, targets: Vector, seed: int = 0, *, folds: int = 4, repeats: int = 3, trees: int = 50
) -> Vector:
    """Return for each decision half of the rise of the squared error, by the variance of the targets; shape (d,).

    Args:
        codes, targets: (n, d) and (n,), n at least twice the number of folds.
        repeats: how often each decision is shuffled in each fold.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    order = list(range(len(targets)))
    stream(seed, "permutation folds").shuffle(order)
    random = np.random.default_rng(derive(seed, "permutation"))
    rise = np.zeros(codes.shape[1])
    for fold in range(folds):
        out = np.array(sorted(order[fold::folds]))
        inside = np.setdiff1d(np.arange(len(targets)), out)
        own = derive(seed, "permutation forest", fold) % 2**32
        forest = RandomForestRegressor(trees, max_features=0.5, min_samples_leaf=2, random_state=own, n_jobs=1)
        forest.fit(codes[inside], targets[inside])
        shuffled = _shuffled(codes[out], random, repeats)
        errors = (forest.predict(shuffled.reshape(-1, codes.shape[1])).reshape(-1, len(out)) - targets[out]) ** 2
        before = ((forest.predict(codes[out]) - targets[out]) ** 2).sum()
        rise += errors.sum(axis=1).reshape(codes.shape[1], repeats).mean(axis=1) - before
    found: Vector = np.maximum(0.0, rise / (2 * len(targets) * targets.var()))
    return found


def _shuffled(codes: Codes, random: np.random.Generator, repeats: int) -> Codes:
    """(d · repeats, n, d): one decision shuffled in each."""
    import numpy as np

    copies = np.repeat(codes[None], codes.shape[1] * repeats, axis=0)
    for place, copy in enumerate(copies):
        copy[:, place // repeats] = random.permutation(copy[:, place // repeats])
    return copies
