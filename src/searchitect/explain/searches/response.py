"""`Response`: what a search learned, as a model that answers for architectures that were never tried.

A Gaussian process over the columns of the evidence (kernel of `predictors.kernels`: a scale per decision, a decision
that is not there compared as such), on a logarithmic scale where the bad side has a long tail (`warping`). It tells a
difference between two architectures better than either value, since what it does not know of both cancels out
(`differences`), and how far it may be trusted (`rank_correlation`, `fidelity` on rows left out). Its intervals are
widened where left-out rows fall outside them more often than they should.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import MEMBER, Evidence, Factor
from searchitect.explain.searches.sufficient import check_sufficient
from searchitect.explain.searches.warping import Warp, log_warp
from searchitect.predictors.gaussian_process import GaussianPosterior, GaussianProcess, evenly
from searchitect.predictors.kernels import Columns, DecisionKernel
from searchitect.predictors.targets import rank_correlation
from searchitect.spaces.architecture import Architecture

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

__all__ = ["FEWEST_TRIALS", "MOST_ROWS", "Response", "codes_of", "fit_response"]

FEWEST_TRIALS = 10

MOST_ROWS = 800
"""Rows that the model rests on: the best quarter of them, the rest evenly from all."""

BLOCK = 256
"""Rows predicted at once, which bounds the memory of many decisions."""

NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Response:
    """A fitted model of the objective, in its own unit.

    Attributes:
        rank_correlation: Spearman's ρ of predictions of left-out rows with what was measured.
        fidelity: R² of the same.
        widening: factor on the model's own deviations, from left-out rows; 1 or more.
        noise: standard deviation between trainings of one architecture, where it is known. What the model leaves over
            beyond it belongs to the architectures; without it all of that counts in the intervals, which then hold for
            one further training of each.
    """

    evidence: Evidence
    posterior: GaussianPosterior
    warp: Warp
    rank_correlation: float
    fidelity: float
    widening: float
    noise: float | None = None

    def __call__(self, architectures: Sequence[Architecture]) -> Vector:
        """Predict the objective of architectures, shape (n,).

        Raises:
            ConfigError: one holds a value that no row had.
        """
        return self.predict(codes_of(self.evidence.factors, architectures))

    def knows(self, architecture: Architecture, near: Architecture | None = None) -> bool:
        """Whether every option was tried; what differs from `near` must be a decision that differs between rows."""
        columns = {factor.name.partition(MEMBER)[0] for factor in self.evidence.factors}
        if near is not None:
            there, here = near.decisions, architecture.decisions
            changed = {path for path in {**there, **here} if there.get(path) != here.get(path)}
            if not changed <= columns:
                return False
        try:
            codes_of(self.evidence.factors, [architecture])
        except ConfigError:
            return False
        return True

    def predict(self, codes: Codes) -> Vector:
        """Predict the objective of rows of codes, shape (n,)."""
        import numpy as np

        rows = _rows(self.evidence.factors, codes)
        parts = [self.posterior.predict(rows[at : at + BLOCK])[0] for at in range(0, len(rows), BLOCK)]
        return self.warp.back(np.concatenate(parts)) if parts else np.empty(0)

    def differences(self, codes: Codes, reference: Codes) -> tuple[Vector, Vector]:
        """Predict by how much rows differ from one reference row, and half of the 95 % interval of that, each (n,)."""
        import numpy as np

        first, moved, halves = _rows(self.evidence.factors, reference[None]), [np.empty(0)], [np.empty(0)]
        for at in range(0, len(codes), BLOCK):
            rows = _rows(self.evidence.factors, codes[at : at + BLOCK])
            mean, covariance = self.posterior.joint(np.concatenate([first, rows]))
            slope, values = self.warp.slope(mean), self.warp.back(mean)
            covariance[np.diag_indices(len(covariance))] += self._unexplained(slope)
            covariance = slope[:, None] * covariance * slope  # of the values, to first order
            spread = np.diag(covariance)[1:] + covariance[0, 0] - 2 * covariance[0, 1:]
            moved.append(values[1:] - values[0])
            halves.append(NORMAL_95 * self.widening * np.sqrt(np.maximum(spread, 0.0)))
        return np.concatenate(moved), np.concatenate(halves)

    def _unexplained(self, slope: Vector) -> Vector:
        """Variance of architectures that the decisions' smooth effects leave over, on the warped scale."""
        import numpy as np

        known = 0.0 if self.noise is None else (self.noise / slope) ** 2
        return np.asarray(np.maximum(self.posterior.noise**2 - known, 0.0) + 0.0 * slope)

    def shifts(
        self, architectures: Sequence[Architecture], reference: Architecture
    ) -> list[tuple[float, float] | None]:
        """The same of architectures; None for those with an option that was never tried."""
        found: list[tuple[float, float] | None] = [None] * len(architectures)
        known = [place for place, architecture in enumerate(architectures) if self.knows(architecture, reference)]
        if not known or not self.knows(reference):
            return found
        codes = codes_of(self.evidence.factors, [reference, *(architectures[place] for place in known)])
        for place, moved, half in zip(known, *self.differences(codes[1:], codes[0]), strict=True):
            found[place] = float(moved), float(half)
        return found

    def to_json(self) -> dict[str, float | int]:
        return {
            "rows": len(self.posterior.targets),
            "rank_correlation": self.rank_correlation,
            "fidelity": self.fidelity,
            "widening": self.widening,
        }


