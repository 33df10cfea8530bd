"""Covariances between architectures: which decisions differ, and by how much (algorithms of Gaussian processes).

A row holds one column per decision of the unrolled space (one per element for a subset), NaN where it is inactive:

    k(a, b) = ∏ over decisions of  exp(−w_e·1[a_e ≠ b_e])        choices, optionals, elements of subsets (Hamming)
                                   Matérn-5/2(λ_e·|a_e − b_e|)    integers, lengths, real numbers (unit interval)

A decision that is conditional is compared only where it is active in both: with base kernel c its factor is
ρ² + (1 − ρ²)·c there, the constant ρ where it is active in one of the two, and 1 where it is active in neither. This
is a kernel for every ρ in 0..1, whatever c is: the Schur complement of "inactive" is (1 − ρ²)·c.

The scales w, λ (one per decision: automatic relevance determination) and ρ are learned under a broad log-normal prior
that shrinks with the number of decisions, so that many decisions start out as smooth as few (Hvarfner et al., "Vanilla
Bayesian optimization performs great in high dimensions", ICML 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, log, sqrt
from typing import TYPE_CHECKING, Any, Protocol

from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.describing import Decision
from searchitect.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]
    Rows = npt.NDArray[Any]

__all__ = ["Columns", "Comparison", "DecisionComparison", "DecisionKernel", "Kernel", "Prior", "matern"]

TIED_ABOVE = 40
"""With more places of decisions than this, the same decision in all elements of a repeat shares one scale."""

SPREAD = 1.5
"""Prior median of −log k between two architectures that differ in every decision."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Independent normal priors of the logarithms (the logit for ρ) of the hyper-parameters, with hard bounds."""

    mean: Vector
    deviation: Vector
    low: Vector
    high: Vector


class Comparison(Protocol):
    """What a kernel prepares once of two sets of rows, n and m, to be evaluated at many hyper-parameters."""

    def correlation(self, theta: Vector) -> Matrix:
        """Return the (n, m) correlations."""
        ...

    def slopes(self, theta: Vector, weights: Matrix) -> Vector:
        """Return sum(weights · ∂correlation/∂theta_i) for each i; `weights` is (n, m)."""
        ...


class Kernel(Protocol):
    """A correlation with hyper-parameters: 1 for a row with itself."""

    def prior(self) -> Prior: ...

    def compare(self, first: Rows, second: Rows) -> Comparison:
        """Compare two arrays with one row per architecture, in whatever form this kernel reads."""
        ...


