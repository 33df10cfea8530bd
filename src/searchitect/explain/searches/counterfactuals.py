"""Counterfactuals: "for 20 ms instead of 30 ms change these two decisions, lose 0.4 ± 0.2".

To reach another limit on a measurement, which decisions must change, and what does the objective lose? Trials that keep
the limit are candidates, and so are, where the space is known, architectures a few edits away whose measurement is told
by a model or known without training. Of all candidates those stay that no other beats with as few changes: the fewest
changes first, then what more of them would save.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from searchitect.explain.searches.changes import Change, changes_between
from searchitect.explain.searches.evidence import figures
from searchitect.explain.searches.neighbourhood import drawn_neighbours
from searchitect.explain.searches.response import Response
from searchitect.explain.wording import UnexplainedError
from searchitect.objectives import Constraint, Objective
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.trial import Trial

__all__ = ["Counterfactual", "counterfactuals", "suggested_limits"]

BEAM, WIDTH, MOST_SHOWN = 20, 150, 3
"""Architectures whose neighbours are looked at after each edit, neighbours drawn of each, and answers per limit."""

Predict = Callable[[Sequence[Architecture]], Iterable[float]]


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One way to reach a limit.

    Attributes:
        before, value: the limited measurement of the winner, and after the changes.
        value_half: half of the 95 % interval of `value` where a model told it, and the limit holds with it; else None.
        change: how far the objective moves; `half` of its 95 % interval, None where unknown.
        measured: how far it moved between the trials of both; None where the answer is no trial.
        trial: number of the trial that shows it; None for an architecture that was never tried.
    """

    limit: Constraint
    objective: Objective
    changes: tuple[Change, ...]
    before: float
    value: float
    value_half: float | None
    change: float
    half: float | None
    measured: float | None
    trial: int | None
    architecture: Architecture

    @property
    def text(self) -> str:
        """The sentence."""
        count = len(self.changes)
        which = f"change {count} decision{'s' if count > 1 else ''} ({'; '.join(c.text for c in self.changes[:6])}"
        which += f"; and {count - 6} more)" if count > 6 else ")"
        lost = "gain" if self.objective.better(self.change, 0.0) else "lose"
        moved = f"{lost} {abs(self.change):.3g}" + ("" if self.half is None else f" ± {self.half:.2g}")
        shown = f"trial {self.trial}" if self.trial is not None else "predicted, never tried"
        name = self.limit.name
        return (
            f"for {name} {self.limit.relation} {self.limit.limit:g} instead of {self.before:.4g} {which}, {moved} of "
            f"{self.objective.name} ({shown})"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "limit": str(self.limit),
            "changes": [change.to_json() for change in self.changes],
            "before": self.before,
            "value": self.value,
            "value_half": self.value_half,
            "change": self.change,
            "half": self.half,
            "measured": self.measured,
            "trial": self.trial,
            "architecture": self.architecture.to_json(),
        }


def suggested_limits(winner: Mapping[str, float], trials: Iterable[Trial], name: str) -> tuple[Constraint, ...]:
    """Limits worth asking for: three quarters and half of what the winner has, where some trial has so little.

    Args:
        winner: its measurements.
        name: of a measurement that is wanted low: latency_ms, parameters, flops, …
    """
    here = winner.get(name)
    if here is None or not here > 0:
        return ()
    least = min((figures(t)[name] for t in trials if t.is_complete and name in figures(t)), default=here)
    limits = (float(f"{share * here:.2g}") for share in (0.75, 0.5))
    return tuple(Constraint(name, "<=", limit) for limit in dict.fromkeys(limits) if least <= limit < here)


def counterfactuals(
    winner: Trial,
    trials: Iterable[Trial],
    objective: Objective,
    limit: Constraint,
    *,
    response: Response | None = None,
    space: SearchSpace | None = None,
    side: Predict | None = None,
    edits: int = 2,
    seed: int = 0,
) -> tuple[Counterfactual, ...]:
    """Find the smallest sets of changes that make the winner keep a limit, at most three, the fewest changes first.

    Args:
        winner: a complete trial with the objective and the limited measurement.
        trials: candidates; those that are not complete or lack a figure are passed over.
        response: a model of the objective; without it only trials are candidates, and differences have no interval.
        space: where it is known, architectures up to `edits` changes away are candidates too, if `side` tells theirs.
        side: architectures to the limited measurement: a `Response` fitted to it, whose interval must keep the limit
            too, or what counts it exactly (parameters, FLOPs).

    Raises:
        ConfigError: the winner lacks a figure, or keeps the limit already.
    """
    _check_asked(winner, objective, limit)
    found = _among_trials(winner, trials, objective, limit, response)
    if space is not None and response is not None and side is not None:
        found += _among_edits(winner, objective, limit, (response, side), space, edits, seed)
    order = sorted(found, key=lambda c: (len(c.changes), objective.loss(c.change), c.trial is None, c.trial))
    kept: list[Counterfactual] = []
    for one in order:
        if not kept or (len(one.changes) > len(kept[-1].changes) and objective.better(one.change, kept[-1].change)):
            kept.append(one)
    return tuple(kept[:MOST_SHOWN])