def fit_response(evidence: Evidence, *, noise: float | None = None) -> Response:
    """Fit a Gaussian process to the rows. Nothing is random.

    Args:
        noise: standard deviation between trainings of one architecture (`incumbents.replicate_noise`).

    Raises:
        ConfigError: fewer than `FEWEST_TRIALS` rows, or a constant objective.
    """
    import numpy as np

    check_sufficient(evidence, FEWEST_TRIALS, "predictions")
    used = evidence.rows(_chosen(evidence))
    plain, bent = Warp(evidence.objective), log_warp(used.targets, evidence.objective)
    fits = [(warp, _fitted(used, warp)) for warp in (plain, bent) if warp is not None]
    warp, posterior = max(fits, key=lambda fit: _density(fit[0], fit[1], used.targets))
    mean, deviation = posterior.left_out()
    foreseen, missed = warp.back(mean), posterior.targets - mean
    spread = float(((used.targets - used.targets.mean()) ** 2).sum())
    return Response(
        evidence,
        posterior,
        warp,
        rank_correlation(foreseen, used.targets) or 0.0,
        1 - float(((used.targets - foreseen) ** 2).sum()) / spread,
        max(1.0, float(np.quantile(np.abs(missed / deviation), 0.95)) / NORMAL_95),
        noise,
    )


def _fitted(used: Evidence, warp: Warp) -> GaussianPosterior:
    process = GaussianProcess(DecisionKernel(_columns(used.factors)))
    return process.fit(_rows(used.factors, used.codes), warp.forth(used.targets), 0)


def _density(warp: Warp, posterior: GaussianPosterior, targets: Vector) -> float:
    """The summed log density of all targets, each given the others, in the objective's own unit."""
    import numpy as np

    mean, deviation = posterior.left_out()
    warped = warp.forth(targets)
    stretched = np.log(deviation * np.abs(warp.slope(warped)))
    return float((-0.5 * ((warped - mean) / deviation) ** 2 - stretched).sum())


def codes_of(factors: Sequence[Factor], architectures: Iterable[Architecture]) -> Codes:
    """Return the (n, d) codes of architectures.

    Raises:
        ConfigError: one holds a value that no row had.
    """
    import numpy as np

    codes = [[factor.code(architecture) for factor in factors] for architecture in architectures]
    return np.array(codes, dtype=np.int64).reshape(len(codes), len(factors))


def _chosen(evidence: Evidence) -> Codes:
    import numpy as np

    if len(evidence) <= MOST_ROWS:
        return np.arange(len(evidence))
    sign = 1.0 if evidence.objective.direction == "minimize" else -1.0
    order = np.argsort(sign * evidence.targets, kind="stable")
    best, rest = order[: MOST_ROWS // 4], np.sort(order[MOST_ROWS // 4 :])
    return np.sort(np.concatenate([best, rest[evenly(len(rest), MOST_ROWS - len(best))]]))


def _columns(factors: Sequence[Factor]) -> Columns:
    names = tuple(factor.name for factor in factors)
    start: Mapping[str, int] = {}
    return Columns(
        (),
        names,
        tuple(range(len(names))),
        tuple(factor.ordered for factor in factors),
        tuple(factor.inactive is not None for factor in factors),
        start,
        {},
    )


def _rows(factors: Sequence[Factor], codes: Codes) -> Matrix:
    """What the kernel reads: ordered levels in 0..1, other codes as they are, NaN where a decision is not there."""
    import numpy as np

    rows: Matrix = codes.astype(np.float64)
    for place, factor in enumerate(factors):
        absent = factor.inactive
        if factor.ordered:
            rows[:, place] /= max(1, len(factor.levels) - 1 - (absent is not None))
        if absent is not None:
            rows[codes[:, place] == absent, place] = np.nan
    return rows
