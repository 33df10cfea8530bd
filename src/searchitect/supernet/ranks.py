"""Do shared weights rank architectures as training alone does? Measured, never assumed.

A few random subnets are trained alone on a small budget; Kendall's τ compares the two orders, with an interval from
resampled architectures. Where the interval includes 0 nothing may be selected by shared weights. How shared weights
mislead: Yu et al., "Evaluating the search phase of neural architecture search", ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from searchitect.errors import ConfigError
from searchitect.evaluation import Context
from searchitect.seeding import derive, isolated, stream
from searchitect.spaces import Architecture, Recipe, SearchSpace
from searchitect.supernet.gaps import DiscretisationGap
from searchitect.supernet.open_build import Supernet
from searchitect.supernet.scoring import SharedScores
from searchitect.tasks import METRICS, Task, with_preprocessing
from searchitect.training import train
from searchitect.trial import Fidelity

__all__ = ["RankReport", "RankedSubnet", "kendall_tau", "rank_report", "tau_interval"]

FEWEST = 5
"""Architectures below which an interval of τ says nothing."""

RESAMPLES = 2_000
LEVEL = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankedSubnet:
    """One architecture, by shared weights and trained alone, in the unit of the task's first metric."""

    architecture: Architecture
    shared: float
    alone: float