def _check_asked(winner: Trial, objective: Objective, limit: Constraint) -> None:
    for name in (objective.name, limit.name):
        if name not in figures(winner):
            known = ", ".join(sorted(figures(winner)))
            raise UnexplainedError("no_figure", number=winner.number, metric=repr(name), hint=f"it has: {known}")
    if limit.holds(figures(winner)):
        value = f"{figures(winner)[limit.name]:.4g}"
        raise UnexplainedError(
            "kept_already", limit=limit, metric=limit.name, value=value, hint="ask for a limit that it breaks"
        )


def _among_trials(
    winner: Trial, trials: Iterable[Trial], objective: Objective, limit: Constraint, response: Response | None
) -> list[Counterfactual]:
    def counts(trial: Trial) -> bool:
        told = trial.is_complete and trial.reused is None and trial.phase != "confirm"
        other = trial.architecture != winner.architecture and trial.proposal.fidelity == winner.proposal.fidelity
        return told and other and objective.name in figures(trial) and limit.holds(figures(trial))

    chosen = [trial for trial in trials if counts(trial)]
    shifts = [None] * len(chosen) if response is None else _shifted(response, winner, [t.architecture for t in chosen])
    found = []
    for trial, shift in zip(chosen, shifts, strict=True):
        moved = float(figures(trial)[objective.name] - figures(winner)[objective.name])
        value = float(figures(trial)[limit.name]), None
        one = _answer(winner, trial.architecture, objective, limit, value, shift or (moved, None))
        found.append(replace(one, measured=moved, trial=trial.number))
    return found


def _among_edits(
    winner: Trial,
    objective: Objective,
    limit: Constraint,
    models: tuple[Response, Predict],
    space: SearchSpace,
    edits: int,
    seed: int,
) -> list[Counterfactual]:
    """Beam search over edits: of those that break the limit still, the ones that break it least are edited further."""
    response, side = models
    found: list[Counterfactual] = []
    front, seen = [winner.architecture], {winner.architecture}
    for _ in range(edits):
        fresh: dict[Architecture, None] = {}
        for architecture in front:
            fresh.update(dict.fromkeys(drawn_neighbours(architecture, space, WIDTH, seed)[0]))
        tried = [architecture for architecture in fresh if architecture not in seen]
        seen.update(tried)
        broken: list[tuple[float, Architecture]] = []
        told = zip(tried, _shifted(response, winner, tried), _side_values(winner, tried, side, limit), strict=True)
        for architecture, shift, (value, half) in told:
            edge = {limit.name: value + (half or 0.0) * (1 if limit.relation == "<=" else -1)}
            if not limit.holds(edge):
                broken.append((limit.excess(edge), architecture))
            elif shift is not None:
                found.append(_answer(winner, architecture, objective, limit, (value, half), shift))
        front = [architecture for _, architecture in sorted(broken, key=lambda pair: pair[0])[:BEAM]]
    return found


def _answer(
    winner: Trial,
    architecture: Architecture,
    objective: Objective,
    limit: Constraint,
    value: tuple[float, float | None],
    shift: tuple[float, float | None],
) -> Counterfactual:
    changes = changes_between(winner.architecture.decisions, architecture.decisions).changes
    before = float(figures(winner)[limit.name])
    return Counterfactual(limit, objective, changes, before, *value, *shift, None, None, architecture)


def _shifted(
    response: Response, winner: Trial, architectures: Sequence[Architecture]
) -> Sequence[tuple[float, float] | None]:
    return response.shifts(architectures, winner.architecture)


def _side_values(
    winner: Trial, architectures: Sequence[Architecture], side: Predict, limit: Constraint
) -> list[tuple[float, float | None]]:
    """The limited measurement of each, with half an interval where a model tells it; NaN for what it cannot tell."""
    if not isinstance(side, Response):
        return [(float(value), None) for value in side(architectures)] if architectures else []
    here, shifts = float(figures(winner)[limit.name]), side.shifts(architectures, winner.architecture)
    return [(math.nan, None) if shift is None else (here + shift[0], shift[1]) for shift in shifts]
