"""Directions and limits: which measurement is wanted high or low, and which values are not acceptable.

`"accuracy"`, `"latency_ms"`, `"minimize my_number"` are objectives; `"parameters<=100000"` is a constraint;
`"accuracy>=0.95"` as `until` is a stop condition of the same form.

A measurement that was predicted comes with a second one, `NAME_log_sd`: the standard deviation of its natural
logarithm. A limit on it is probable, not certain, and holds where its probability reaches the limit's confidence:
`"latency_ms_phone<=20@0.9"`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from searchitect.errors import ConfigError, ConstraintError

__all__ = [
    "CONFIDENCE",
    "Constraint",
    "Objective",
    "check_consistent",
    "cut_to_range",
    "is_maximized",
    "log_sd_name",
    "parse_constraint",
    "parse_objective",
]

CONFIDENCE = 0.95
"""Probability that a limit on a predicted measurement must reach, unless another is asked for."""

Direction = Literal["maximize", "minimize"]

_SHARES = ("accuracy", "precision", "recall", "f1", "auroc")

_HIGHER_IS_BETTER = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "auroc",
    "r2",
    "reward",
    "score",
    "throughput",
    "agreement",
    "surrogate_fidelity",
    "explanation_stability",
)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}
_CONSTRAINT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(<=|>=|==|<|>)\s*([^\s@]+)\s*(?:@\s*(\S+)\s*)?$")


@dataclass(frozen=True, slots=True)
class Objective:
    """A measurement to optimise and its direction."""

    name: str
    direction: Direction

    def better(self, first: float, second: float) -> bool:
        """Whether `first` is strictly better than `second`."""
        return first > second if self.direction == "maximize" else first < second

    def loss(self, value: float) -> float:
        """The value with the sign that makes smaller better."""
        return -value if self.direction == "maximize" else value

    def __str__(self) -> str:
        return f"{self.direction} {self.name}"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A measurement, a relation ("<=" or ">="), a finite limit, and how sure a prediction must be to keep it."""

    name: str
    relation: Literal["<=", ">="]
    limit: float
    confidence: float = CONFIDENCE

    @property
    def names(self) -> tuple[str, str]:
        """The measurements it reads: the one it is on, and how sure that is."""
        return self.name, log_sd_name(self.name)

    def bound(self, measurements: Mapping[str, float]) -> float:
        """What the measurement keeps with the limit's confidence: itself where it is certain, NaN without it.

        A prediction is log-normal around the value given: its quantile is value·exp(±z·sd).
        """
        value, deviation = (measurements.get(name, math.nan) for name in self.names)
        if not deviation > 0.0 or not value > 0.0:
            return value
        z = NormalDist().inv_cdf(self.confidence)
        return value * math.exp(z * deviation if self.relation == "<=" else -z * deviation)

    def holds(self, measurements: Mapping[str, float]) -> bool:
        """Whether the limit is kept, with its confidence; a missing measurement does not keep it."""
        return _OPERATORS[self.relation](self.bound(measurements), self.limit)

    def probability(self, measurements: Mapping[str, float]) -> float:
        """How probable it is that the limit is kept: 0 or 1 for a certain measurement, 0 for a missing one."""
        value, deviation = (measurements.get(name, math.nan) for name in self.names)
        if not deviation > 0.0 or not value > 0.0 or not self.limit > 0.0:
            return float(_OPERATORS[self.relation](value, self.limit))
        below = NormalDist().cdf((math.log(self.limit) - math.log(value)) / deviation)
        return below if self.relation == "<=" else 1.0 - below

    def excess(self, measurements: Mapping[str, float]) -> float:
        """By how much the limit is broken, as a share of it: 0 where it is kept, infinite without the measurement."""
        value = self.bound(measurements)
        if _OPERATORS[self.relation](value, self.limit):
            return 0.0
        share = abs(value - self.limit) / (abs(self.limit) or 1.0)
        return math.inf if math.isnan(share) else share

    def explained(self, measurements: Mapping[str, float]) -> str:
        """One sentence on a limit that is not kept."""
        value = measurements.get(self.name, math.nan)
        if not measurements.get(log_sd_name(self.name), 0.0) > 0.0:
            return f"{self.name} is {value:g}, the limit is {self}"
        return (
            f"{self.name} is predicted as {value:.3g}, which keeps {self} with probability "
            f"{self.probability(measurements):.2f}, not {self.confidence:g}"
        )

    def __str__(self) -> str:
        sure = "" if self.confidence == CONFIDENCE else f"@{self.confidence:g}"
        return f"{self.name}{self.relation}{self.limit:g}{sure}"


