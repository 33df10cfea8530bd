"""The table of trials as plain rows, for the page and for the command line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.report.numbers import measured, shortened
from searchitect.trial import TrialState

if TYPE_CHECKING:
    from searchitect.objectives import Objective
    from searchitect.result import Result
    from searchitect.spaces.architecture import Value
    from searchitect.trial import Trial

__all__ = ["Row", "Table", "is_feasible", "ranked", "seconds_of", "trials_table"]

MAX_COLUMNS = 7
"""Measurements shown as columns; objectives and limits come first."""
MAX_REASON = 240


@dataclass(frozen=True, slots=True)
class Row:
    """One trial.

    Attributes:
        values: finite measurements by name; `text` writes them.
        note: the reason of a failure, a broken limit, or the trial this one repeats; empty where all is well.
        seconds: wall time of the evaluation; None where nothing ran.
    """

    number: int
    phase: str
    state: str
    values: Mapping[str, float]
    note: str
    seconds: float | None
    decisions: Mapping[str, Value]
    on_front: bool = False

    def text(self, name: str) -> str:
        """The measurement with its unit, or a dash."""
        return measured(name, self.values.get(name))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, best first, with the names of the measurements worth a column.

    Attributes:
        omitted: how many trials of the study are not among the rows.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    omitted: int = 0


def trials_table(result: Result, limit: int | None = None) -> Table:
    """All trials, feasible ones first by the first objective, then those without a result by number.

    With a `limit`, a quarter of the rows is kept for trials that failed, were pruned or infeasible, so that the
    reasons stay in view.
    """
    done = ranked(result.trials, result)
    seen = {trial.number for trial in done}
    rest = [trial for trial in result.trials if trial.number not in seen]
    if limit is not None and len(result.trials) > limit:
        kept_rest = min(len(rest), max(limit // 4, limit - len(done)))
        done, rest = done[: limit - kept_rest], rest[:kept_rest]
    front = {trial.number for trial in result.front}
    rows = tuple(_row(trial, result, trial.number in front) for trial in [*done, *rest])
    return Table(_columns(result), rows, len(result.trials) - len(rows))


def ranked(trials: Iterable[Trial], result: Result) -> list[Trial]:
    """Complete trials that have the first objective, feasible ones first, best first, then by number."""
    if not result.objectives:
        return [trial for trial in trials if trial.is_complete]
    objective = result.objectives[0]
    known = [trial for trial in trials if trial.is_complete and _has(trial, objective)]
    return sorted(
        known,
        key=lambda t: (not is_feasible(t, result), objective.loss(t.measurements[objective.name]), t.number),
    )


def is_feasible(trial: Trial, result: Result) -> bool:
    """Whether a trial keeps every declared limit."""
    return all(constraint.holds(trial.measurements) for constraint in result.constraints)


def seconds_of(trial: Trial) -> float:
    """Wall time of a trial's evaluation; 0 where it is unknown or nothing ran."""
    value = trial.clock.get("seconds", 0.0)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) and value > 0 else 0.0


def _has(trial: Trial, objective: Objective) -> bool:
    return math.isfinite(trial.measurements.get(objective.name, math.nan))


def _columns(result: Result) -> tuple[str, ...]:
    wanted = [o.name for o in result.objectives] + [c.name for c in result.constraints]
    counts = Counter(name for trial in result.trials for name in trial.measurements)
    often = [name for name, _ in counts.most_common()]
    usual = [name for name in ("parameters", "flops", "latency_ms") if name in counts]
    return tuple(dict.fromkeys([*wanted, *usual, *often]))[: max(MAX_COLUMNS, len(result.objectives))]


def _row(trial: Trial, result: Result, on_front: bool) -> Row:
    seconds = seconds_of(trial)
    return Row(
        number=trial.number,
        phase=trial.phase,
        state="reused" if trial.reused is not None else trial.state.value,
        values={name: value for name, value in trial.measurements.items() if math.isfinite(value)},
        note=_note(trial, result),
        seconds=seconds if seconds else None,
        decisions=trial.architecture.decisions,
        on_front=on_front,
    )


def _note(trial: Trial, result: Result) -> str:
    parts: list[str] = []
    if trial.reused is not None:
        parts.append(f"repeats trial {trial.reused}, free")
    if trial.reason:
        parts.append(shortened(trial.reason, MAX_REASON))
    if trial.state is TrialState.COMPLETE:
        parts += _broken(trial, result)
    return "; ".join(parts)


def _broken(trial: Trial, result: Result) -> Sequence[str]:
    return [f"breaks {c}" for c in result.constraints if not c.holds(trial.measurements)]
