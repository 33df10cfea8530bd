"""Who came from whom: the tree of a search's trials, and how often a change made a child better than its parent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.explain.searches.changes import Change, changes_between
from searchitect.explain.searches.intervals import wilson
from searchitect.objectives import Objective
from searchitect.trial import Trial

__all__ = ["Descendant", "Lineage", "Success", "Successes", "lineage", "successes"]

MOST_SHOWN, MOST_DECISIONS = 300, 40


@dataclass(frozen=True, slots=True)
class Descendant:
    """One trial in the tree.

    Attributes:
        parent: number of the trial it was derived from; None for one that was drawn or told afresh.
        generation: steps from there.
        value: of the objective; None where the trial did not complete.
        changes: what it decides otherwise than its parent, in words, at most five.
        winning: whether the winner descends from it, or is it.
        children: how many it has in the whole tree.
    """

    number: int
    parent: int | None
    generation: int
    value: float | None
    state: str
    changes: tuple[str, ...]
    winning: bool
    children: int

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {"changes": list(self.changes)}


@dataclass(frozen=True, slots=True)
class Lineage:
    """The tree, thinned to a bounded number of trials.

    Attributes:
        trials: those shown: the winner's line, then the best of all others with their ancestors.
        total: trials of the search; `related` of them have a parent.
        deepest: most generations from a trial without a parent.
    """

    trials: tuple[Descendant, ...]
    winner: int | None
    total: int
    related: int
    deepest: int

    @property
    def text(self) -> str:
        if not self.related:
            return "The strategy derived no trial from another: there is no family tree"
        line = [one for one in self.trials if one.winning]
        return (
            f"{self.related:,} of {self.total:,} trials were derived from another, over {self.deepest} generations; "
            f"the winner came in {len(line) - 1} step{'s' if len(line) != 2 else ''}"
        )

    def to_json(self) -> dict[str, Any]:
        told = {"text": self.text, "winner": self.winner, "total": self.total, "related": self.related}
        return told | {"deepest": self.deepest, "trials": [one.to_json() for one in self.trials]}


@dataclass(frozen=True, slots=True)
class Success:
    """How children of one kind did.

    Attributes:
        kind: "1 change", "2 changes", … or the decision that changed.
        tries: children whose parent and themselves completed; `better` of them beat the parent.
        low, high: 95 % interval of the share that did (Wilson).
        change: mean of how far the objective moved.
        failed: more children of this kind, that did not complete.
    """

    kind: str
    tries: int
    better: int
    low: float
    high: float
    change: float
    failed: int

    @property
    def text(self) -> str:
        if not self.tries:
            return f"{self.kind}: none of {self.failed} children completed"
        return f"{self.kind}: {self.better} of {self.tries} children were better than their parent ({self.low:.0%} to {self.high:.0%})"  # noqa: E501

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text} | {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Successes:
    """How often children beat their parents: by how many decisions changed, and by which (most tries first)."""

    by_count: tuple[Success, ...]
    by_decision: tuple[Success, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "by_count": [one.to_json() for one in self.by_count],
            "by_decision": [one.to_json() for one in self.by_decision],
        }


def lineage(
    trials: Iterable[Trial], objective: Objective, *, winner: int | None = None, most: int = MOST_SHOWN
) -> Lineage:
    """Lay out the family tree of a search.

    Args:
        winner: number of a trial; by default the best complete one.
        most: trials that are shown.
    """
    known = {trial.number: trial for trial in trials if trial.phase != "confirm"}
    parents = {number: _parent(trial, known) for number, trial in known.items()}
    generations: dict[int, int] = {}
    children = dict.fromkeys(known, 0)
    for number in sorted(known):
        parent = parents[number]
        generations[number] = 0 if parent is None else generations[parent] + 1
        if parent is not None:
            children[parent] += 1
    values = {number: _value(trial, objective) for number, trial in known.items()}
    order = sorted(known, key=lambda n: (values[n] is None, objective.loss(values[n] or 0.0), n))
    if winner is None:
        winner = next((n for n in order if values[n] is not None), None)
    line = set(_line(winner, parents)) if winner in known else set[int]()
    shown = set(line)
    for number in order:
        more = [n for n in _line(number, parents) if n not in shown]
        if len(shown) + len(more) <= most:
            shown.update(more)
    made = tuple(
        Descendant(
            number,
            parents[number],
            generations[number],
            values[number],
            known[number].state.value,
            _words(known, parents, number),
            number in line,
            children[number],
        )
        for number in sorted(shown)
    )
    related = sum(parent is not None for parent in parents.values())
    return Lineage(made, winner, len(known), related, max(generations.values(), default=0))


def successes(trials: Iterable[Trial], objective: Objective, *, most: int = MOST_DECISIONS) -> Successes:
    """Count how often a child beat its parent. Only pairs of one fidelity count, and children that are no repetitions.

    Args:
        most: decisions that are listed.
    """
    known = {trial.number: trial for trial in trials if trial.phase != "confirm"}
    counted: dict[str, list[float | None]] = {}
    decided: dict[str, list[float | None]] = {}
    for child in known.values():
        parent = _parent(child, known)
        if parent is None or child.reused is not None or not child.state.is_finished:
            continue
        changes, before = _changes(known, {child.number: parent}, child.number), _value(known[parent], objective)
        if not changes or before is None or known[parent].proposal.fidelity != child.proposal.fidelity:
            continue
        after = _value(child, objective)
        moved = None if after is None else after - before
        many = f"{len(changes)} change{'s' if len(changes) > 1 else ''}" if len(changes) < 4 else "4 changes or more"
        counted.setdefault(many, []).append(moved)
        for change in changes:
            decided.setdefault(change.decision, []).append(moved)
    by_decision = sorted(_counted(decided, objective), key=lambda one: (-one.tries - one.failed, one.kind))
    return Successes(tuple(sorted(_counted(counted, objective), key=lambda one: one.kind)), tuple(by_decision[:most]))


def _counted(moves: Mapping[str, Sequence[float | None]], objective: Objective) -> list[Success]:
    found = []
    for kind, moved in moves.items():
        told = [move for move in moved if move is not None]
        better = sum(objective.better(move, 0.0) for move in told)
        low, high = wilson(better, len(told))
        mean = sum(told) / len(told) if told else 0.0
        found.append(Success(kind, len(told), better, low, high, mean, len(moved) - len(told)))
    return found


def _parent(trial: Trial, known: Mapping[int, Trial]) -> int | None:
    """The parent, where it is among the trials and came before: a damaged journal makes no circle."""
    parent = trial.proposal.parent
    return parent if parent is not None and parent in known and parent < trial.number else None


def _line(number: int | None, parents: Mapping[int, int | None]) -> list[int]:
    line = []
    while number is not None:
        line.append(number)
        number = parents[number]
    return line


def _value(trial: Trial, objective: Objective) -> float | None:
    return (
        float(trial.measurements[objective.name])
        if trial.is_complete and objective.name in trial.measurements
        else None
    )


def _changes(known: Mapping[int, Trial], parents: Mapping[int, int | None], number: int) -> tuple[Change, ...]:
    parent = parents[number]
    if parent is None or known[parent].architecture == known[number].architecture:
        return ()
    return changes_between(known[parent].architecture.decisions, known[number].architecture.decisions).changes


def _words(known: Mapping[int, Trial], parents: Mapping[int, int | None], number: int) -> tuple[str, ...]:
    changes = _changes(known, parents, number)
    more = (f"… +{len(changes) - 4}",) if len(changes) > 5 else ()
    return (*(change.text for change in changes[: 4 if more else 5]), *more)
