"""Which decisions matter: shares of the variance of the objective over the space, with 95 % intervals.

Functional ANOVA: f = mean + Σ main effects + Σ pairs + …, each part with mean zero under the shares of the levels, so
that the variance over the space is the sum of theirs. The parts are estimated by a Gaussian process that is made of
them (`anova_process`); the classical forest stands beside it, uncorrected (`forest_anova`), and permutation importance
as a second opinion (`permutation`).

Among the best: everything worse than the best tenth counts as equal to its border, so that the variance left is that
among good architectures and of what makes one good (the cut-off of Hutter, Hoos and Leyton-Brown 2014, section 5).

A decision that is not always there: its share is of all architectures, those included in which it is not there;
`when_active` is what the share would be if it always were. That it is there at all is the effect of the decision that
brings it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.anova_process import AnovaPosterior, AnovaProcess, Spread, columns_of
from searchitect.explain.searches.attention import kendall
from searchitect.explain.searches.conditions import both_there, filled, inseparable
from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.searches.forest_anova import forest_shares
from searchitect.explain.searches.permutation import permutation_shares
from searchitect.explain.searches.sufficient import check_sufficient
from searchitect.explain.searches.support import warnings_of
from searchitect.explain.wording import Words, words
from searchitect.predictors.gaussian_process import evenly
from searchitect.seeding import derive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["FEWEST", "Importance", "Importances", "PairImportance", "Ranking", "importance", "needed", "ranking"]

FEWEST = 20
"""Fewest trials that say anything; one per decision are needed besides."""

MOST_ROWS = 1_000
"""Rows that the process is conditioned on; random ones first."""

CANDIDATES = 60
"""Pairs that are looked at closely, those that the data ask for most."""

WIDEST = 256
"""Two decisions of many options each have more joint effects than this: they are not looked at as a pair."""

DRAWS = 2_000
"""Of the belief in each effect."""

MATTERS = 0.01
"""Share of the variance below which the order of decisions is chance."""

UNIFORM = 30
"""Random rows that are enough to tell where the best tenth begins."""

FEWEST_BEST = 10
"""Trials that must lie above the border of the best tenth."""

LEVEL = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Importance:
    """One decision.

    Attributes:
        share: of the variance over the space, main effect alone; 0 where that is more likely nothing than not.
        low, high: 95 % interval.
        active: how likely the decision is there.
        uncorrected: share by a random forest on the searcher's own trials as they lie; None among the best.
        permutation: half of the rise of the held-out error once it is shuffled, by the variance; None among the best.
    """

    name: str
    share: float
    low: float
    high: float
    active: float = 1.0
    uncorrected: float | None = None
    permutation: float | None = None

    @property
    def when_active(self) -> float:
        """What the share would be if the decision were always there."""
        return self.share / self.active if self.active > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, rounded to six places."""
        told = {"share": self.share, "low": self.low, "high": self.high}
        told |= {"active": self.active, "when_active": self.when_active}
        told |= {k: v for k in ("uncorrected", "permutation") if (v := getattr(self, k)) is not None}
        return {"name": self.name, **{key: round(value, 6) for key, value in told.items()}}