@dataclass(frozen=True)
class Columns:
    """How the architectures of a space become rows, and which columns share a scale.

    Attributes:
        decisions: every place of the unrolled space.
        names: one per scale: the decision's path, or its pattern where places are tied.
    """

    decisions: tuple[Decision, ...]
    names: tuple[str, ...]
    scale: tuple[int, ...]
    numeric: tuple[bool, ...]
    conditional: tuple[bool, ...]
    _start: Mapping[str, int] = field(repr=False)
    _codes: Mapping[str, dict[Value, tuple[float, ...]]] = field(repr=False)

    @classmethod
    def of(cls, space: SearchSpace) -> Columns:
        """Lay out the decisions of a space. Raises SpaceError where it unrolls to more than 100,000."""
        decisions = space.decisions()
        tied = len(decisions) > TIED_ABOVE
        names = tuple(dict.fromkeys(d.pattern if tied else d.path for d in decisions))
        place = {name: i for i, name in enumerate(names)}
        start: dict[str, int] = {}
        scale: list[int] = []
        numeric: list[bool] = []
        conditional: list[bool] = []
        for decision in decisions:
            start[decision.path] = len(scale)
            width = len(decision.options or ()) if decision.kind == "subset" else 1
            scale += [place[decision.pattern if tied else decision.path]] * width
            numeric += [decision.options is None] * width
            conditional += [decision.conditional] * width
        often = {s for s, c in zip(scale, conditional, strict=True) if c}
        conditional = [s in often for s in scale]
        codes: dict[str, dict[Value, tuple[float, ...]]] = {d.path: _listed(d) for d in decisions}
        return cls(decisions, names, tuple(scale), tuple(numeric), tuple(conditional), start, codes)

    @cached_property
    def sometimes(self) -> tuple[bool, ...]:
        """Per scale, whether a decision of it can be inactive."""
        found = [False] * len(self.names)
        for scale, conditional in zip(self.scale, self.conditional, strict=True):
            found[scale] |= conditional
        return tuple(found)

    @cached_property
    def _by_path(self) -> dict[str, Decision]:
        return {decision.path: decision for decision in self.decisions}

    def encode(self, architectures: Sequence[Architecture]) -> Matrix:
        """Return one row per architecture, NaN where a decision is inactive. About 3 µs per architecture."""
        import numpy as np

        places: list[int] = []
        values: list[float] = []
        for row, architecture in enumerate(architectures):
            base = row * len(self.scale)
            for path, value in architecture.items():
                code = self._codes[path].get(value)
                code = _code(self._by_path[path], value) if code is None else code
                start = base + self._start[path]
                places.extend(range(start, start + len(code)))
                values.extend(code)
        flat = np.full(len(architectures) * len(self.scale), np.nan)
        flat[places] = values
        return flat.reshape(len(architectures), len(self.scale))

    def scales(self, theta: Vector) -> dict[str, float]:
        """Return the scale w or λ of each name, largest first."""
        sizes = [(exp(log_scale), name) for log_scale, name in zip(theta.tolist(), self.names, strict=False)]
        return {name: size for size, name in sorted(sizes, key=lambda pair: -pair[0])}


def _listed(decision: Decision) -> dict[Value, tuple[float, ...]]:
    """Codes of the values that can be listed; others are computed when they occur."""
    if decision.kind == "subset" or decision.options is None:
        return {}
    return {option: (float(place),) for place, option in enumerate(decision.options)}


def _code(decision: Decision, value: Value) -> tuple[float, ...]:
    if isinstance(value, tuple):
        return tuple(float(option in value) for option in decision.options or ())
    assert isinstance(value, (int, float))
    assert decision.low is not None
    assert decision.high is not None
    low, high, number = decision.low, decision.high, float(value)
    if decision.log:
        low, high, number = log(low), log(high), log(number)
    return ((number - low) / (high - low) if high > low else 0.0,)


@dataclass(frozen=True)
class DecisionKernel:
    """The product over decisions that is described above.

    Hyper-parameters theta: log w or log λ per name of `columns.names`, then logit ρ where anything is conditional.
    """

    columns: Columns

    def prior(self) -> Prior:
        import numpy as np

        columns, total = self.columns, len(self.columns.scale)
        numeric = np.zeros(len(columns.names), dtype=bool)
        numeric[list(columns.scale)] = columns.numeric
        # Matérn-5/2 falls about like exp(−5r²/6), and r² is 1/6 on average between two points of the unit interval.
        mean = np.where(numeric, 0.5 * np.log(7.2 * SPREAD / total), np.log(SPREAD / total))
        low, high = np.where(numeric, log(0.05), log(1e-3)), np.where(numeric, log(30.0), log(6.0))
        mean, deviation = np.clip(mean, low, high), np.full(len(mean), 2.0)
        if not any(columns.conditional):
            return Prior(mean, deviation, low, high)
        return Prior(np.append(mean, 1.0), np.append(deviation, 1.0), np.append(low, -2.0), np.append(high, 4.0))

    def compare(self, first: Rows, second: Rows) -> DecisionComparison:
        import numpy as np

        columns, shape = self.columns, (len(first), len(second))
        listed = sorted({s for s, numeric in zip(columns.scale, columns.numeric, strict=True) if not numeric})
        unequal = np.zeros((len(listed), *shape))
        apart: list[tuple[int, Matrix, Matrix | None]] = []
        lone = np.zeros(shape) if any(columns.conditional) else None
        for c, scale in enumerate(columns.scale):
            one, other, both = first[:, c, None], second[None, :, c], None
            if columns.conditional[c]:
                here, there = ~np.isnan(one), ~np.isnan(other)
                if not here.any() and not there.any():
                    continue
                both = (here & there).astype(np.float64)
                if lone is not None:
                    lone += here ^ there
            if columns.numeric[c]:
                apart.append((scale, np.nan_to_num(np.abs(one - other)), both))
            else:
                unequal[listed.index(scale)] += one != other if both is None else (one != other) * both
        return DecisionComparison(self, listed, unequal, apart, lone)


