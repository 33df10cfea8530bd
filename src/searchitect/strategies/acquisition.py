"""What a model-based strategy tries next: how promising a prediction is, and the search for the most promising.

All scores are to be maximised; predictions are of a loss, smaller is better.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Literal

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.strategy import Setting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Matrix = npt.NDArray[np.float64]

__all__ = [
    "ACQUISITIONS",
    "Acquisition",
    "confidence_bound",
    "first_allowed",
    "hypervolume_improvement",
    "log_expected_improvement",
    "most_promising",
]

Acquisition = Literal["ei", "ucb", "thompson", "independent"]
ACQUISITIONS = ("ei", "ucb", "thompson", "independent")

ROUNDS, LOOKED_AT = 3, 6
"""Rounds of mutation where limits forbid what promises most; how many times `elite` candidates are asked for others."""

Score = Callable[[Sequence[Architecture]], "Vector"]


def log_expected_improvement(mean: Vector, deviation: Vector, best: float | Vector) -> Vector:
    """Return log E[max(best − f, 0)], finite even where the improvement underflows.

    Ament et al., "Unexpected improvements to expected improvement for Bayesian optimization", NeurIPS 2023, eq. 9.
    """
    import numpy as np
    from scipy.special import erfcx, ndtr

    z = (best - mean) / deviation
    near, far = np.maximum(z, -1.0), np.minimum(z, -1.0)
    plain = np.log(np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi) + near * ndtr(near))
    # 1 + far·√(π/2)·erfcx(−far/√2) loses all digits for far < −1e4 or so, where it is 1/far² to high accuracy.
    safe = np.maximum(far, -1e3)
    rest = np.log1p(safe * np.sqrt(np.pi / 2) * erfcx(-safe / np.sqrt(2.0)))
    rest = np.where(far < -1e3, -2 * np.log(-far), rest)
    tail = -0.5 * far**2 - 0.5 * np.log(2 * np.pi) + rest
    return np.asarray(np.log(deviation) + np.where(z > -1.0, plain, tail))


def hypervolume_improvement(mean: Matrix, deviation: Matrix, front: Matrix, reference: Vector) -> Vector:
    """Return the log of the expected hypervolume improvement for two objectives, in closed form.

    Between neighbours of the front, f1 in a strip (aᵢ, aᵢ₊₁), a point gains what it covers of the strip below bᵢ. With
    independent normal f1 and f2 the expectation is Σ (E[(aᵢ₊₁ − f1)⁺] − E[(aᵢ − f1)⁺]) · E[(bᵢ − f2)⁺] (Yang, Emmerich,
    Deutz & Bäck, "Efficient computation of expected hypervolume improvement", J. Global Optimization 2019).

    Args:
        mean, deviation: of the losses, shape (n, 2).
        front: non-dominated losses, shape (k, 2).
        reference: shape (2,).
    """
    import numpy as np
    from scipy.special import logsumexp

    inside = front[(front < reference).all(axis=1)]
    inside = inside[inside[:, 0].argsort(kind="stable")]
    ends = np.append(inside[:, 0], reference[0])  # aᵢ₊₁
    tops = np.insert(inside[:, 1], 0, reference[1])  # bᵢ
    reached = log_expected_improvement(mean[:, :1], deviation[:, :1], ends)
    before = np.insert(reached[:, :-1], 0, -np.inf, axis=1)
    # log(e^reached − e^before): a strip of no width, between points with equal f1, has nothing to give
    with np.errstate(divide="ignore"):
        widths = reached + np.log1p(-np.exp(np.minimum(before - reached, 0.0)))
    return np.asarray(logsumexp(widths + log_expected_improvement(mean[:, 1:], deviation[:, 1:], tops), axis=1))


def confidence_bound(mean: Vector, deviation: Vector, width: float = 2.0) -> Vector:
    """Return the optimistic end of the interval, `width` deviations from the mean (GP-UCB, Srinivas et al. 2010)."""
    return width * deviation - mean


def first_allowed(setting: Setting, candidates: Sequence[Architecture], score: Vector) -> Architecture | None:
    """Return the candidate of the highest score among those that limits allow, or None."""
    order = (-score).argsort(kind="stable").tolist()
    return next((candidates[place] for place in order if not setting.check(candidates[place])), None)


def most_promising(
    setting: Setting,
    seen: Container[str],
    parents: Sequence[Architecture],
    score: Score,
    rng: random.Random,
    *,
    random_draws: int = 150,
    mutants: int = 150,
    elite: int = 10,
) -> Architecture | None:
    """Maximise a score by evolution and return the best architecture that is allowed and was not tried.

    Candidates are random ones and minimal mutations, one decision changed, of the `parents`; then the `elite` best of
    these are mutated once more. Where limits forbid some of them it is the best of what is allowed, up to three times:
    under a tight limit most candidates are forbidden, and so are the neighbours of what promises most. That minimal
    mutations of the incumbent, not the model, are what makes such a search strong is the finding of Schneider et al.
    2021 (arXiv 2107.07343).

    Args:
        seen: canonical keys of what was tried.
        parents: best first; each gets its share of the mutants.
    """
    space = setting.space
    pool: dict[Architecture, float] = {}
    verdicts: dict[Architecture, bool] = {}

    def grow(candidates: Sequence[Architecture]) -> None:
        new = [a for a in dict.fromkeys(candidates) if a not in pool]
        if new:
            pool.update(zip(new, score(new).tolist(), strict=True))

    def ranked() -> list[Architecture]:
        return sorted(pool, key=pool.__getitem__, reverse=True)

    def is_allowed(architecture: Architecture) -> bool:
        if architecture not in verdicts:
            verdicts[architecture] = not setting.check(architecture)
        return verdicts[architecture]

    try:
        drawn = [space.sample(rng) for _ in range(random_draws)]
        grow(drawn + [space.mutate(parents[i % len(parents)], rng) for i in range(mutants if parents else 0)])
        for again in range(ROUNDS):
            best = ranked()[:elite]
            kept = list(filter(is_allowed, best))
            if again and len(kept) == len(best):
                break
            if len(kept) < len(best):  # what promises most is forbidden: look around what is not
                kept = (list(filter(is_allowed, ranked()[: LOOKED_AT * elite])) or list(parents))[:elite]
            grow([space.mutate(kept[i % len(kept)], rng) for i in range(mutants // 3 if kept else 0)])
    except SpaceError:  # a space of one architecture cannot be mutated; whether that one is left is asked below
        pass
    for architecture in ranked():
        if space.key(architecture) not in seen and is_allowed(architecture):
            return architecture
    return first_fresh(setting, seen, lambda: space.sample(rng))