@dataclass(frozen=True, slots=True)
class PairImportance:
    """Two decisions together, beyond what each does alone: share of the variance, with 95 % interval."""

    first: str
    second: str
    share: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, rounded to six places."""
        shares = {"share": self.share, "low": self.low, "high": self.high}
        return {"pair": [self.first, self.second], **{key: round(value, 6) for key, value in shares.items()}}


@dataclass(frozen=True, slots=True)
class Ranking:
    """Decisions and pairs, the most important first.

    Attributes:
        pairs: those that were looked at closely, at most `CANDIDATES`, of decisions that have not too many options.
        interactions: share of all pairs together.
        higher: share of three and more decisions together.
        unexplained: of the variance of the trials, what no effect explains (noise; not part of the shares).
    """

    decisions: tuple[Importance, ...]
    pairs: tuple[PairImportance, ...]
    interactions: float
    higher: float
    unexplained: float

    def to_json(self) -> dict[str, Any]:
        """Return the ranking as plain data."""
        return {
            "decisions": [one.to_json() for one in self.decisions],
            "pairs": [one.to_json() for one in self.pairs],
            "interactions": round(self.interactions, 6),
            "higher": round(self.higher, 6),
            "unexplained": round(self.unexplained, 6),
        }


@dataclass(frozen=True, slots=True)
class Importances:
    """What matters.

    Attributes:
        objective: name of what is explained.
        trials, uniform: rows, and how many of them were drawn at random from the space.
        everywhere: among all architectures of the space.
        best: among the best of them; None where too few trials reached those (`warnings` says so).
        cut: the border of the best, in the unit of the objective.
        agreement: Kendall's τ between the shares and permutation importance, over the decisions that matter by either
            (at least `MATTERS`); None where those are fewer than three.
        warnings: what a reader must know, one sentence each.
    """

    objective: str
    trials: int
    uniform: int
    everywhere: Ranking
    best: Ranking | None
    cut: float | None
    agreement: float | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "objective": self.objective,
            "trials": self.trials,
            "uniform": self.uniform,
            "everywhere": self.everywhere.to_json(),
            "best": None if self.best is None else self.best.to_json(),
            "cut": self.cut,
            "agreement": None if self.agreement is None else round(self.agreement, 6),
            "warnings": list(self.warnings),
        }


def needed(decisions: int) -> int:
    """Return how many trials the importance of so many decisions needs."""
    return max(FEWEST, decisions)


def importance(evidence: Evidence, seed: int = 0, *, best: float = 0.1, say: Words | None = None) -> Importances:
    """Estimate what each decision and each pair of decisions contributes.

    Args:
        seed: of the forests and of the draws; equal arguments give equal results.
        best: how many of all architectures count as the best, as a share; 0 leaves them out.
        say: texts of a language for the warnings; English by default.

    Raises:
        ConfigError: too few trials, all with one value, no decision that differs, or `best` is not in 0..0.5.
    """
    _check(evidence)
    if not 0 <= best <= 0.5:
        raise ConfigError(f"best is a share between 0 and 0.5, got {best:g}", hint="best=0.1 is the best tenth")
    thinned = _thinned(evidence)
    everywhere, posterior = _ranking(thinned, seed)
    kept = inseparable(evidence.codes, evidence.factors)
    everywhere = _with_opinions(everywhere, thinned, seed)
    cut, among, note = _among_best(thinned, posterior, seed, best, say or words())
    agreement = _agreement(everywhere)
    warnings = [*warnings_of(evidence, kept, agreement, say), *([note] if note else [])]
    return Importances(
        evidence.objective.name,
        len(evidence),
        int(evidence.uniform.sum()),
        everywhere,
        among,
        cut,
        agreement,
        tuple(warnings),
    )


def ranking(evidence: Evidence, seed: int = 0) -> Ranking:
    """Estimate the shares among all architectures: the quick part of `importance`, without forests and the best.

    Raises:
        ConfigError: as `importance`.
    """
    _check(evidence)
    return _ranking(_thinned(evidence), seed)[0]


def _check(evidence: Evidence) -> None:
    check_sufficient(evidence, needed(len(evidence.factors)), "importance", of_members=True)


def _thinned(evidence: Evidence) -> Evidence:
    """At most `MOST_ROWS` rows: random ones first, the others at even distances."""
    import numpy as np

    if len(evidence) <= MOST_ROWS:
        return evidence
    order = np.argsort(~evidence.uniform, kind="stable")
    free = int(evidence.uniform.sum())
    if free >= MOST_ROWS:
        return evidence.rows(np.sort(order[:free][evenly(free, MOST_ROWS)]))
    others = order[free:][evenly(len(evidence) - free, MOST_ROWS - free)]
    return evidence.rows(np.sort(np.concatenate([order[:free], others])))


def _ranking(evidence: Evidence, seed: int) -> tuple[Ranking, AnovaPosterior]:
    import numpy as np

    factors, columns = evidence.factors, columns_of(evidence.factors)
    nested = inseparable(evidence.codes, factors)
    posterior = AnovaProcess(columns, nested).fit(evidence.codes, evidence.targets)
    random = np.random.default_rng(derive(seed, "importance draws"))
    mains = [posterior.main(place, random, DRAWS) for place in range(len(factors))]
    rest = (*posterior.rest(), 0.0, 0.0)[:2]
    total = np.sum([main.sceptic for main in mains], axis=0) + sum(rest) + 1e-12
    decisions = [
        Importance(factor.name, *_interval(main, total), active=column.active)
        for factor, main, column in zip(factors, mains, columns, strict=True)
    ]
    pairs = _pairs(evidence, posterior, nested, total, random)
    mean = float(total.mean())
    ranking = Ranking(
        tuple(sorted(decisions, key=lambda one: (-one.share, -one.high))),
        pairs,
        rest[0] / mean,
        rest[1] / mean,
        posterior.noise,
    )
    return ranking, posterior


def _interval(spread: Spread, total: Vector) -> tuple[float, float, float]:
    """Share, low and high: the sceptic sets the lower end, who believes in every effect the upper one.

    An effect that is more likely nothing than something has the share 0.
    """
    import numpy as np

    share = float(spread.sceptic.mean() / total.mean()) if (spread.sceptic > 0).mean() >= 0.5 else 0.0
    low = float(np.quantile(spread.sceptic / total, LEVEL[0]))
    high = float(np.quantile(spread.open / total, LEVEL[1]))
    return share, min(low, share), min(1.0, max(high, share))


def _pairs(
    evidence: Evidence,
    posterior: AnovaPosterior,
    nested: frozenset[tuple[int, int]],
    total: Vector,
    random: np.random.Generator,
) -> tuple[PairImportance, ...]:
    import numpy as np

    count, columns = len(evidence.factors), posterior.process.columns
    varied = [place for place in range(count) if columns[place].loading.shape[1]]
    width = {place: columns[place].loading.shape[1] for place in varied}
    asked = [(a, b) for a, b in combinations(varied, 2) if (a, b) not in nested and width[a] * width[b] <= WIDEST]
    if not asked or not posterior.rest():
        return ()
    strongest = np.argsort(-posterior.pair_scores(asked), kind="stable")[:CANDIDATES]
    found = []
    for a, b in (asked[place] for place in strongest):
        both = both_there(evidence.codes, evidence.factors, a, b)
        spread = posterior.pair(a, b, both, random, DRAWS)
        names = evidence.factors[a].name, evidence.factors[b].name
        found.append(PairImportance(*names, *_interval(spread, total)))
    return tuple(sorted(found, key=lambda pair: (-pair.share, -pair.high)))


def _with_opinions(ranking: Ranking, evidence: Evidence, seed: int) -> Ranking:
    """The same with what the forests say: on the searcher's own rows as they lie, and by permutation on all."""
    import numpy as np

    codes = filled(evidence.codes, evidence.factors, seed)
    searched = ~evidence.uniform
    own = searched if searched.sum() >= FEWEST else np.ones(len(evidence), dtype=bool)
    shares = [f.shares if f.inactive is None else _rescaled(f.shares[:-1]) for f in evidence.factors]
    plain = forest_shares(codes[own], evidence.targets[own], shares, derive(seed, "importance forest")).mains
    shuffled = permutation_shares(codes, evidence.targets, seed)
    said = {f.name: (float(a), float(b)) for f, a, b in zip(evidence.factors, plain, shuffled, strict=True)}
    return replace(
        ranking,
        decisions=tuple(
            replace(one, uncorrected=said[one.name][0], permutation=said[one.name][1]) for one in ranking.decisions
        ),
    )


