"""The Weisfeiler-Lehman kernel between labelled directed acyclic graphs.

Shervashidze et al., "Weisfeiler-Lehman graph kernels", JMLR 2011; for architectures Ru et al., "Interpretable neural
architecture search via Bayesian optimisation with Weisfeiler-Lehman kernels", ICLR 2021 (NAS-BOWL).

A node's label is its operation; in each of h rounds it is joined with the sorted labels of the nodes that feed it and
that it feeds. Each label is a motif: a rooted neighbourhood of that depth. Two graphs are alike at level h as the
cosine between their counts of motifs of that depth, and k = Σ_h a_h·cosine_h with learned shares a (a softmax).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.predictors.gaussian_process import GaussianPosterior
from searchitect.predictors.kernels import Comparison, Prior

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Rows = npt.NDArray[Any]

__all__ = ["Motifs", "WeisfeilerLehmanKernel", "motif_gradients", "motif_rows", "motifs"]

Motifs = tuple[Mapping[str, float], ...]
"""Counts of motifs, one mapping per level 0..h."""


def motifs(matrix: Sequence[Sequence[int]], labels: Sequence[str], depth: int = 2) -> Motifs:
    """Count the motifs of a graph.

    Args:
        matrix: `matrix[i][j]` is 1 where i feeds j.
        labels: one per node.
        depth: h, the number of rounds.
    """
    nodes = range(len(labels))
    before = [[i for i in nodes if matrix[i][j]] for j in nodes]
    after = [[j for j in nodes if matrix[i][j]] for i in nodes]
    names = list(labels)
    levels = [Counter(names)]
    for _ in range(depth):
        fed = ["+".join(sorted(names[i] for i in before[n])) for n in nodes]
        feeds = ["+".join(sorted(names[j] for j in after[n])) for n in nodes]
        names = [f"[{fed[n]}>{names[n]}>{feeds[n]}]" for n in nodes]
        levels.append(Counter(names))
    return tuple(levels)


def motif_rows(counted: Sequence[Motifs]) -> Rows:
    """Return the rows that the kernel reads: an array of shape (n,) that holds the counts themselves."""
    import numpy as np

    rows = np.empty(len(counted), dtype=object)
    for place, one in enumerate(counted):
        rows[place] = one
    return rows


@dataclass(frozen=True)
class WeisfeilerLehmanKernel:
    """Shares a_0..a_h of the levels are learned; theta holds their logits.

    Args:
        depth: h; the rows must have been counted with the same.
    """

    depth: int = 2

    def prior(self) -> Prior:
        import numpy as np

        ones = np.ones(self.depth + 1)
        return Prior(0.0 * ones, 1.5 * ones, -5.0 * ones, 5.0 * ones)

    def compare(self, first: Rows, second: Rows) -> Comparison:
        import numpy as np

        return _Cosines(np.stack([_cosines(first, second, level) for level in range(self.depth + 1)]))


@dataclass(frozen=True)
class _Cosines:
    levels: Matrix
    """(h + 1, n, m)."""

    def correlation(self, theta: Vector) -> Matrix:
        import numpy as np

        return np.asarray(np.tensordot(shares(theta), self.levels, axes=1))

    def slopes(self, theta: Vector, weights: Matrix) -> Vector:
        import numpy as np

        by_share = np.tensordot(self.levels, weights, axes=2)
        parts = shares(theta)
        return np.asarray(parts * (by_share - parts @ by_share))


def shares(theta: Vector) -> Vector:
    """Return the softmax of the logits."""
    import numpy as np

    grown = np.exp(theta - theta.max())
    return np.asarray(grown / grown.sum())


def _cosines(first: Rows, second: Rows, level: int) -> Matrix:
    """Motifs that occur on one side only count in the norms, not in the product."""
    import numpy as np

    places: dict[str, int] = {}
    for row in first:
        for motif in row[level]:
            places.setdefault(motif, len(places))
    one, other = _counts(first, level, places), _counts(second, level, places)
    product: Matrix = (one @ other.T).toarray()
    return product / np.outer(_norms(first, level), _norms(second, level))


def _norms(rows: Rows, level: int) -> Vector:
    import numpy as np

    return np.array([max(1e-12, sum(count * count for count in row[level].values()) ** 0.5) for row in rows])


def _counts(rows: Rows, level: int, places: Mapping[str, int]) -> Any:
    """(n, motifs), sparse."""
    from scipy.sparse import csr_array

    starts, columns, counts = [0], list[int](), list[float]()
    for row in rows:
        known = [(places[motif], count) for motif, count in row[level].items() if motif in places]
        columns += [place for place, _ in known]
        counts += [float(count) for _, count in known]
        starts.append(len(columns))
    return csr_array((counts, columns, starts), shape=(len(rows), len(places)))


def motif_gradients(posterior: GaussianPosterior, level: int = 1) -> dict[str, float]:
    """Return how the posterior mean changes with one more of each motif, smallest (best, for losses) first.

    The derivative of the mean by the motif's count, averaged over the training graphs that hold it (Ru et al. 2021,
    equation 8), in the unit of the targets.
    """
    import numpy as np

    rows, theta = posterior.features, posterior.theta
    places = {motif: place for place, motif in enumerate(dict.fromkeys(m for row in rows for m in row[level]))}
    counts = _counts(rows, level, places).toarray()
    unit = counts / _norms(rows, level)[:, None]
    # ∂/∂φ of (φ·φ_i)/(|φ||φ_i|) is (u_i − u (u·u_i)) / |φ|, summed over i with the weights of the posterior mean.
    pull = posterior.alpha @ unit
    slopes = (pull - unit * (unit @ pull)[:, None]) / _norms(rows, level)[:, None]
    held = counts > 0
    size = posterior.scale * float(np.exp(theta[-2])) * float(shares(theta[:-2])[level])
    means = size * (slopes * held).sum(axis=0) / held.sum(axis=0)
    found = dict(zip(places, means.tolist(), strict=True))
    return dict(sorted(found.items(), key=lambda pair: (pair[1], pair[0])))