def log_sd_name(name: str) -> str:
    """The measurement that says how sure a prediction is: the standard deviation of its natural logarithm."""
    return f"{name}_log_sd"


def cut_to_range(metric: str, interval: tuple[float, float]) -> tuple[float, float]:
    """Return the interval, cut to 0..1 where the metric is a share: that much is known however little was measured."""
    if not any(word in metric for word in _SHARES):
        return interval
    return max(0.0, interval[0]), min(1.0, interval[1])


def is_maximized(name: str) -> bool:
    """Whether a measurement of this name is better when higher, judged by the words in it."""
    return any(word in name.lower() for word in _HIGHER_IS_BETTER)


def parse_objective(text: str | Objective) -> Objective:
    """Read `"accuracy"`, `"maximize accuracy"` or `"minimize latency_ms"`.

    Without a direction it is taken from the name: accuracy, precision, recall, F1, AUROC, R², reward, score,
    throughput, agreement, surrogate_fidelity and explanation_stability are maximised, everything else (loss, error,
    parameters, flops, latency …) is minimised.

    Raises:
        ConfigError: the text has another form.
    """
    if isinstance(text, Objective):
        return text
    words = text.split()
    if len(words) == 1 and words[0].isidentifier() and words[0] not in ("maximize", "minimize"):
        return Objective(words[0], "maximize" if is_maximized(words[0]) else "minimize")
    if len(words) == 2 and words[0] in ("maximize", "minimize") and words[1].isidentifier():
        return Objective(words[1], "maximize" if words[0] == "maximize" else "minimize")
    raise ConfigError(
        f"cannot read the objective {text!r}",
        hint="write a measurement's name, or 'minimize NAME' / 'maximize NAME'",
    )


def parse_constraint(text: str | Constraint) -> Constraint:
    """Read `"parameters<=1e5"`, `"accuracy>=0.95"`, or `"latency_ms_phone<=20@0.9"` with a confidence of its own.

    Raises:
        ConstraintError: the text has another form, the limit is not a finite number, or the confidence no share.
    """
    if isinstance(text, Constraint):
        return text
    match = _CONSTRAINT.match(text)
    if match is None or match[2] not in _OPERATORS:
        raise ConstraintError(
            f"cannot read the constraint {text!r}",
            hint="write NAME<=NUMBER or NAME>=NUMBER, as in 'parameters<=100000'",
        )
    name, relation, number, sure = match.groups()
    try:
        limit = float(number.replace("_", ""))
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ConstraintError(
            f"the limit in {text!r} must be a finite number, got {number!r}",
            hint="a unit stands in the name, as in 'latency_ms<=20' or 'peak_memory_bytes<=256000'",
        )
    return Constraint(name, "<=" if relation == "<=" else ">=", limit, _confidence(text, sure))


def _confidence(text: str, share: str | None) -> float:
    if share is None:
        return CONFIDENCE
    try:
        number = float(share)
    except ValueError:
        number = math.nan
    if not 0.5 <= number < 1.0:
        raise ConstraintError(
            f"the confidence in {text!r} must be a share from 0.5 to below 1, got {share!r}",
            hint="write NAME<=NUMBER@0.9",
        )
    return number


def check_consistent(constraints: Sequence[Constraint]) -> None:
    """Refuse limits that no value can keep, such as `parameters<=10` with `parameters>=20`.

    Raises:
        ConstraintError: names the two that contradict each other.
    """
    for upper in constraints:
        for lower in constraints:
            if (
                upper.name == lower.name
                and upper.relation == "<="
                and lower.relation == ">="
                and lower.limit > upper.limit
            ):
                raise ConstraintError(f"'{upper}' and '{lower}' contradict each other: no {upper.name} keeps both")
