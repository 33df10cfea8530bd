"""Did the search help? One sentence, from intervals, and "no" is an answer.

With a test split the difference between the search's and random search's winner comes from a paired bootstrap over
test examples and seeds (made where the predictions are, in `evaluators.judge`). Without one it comes from the
confirmation seeds: Welch's t interval (Welch, Biometrika 1947).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.objectives import Constraint, Objective
from searchitect.study.finalists import Finalist, winner

__all__ = ["Verdict", "judge", "welch_interval"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a study showed.

    Attributes:
        kind: "search_helped", "no_difference", "random_better", "baseline_better" or "not_compared".
        sentence: the finding in plain words.
        difference: search minus random, in the unit of the objective, positive where the search is better.
        interval: 95 % confidence interval of the difference.
    """

    kind: str
    sentence: str
    difference: float | None = None
    interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        interval = None if self.interval is None else list(self.interval)
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "difference": self.difference,
            "interval": interval,
        }


def judge(
    manifest: Mapping[str, Any],
    finalists: Sequence[Finalist],
    objective: Objective,
    limits: Sequence[Constraint],
    tested: Mapping[str, Any],
) -> Verdict:
    """The verdict of a study.

    Args:
        tested: the `test_result` event, or an empty mapping.
    """
    search = winner(finalists, "search", objective, limits)
    random = winner(finalists, "random", objective, limits)
    if search is None:
        return Verdict("not_compared", "The study is not finished: no winner has been confirmed yet.")
    comparison = tested.get("comparison", {})
    baseline = comparison.get("baseline")
    if random is None:
        reason = manifest["recorded"].get("no_random", "random search at equal cost was not run")
        verdict = Verdict("not_compared", f"Whether the search helped is not known: {reason}.")
        return _with_baseline(verdict, baseline, objective)
    if search.key == random.key:
        text = "The search did not help: random search at equal cost found the same architecture."
        return _with_baseline(Verdict("no_difference", text, 0.0, (0.0, 0.0)), baseline, objective)
    if "random" in comparison:
        measured, where = comparison["random"], "on the test split"
        difference, interval = measured["difference"], tuple(measured["interval"])
    else:
        sign = 1.0 if objective.direction == "maximize" else -1.0
        difference, interval = welch_interval(search.values, random.values, sign)
        where = f"over {len(search.values)} fresh seeds on validation data"
    return _with_baseline(_compared(objective, difference, interval, where), baseline, objective)


def welch_interval(
    first: Sequence[float], second: Sequence[float], sign: float = 1.0
) -> tuple[float, tuple[float, float]]:
    """Difference of the means times `sign`, with its 95 % interval; infinite ends with fewer than two values each."""
    difference = sign * (statistics.fmean(first) - statistics.fmean(second))
    if len(first) < 2 or len(second) < 2:
        return difference, (-math.inf, math.inf)
    from scipy import stats

    a, b = statistics.variance(first) / len(first), statistics.variance(second) / len(second)
    if a + b == 0.0:
        return difference, (difference, difference)
    freedom = (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(a + b)
    return difference, (difference - half, difference + half)


def _compared(objective: Objective, difference: float, interval: Any, where: str) -> Verdict:
    low, high = float(interval[0]), float(interval[1])
    span = (
        f"{_signed(difference)} {objective.name} against random search at equal cost "
        f"(95 % interval {_signed(low)} to {_signed(high)}, {where})"
    )
    if low > 0:
        return Verdict("search_helped", f"The search helped: {span}.", difference, (low, high))
    if high < 0:
        return Verdict("random_better", f"Random search did better: {span}.", difference, (low, high))
    return Verdict("no_difference", f"The search did not measurably help: {span}.", difference, (low, high))


def _with_baseline(verdict: Verdict, baseline: Mapping[str, Any] | None, objective: Objective) -> Verdict:
    """Add how the model stands against the best classical baseline; a clearly better baseline takes the verdict."""
    if baseline is None:
        return verdict
    low, high = baseline["interval"]
    name, reached = baseline["name"].replace("_", " "), f"{baseline['value']:.4g}"
    ours = f"{baseline['ours']:.4g}"
    if high < 0:
        text = f"{verdict.sentence} A plain {name} is better than either: {objective.name} {reached} against {ours}."
        return Verdict("baseline_better", text, verdict.difference, verdict.interval)
    relation = "beats" if low > 0 else "is not measurably different from"
    text = f"{verdict.sentence} The model ({ours}) {relation} an untuned {name} ({reached})."
    return Verdict(verdict.kind, text, verdict.difference, verdict.interval)


def _signed(value: float) -> str:
    if math.isinf(value):
        return "+∞" if value > 0 else "−∞"
    return f"{value:+.4f}".replace("-", "−")