@dataclass(frozen=True, slots=True)
class RankReport:
    """How well shared weights rank.

    Attributes:
        metric: what both columns are.
        pairs: the architectures, drawn at random from the space.
        tau: Kendall's τ-b between shared weights and training alone; `interval` is its 95 % bootstrap interval.
        tau_top_half: the same among the half that is best when trained alone.
        gap: of the architecture that shared weights hold best.
        epochs: of each training alone.
    """

    metric: str
    pairs: tuple[RankedSubnet, ...]
    tau: float
    interval: tuple[float, float]
    tau_top_half: float
    interval_top_half: tuple[float, float]
    gap: DiscretisationGap
    epochs: int

    @property
    def trusted(self) -> bool:
        """Whether the interval lies above 0: shared weights then rank better than chance."""
        return self.interval[0] > 0

    def text(self) -> str:
        """The report in four lines."""
        half = (len(self.pairs) + 1) // 2
        verdict = (
            "shared weights may select"
            if self.trusted
            else "the interval includes 0: shared weights rank no better than chance and must not select"
        )
        return "\n".join(
            [
                f"Kendall's τ {_signed(self.tau)} {_span(self.interval)} between shared weights and training alone "
                f"({len(self.pairs)} random architectures, {self.epochs} epochs each, {self.metric})",
                f"among the best {half} τ {_signed(self.tau_top_half)} {_span(self.interval_top_half)}",
                self.gap.text(),
                verdict,
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; `from_json` reads it back."""
        document = asdict(self)
        document["pairs"] = [
            {"architecture": p.architecture.to_json(), "shared": p.shared, "alone": p.alone} for p in self.pairs
        ]
        return document | {"trusted": self.trusted}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RankReport:
        """The report that `to_json` wrote."""
        pairs = tuple(
            RankedSubnet(Architecture.from_json(p["architecture"]), float(p["shared"]), float(p["alone"]))
            for p in value["pairs"]
        )
        low, high = value["interval"]
        low_top, high_top = value["interval_top_half"]
        return cls(
            str(value["metric"]), pairs, float(value["tau"]), (float(low), float(high)),
            float(value["tau_top_half"]), (float(low_top), float(high_top)),
            DiscretisationGap(**{name: float(value["gap"][name]) for name in DiscretisationGap.__slots__}),
            int(value["epochs"]),
        )  # fmt: skip


def kendall_tau(first: ArrayLike, second: ArrayLike) -> float:
    """Return Kendall's τ-b, which counts ties: Kendall, "The treatment of ties in ranking problems", 1945.

    0 where one of the two is constant: an order that tells nothing apart is no order.
    """
    return float(_tau(*_signs(first, second), np.ones((1, len(np.asarray(first)))))[0])


def tau_interval(
    first: ArrayLike, second: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of τ-b over architectures (Efron 1979)."""
    count = len(np.asarray(first))
    rng = np.random.default_rng(derive(seed, "bootstrap"))
    # How often each architecture was drawn. Copies of one tie with each other in both orders, which τ-b leaves out.
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    found = _tau(*_signs(first, second), drawn)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _signs(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return np.sign(a[:, None] - a[None, :]), np.sign(b[:, None] - b[None, :])


def _tau(first: Floats, second: Floats, weights: Floats) -> Floats:
    """τ-b of weighted samples: concordant minus discordant pairs, over the pairs that neither order ties."""

    def pairs(matrix: Floats) -> Floats:
        return np.asarray(np.einsum("ri,ij,rj->r", weights, matrix, weights, optimize=True))

    scale = np.sqrt(pairs(np.abs(first)) * pairs(np.abs(second)))
    return np.divide(pairs(first * second), scale, out=np.zeros_like(scale), where=scale > 0)


def rank_report(
    supernet: Supernet,
    task: Task,
    *,
    architectures: int | Sequence[Architecture] = 12,
    recipe: Recipe = Recipe(),
    shared: SharedScores | None = None,
    seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> RankReport:
    """Train some random subnets alone and compare the orders.

    They are drawn at random, not spread over the supernet's own scores: a sample chosen by one of the two orders would
    flatter their agreement.

    Args:
        architectures: how many, 8 to 20 as a rule; or the very ones.
        recipe: of each training alone; its epochs are the budget.
        shared: how shared weights score; by default with this recipe's batches.
        report: called with (trained, of how many) after each training.

    Raises:
        ConfigError: fewer than 5 architectures.
    """
    chosen = _drawn(supernet, architectures, seed) if isinstance(architectures, int) else list(architectures)
    if len(chosen) < FEWEST:
        raise ConfigError(f"a rank report needs at least {FEWEST} architectures, got {len(chosen)}")
    judge, metric, pairs = shared or SharedScores(supernet, task, recipe), task.metrics[0], []
    for number, architecture in enumerate(chosen):
        alone = train_alone(supernet.space, task, architecture, recipe, derive(seed, "alone", number))
        pairs.append(RankedSubnet(architecture, judge(architecture)[metric], judge.score(alone)[metric]))
        if report is not None:
            report(number + 1, len(chosen))
    sign = 1.0 if METRICS[metric].direction == "maximize" else -1.0
    best = max(pairs, key=lambda pair: sign * pair.shared)
    top = sorted(pairs, key=lambda pair: -sign * pair.alone)[: (len(pairs) + 1) // 2]
    inside = judge.inside(best.architecture)[metric]
    return RankReport(
        metric, tuple(pairs), *_measured(pairs, seed), *_measured(top, seed),
        DiscretisationGap(inside, best.shared, best.alone), recipe.epochs,
    )  # fmt: skip


def _measured(pairs: Sequence[RankedSubnet], seed: int) -> tuple[float, tuple[float, float]]:
    first, second = [pair.shared for pair in pairs], [pair.alone for pair in pairs]
    return kendall_tau(first, second), tau_interval(first, second, seed=seed)


def train_alone(space: SearchSpace, task: Task, architecture: Architecture, recipe: Recipe, seed: int) -> Any:
    """Return the architecture's model, with preprocessing, trained from fresh weights."""
    with isolated(derive(seed, "weights")):
        model = with_preprocessing(task.preprocessing, space.build(architecture, task.spec))
    full = space.recipe(architecture, recipe)
    train(model, task, full, fidelity=Fidelity(epochs=recipe.epochs), context=Context(seed=seed))
    return model


def _drawn(supernet: Supernet, count: int, seed: int) -> list[Architecture]:
    """Different random architectures; all there are where the space is smaller."""
    space, found = supernet.space, dict[str, Architecture]()
    rng = stream(seed, "rank report")
    for _ in range(50 * count):
        architecture = _shared_alike(supernet, space.sample(rng))
        found.setdefault(space.key(architecture), architecture)
        if len(found) == count:
            break
    return list(found.values())


def _shared_alike(supernet: Supernet, sample: Architecture) -> Architecture:
    """The architecture with what the supernet has fixed: it cannot tell training decisions apart."""
    known = {**sample.decisions, **supernet.fixed}
    return supernet.space.decide(lambda path, decision: known.get(path, next(iter(decision.domain.values()))))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _span(interval: tuple[float, float]) -> str:
    return f"(95 % interval {_signed(interval[0])} to {_signed(interval[1])})"