def _rescaled(shares: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(share / sum(shares) for share in shares)


def _among_best(
    evidence: Evidence, posterior: AnovaPosterior, seed: int, best: float, say: Words
) -> tuple[float | None, Ranking | None, str]:
    """The border of the best, their ranking, and why there is none."""
    import numpy as np

    if not best:
        return None, None, ""
    higher = evidence.objective.direction == "maximize"
    told = evidence.targets[evidence.uniform]
    if len(told) < UNIFORM:
        told = posterior.predict(_drawn(evidence, seed))
    cut = float(np.quantile(told, 1 - best if higher else best))
    clipped = np.maximum(evidence.targets, cut) if higher else np.minimum(evidence.targets, cut)
    beyond = int((clipped != cut).sum())
    if beyond < FEWEST_BEST:
        return cut, None, say("warning.few_best", share=f"{best:.0%}", count=beyond, needed=FEWEST_BEST)
    return cut, _ranking(replace(evidence, targets=clipped), seed)[0], ""


def _drawn(evidence: Evidence, seed: int, count: int = 1_000) -> npt.NDArray[np.int64]:
    """Codes drawn by the shares of the levels."""
    import numpy as np

    random = np.random.default_rng(derive(seed, "importance space"))
    columns = [random.choice(len(factor.shares), count, p=factor.shares) for factor in evidence.factors]
    return np.stack(columns, axis=1).astype(np.int64)


def _agreement(ranking: Ranking) -> float | None:
    said = {one.name: (one.share, one.permutation or 0.0) for one in ranking.decisions}
    said = {name: both for name, both in said.items() if max(both) >= MATTERS}
    return kendall({name: share for name, (share, _) in said.items()}, {name: p for name, (_, p) in said.items()})
