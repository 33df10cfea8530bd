"""Did one search for all scenarios help? The importance-weighted difference to random search's portfolio."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.objectives import Objective
from searchitect.portfolio.planning import Assignment, PortfolioPlan, assigned
from searchitect.study.finalists import Finalist
from searchitect.study.verdict import Verdict
from searchitect.trial import Trial

__all__ = ["judge_portfolios", "weighted_difference"]


def judge_portfolios(
    plan: PortfolioPlan,
    finalists: Sequence[Finalist],
    objectives: Sequence[Objective],
    trials: Sequence[Trial],
    tested: Mapping[str, Any] | None,
) -> Verdict | None:
    """The verdict over all scenarios; None where random search was not run.

    Args:
        tested: "portfolio" in the test result: the difference with its interval, by bootstrap; otherwise it comes from
            the confirmation seeds (Welch).
    """
    ours, theirs = (assigned(plan, [f for f in finalists if f.arm == arm], objectives) for arm in ("search", "random"))
    if not any(f.arm == "random" for f in finalists):
        return None
    alone = [a.scenario.name for a, b in zip(ours, theirs, strict=True) if a.finalist and not b.finalist]
    missed = [a.scenario.name for a, b in zip(ours, theirs, strict=True) if b.finalist and not a.finalist]
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.finalist and b.finalist]
    served = _served_words(alone, missed)
    if not both:
        kind = "search_helped" if alone else "random_better" if missed else "not_compared"
        return Verdict(kind, f"No scenario is served by both searches.{served}")
    if tested and "difference" in tested:
        difference, (low, high), where = tested["difference"], tested["interval"], "on test data"
    else:
        difference, (low, high) = weighted_difference(plan, ours, theirs, objectives[0], trials)
        where = "over fresh seeds on validation data"
    same = all(a.finalist and b.finalist and a.finalist.key == b.finalist.key for a, b in both)
    text = (
        f"{difference:+.4f} {objectives[0].name} on average over {len(both)} scenario(s), weighted by importance, "
        f"against random search's portfolio at equal cost (95 % interval {low:+.4f} to {high:+.4f}, {where})"
    )
    if same and not alone and not missed:
        return Verdict("no_difference", "The search did not help: random search found the same models.", 0.0, (0, 0))
    if (low > 0 and not missed) or (alone and not missed and high >= 0):
        return Verdict("search_helped", f"The search helped: {text}.{served}", difference, (low, high))
    if (high < 0 and not alone) or (missed and not alone and low <= 0):
        return Verdict("random_better", f"Random search did better: {text}.{served}", difference, (low, high))
    return Verdict("no_difference", f"The search did not measurably help: {text}.{served}", difference, (low, high))


def weighted_difference(
    plan: PortfolioPlan,
    ours: Sequence[Assignment],
    theirs: Sequence[Assignment],
    objective: Objective,
    trials: Sequence[Trial],
) -> tuple[float, tuple[float, float]]:
    """Search minus random, positive where the search is better, with its 95 % interval (Welch, by seeds).

    A member that serves several scenarios counts once, with the weighted sum of what it is worth there per seed.
    """
    pairs = [
        (share, a, b)
        for share, a, b in zip(plan.importance(), ours, theirs, strict=True)
        if a.finalist is not None and b.finalist is not None
    ]
    total = sum(share for share, _, _ in pairs)
    sides = [
        _by_member([(share / total, a) for share, a, _ in pairs], objective, trials),
        _by_member([(share / total, b) for share, _, b in pairs], objective, trials),
    ]
    means = [sum(statistics.fmean(values) for values in side) for side in sides]
    sign = 1.0 if objective.direction == "maximize" else -1.0
    difference = sign * (means[0] - means[1])
    parts = [values for side in sides for values in side]
    if any(len(values) < 2 for values in parts):
        return difference, (-math.inf, math.inf)
    variances = [statistics.variance(values) / len(values) for values in parts]
    if not any(variances):
        return difference, (difference, difference)
    from scipy import stats

    freedom = sum(variances) ** 2 / sum(v**2 / (len(p) - 1) for v, p in zip(variances, parts, strict=True))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(sum(variances))
    return difference, (difference - half, difference + half)


def _by_member(
    shares: Sequence[tuple[float, Assignment]], objective: Objective, trials: Sequence[Trial]
) -> list[list[float]]:
    sums: dict[str, list[float]] = {}
    for share, assignment in shares:
        finalist = assignment.finalist
        assert finalist is not None
        metric = assignment.scenario.metric(objective.name)
        values = [share * trials[n].measurements[metric] for n in finalist.trials]
        before = sums.get(finalist.key)
        sums[finalist.key] = values if before is None else [a + b for a, b in zip(before, values, strict=True)]
    return list(sums.values())


def _served_words(alone: Sequence[str], missed: Sequence[str]) -> str:
    text = f" Random search serves no model to {', '.join(alone)}." if alone else ""
    return text + (f" Only random search serves {', '.join(missed)}." if missed else "")