@dataclass(frozen=True)
class DecisionComparison:
    """Differences of two sets of rows.

    Attributes:
        listed: scales of categorical columns; `unequal[i]` counts where columns of `listed[i]` differ, both active.
        apart: per numeric column its scale, distances, and 1 where both are active (None: always).
        lone: number of decisions active in one of the two only.
    """

    kernel: DecisionKernel
    listed: list[int]
    unequal: Matrix
    apart: list[tuple[int, Matrix, Matrix | None]]
    lone: Matrix | None

    def correlation(self, theta: Vector) -> Matrix:
        import numpy as np

        rho = self._rho(theta)
        exponent = np.tensordot(-self._rates(theta, rho)[0], self.unequal, axes=1)
        for scale, distance, both in self.apart:
            base, _ = matern(np.exp(theta[scale]) * distance)
            exponent += np.log(base) if both is None else both * np.log(rho**2 + (1 - rho**2) * base)
        if self.lone is not None:
            exponent += np.log(rho) * self.lone
        result: Matrix = np.exp(exponent, out=exponent)
        return result

    def slopes(self, theta: Vector, weights: Matrix) -> Vector:
        import numpy as np

        rho = self._rho(theta)
        weighted = weights * self.correlation(theta)
        found = np.zeros(len(theta))
        counts = -np.tensordot(self.unequal, weighted, axes=2)
        _, by_log_w, by_rho = self._rates(theta, rho)
        found[self.listed] = counts * by_log_w
        toward_rho = float(counts @ by_rho)
        for scale, distance, both in self.apart:
            r = np.exp(theta[scale]) * distance
            base, slope = matern(r)
            if both is None:
                found[scale] += (weighted * r * slope / base).sum()
                continue
            share = both * weighted / (rho**2 + (1 - rho**2) * base)
            found[scale] += (1 - rho**2) * (share * r * slope).sum()
            toward_rho += 2 * rho * (share * (1 - base)).sum()
        if self.lone is not None:
            toward_rho += (weighted * self.lone).sum() / rho
            found[-1] = toward_rho * rho * (1 - rho)
        return found

    def _rho(self, theta: Vector) -> float:
        return 0.0 if self.lone is None else float(1 / (1 + exp(-theta[-1])))

    def _rates(self, theta: Vector, rho: float) -> tuple[Vector, Vector, Vector]:
        """u = −log(ρ² + (1 − ρ²)·exp(−w)) of each categorical scale, ∂u/∂log w, ∂u/∂ρ; ρ is 0 if never inactive."""
        import numpy as np

        square = np.where([self.kernel.columns.sometimes[scale] for scale in self.listed], rho**2, 0.0)
        w = np.exp(theta[self.listed])
        inside = square + (1 - square) * np.exp(-w)
        return -np.log(inside), (1 - square) * np.exp(-w) * w / inside, -2 * np.sqrt(square) * -np.expm1(-w) / inside


def matern(r: Matrix) -> tuple[Matrix, Matrix]:
    """Matérn-5/2 at distance r, and its slope; bounded from below so that its logarithm is finite."""
    import numpy as np

    scaled = sqrt(5.0) * np.minimum(r, 50.0)
    fall = np.exp(-scaled)
    return (1 + scaled + scaled**2 / 3) * fall, -(sqrt(5.0) / 3) * scaled * (1 + scaled) * fall
