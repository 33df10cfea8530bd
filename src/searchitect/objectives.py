"""Directions and limits: which measurement is wanted high or low, and which values are not acceptable.

`"accuracy"`, `"latency_ms"`, `"minimize my_number"` are objectives; `"parameters<=100000"` is a constraint;
`"accuracy>=0.95"` as `until` is a stop condition of the same form.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from searchitect.errors import ConfigError, ConstraintError

__all__ = [
    "Constraint",
    "Objective",
    "check_consistent",
    "is_maximized",
    "parse_constraint",
    "parse_objective",
]

Direction = Literal["maximize", "minimize"]

_HIGHER_IS_BETTER = ("accuracy", "precision", "recall", "f1", "auroc", "r2", "reward", "score", "throughput")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}
_CONSTRAINT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(<=|>=|==|<|>)\s*(\S+)\s*$")


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
    """A measurement, a relation ("<=" or ">=") and a finite limit."""

    name: str
    relation: Literal["<=", ">="]
    limit: float

    def holds(self, measurements: Mapping[str, float]) -> bool:
        """Whether the limit is kept; a missing measurement does not keep it."""
        value = measurements.get(self.name, math.nan)
        return _OPERATORS[self.relation](value, self.limit)

    def __str__(self) -> str:
        return f"{self.name}{self.relation}{self.limit:g}"


def is_maximized(name: str) -> bool:
    """Whether a measurement of this name is better when higher, judged by the words in it."""
    return any(word in name.lower() for word in _HIGHER_IS_BETTER)


def parse_objective(text: str | Objective) -> Objective:
    """Read `"accuracy"`, `"maximize accuracy"` or `"minimize latency_ms"`.

    Without a direction it is taken from the name: accuracy, precision, recall, F1, AUROC, R², reward, score and
    throughput are maximised, everything else (loss, error, parameters, flops, latency …) is minimised.

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
    """Read `"parameters<=1e5"` or `"accuracy>=0.95"`.

    Raises:
        ConstraintError: the text has another form, or the limit is not a finite number.
    """
    if isinstance(text, Constraint):
        return text
    match = _CONSTRAINT.match(text)
    if match is None or match[2] not in _OPERATORS:
        raise ConstraintError(
            f"cannot read the constraint {text!r}",
            hint="write NAME<=NUMBER or NAME>=NUMBER, as in 'parameters<=100000'",
        )
    name, relation, number = match.groups()
    try:
        limit = float(number.replace("_", ""))
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ConstraintError(f"the limit in {text!r} must be a finite number, got {number!r}")
    return Constraint(name, "<=" if relation == "<=" else ">=", limit)


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
