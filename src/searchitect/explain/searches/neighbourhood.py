"""The neighbourhood of the winner: what each change of one decision costs or gains.

Predicted by a model with an interval, measured where a trial of that neighbour exists; an option that no trial had is
said to be untried rather than guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.explain.searches.changes import Change, changes_between
from searchitect.explain.searches.evidence import Evidence
from searchitect.explain.searches.paths import Measured
from searchitect.explain.searches.response import Response
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]

__all__ = ["MOST_EDITS", "Edit", "Neighbourhood", "code_neighbourhood", "drawn_neighbours", "neighbourhood"]

MOST_EDITS, MOST_LOOKED_AT = 300, 20_000

Predict = Callable[[Sequence[Architecture]], Iterable[float]]


@dataclass(frozen=True, slots=True)
class Edit:
    """One neighbour.

    Attributes:
        change: how far the objective moves, by the model; None where an option of it was never tried.
        half: half of the 95 % interval of `change`; None where the model tells none.
        measured: how far it moved between the trials of both; None where either was no trial.
        trial: number of the neighbour's trial.
    """

    changes: tuple[Change, ...]
    change: float | None
    half: float | None
    measured: float | None
    trial: int | None

    @property
    def text(self) -> str:
        said = ", ".join(change.text for change in self.changes)
        if self.change is None:
            return f"{said}: never tried"
        told = f"{said}: {self.change:+.3g}" + ("" if self.half is None else f" ± {self.half:.2g}")
        return told if self.measured is None else f"{told} (measured {self.measured:+.3g}, trial {self.trial})"

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "decision": self.changes[0].decision,
            "changes": [change.to_json() for change in self.changes],
            "change": self.change,
            "half": self.half,
            "measured": self.measured,
            "trial": self.trial,
        }


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What was found around an architecture.

    Attributes:
        edits: the best first, those never tried last.
        total: neighbours there are, as far as they were counted; more than `edits` where they were drawn from.
        better, worse: edits whose whole interval lies on that side of no change.
    """

    objective: Objective
    edits: tuple[Edit, ...]
    total: int
    better: int
    worse: int

    @property
    def text(self) -> str:
        shown = len(self.edits)
        some = f"Of {self.total:,} one-step edits" if shown == self.total else f"Of {shown:,} drawn from {self.total:,}"
        unclear = shown - self.better - self.worse
        return f"{some}, {self.worse} surely lose, {self.better} surely gain, {unclear} are open"

    def to_json(self) -> dict[str, Any]:
        return {
            "objective": self.objective.name,
            "direction": self.objective.direction,
            "text": self.text,
            "edits": [edit.to_json() for edit in self.edits],
            "total": self.total,
            "better": self.better,
            "worse": self.worse,
        }


def neighbourhood(
    winner: Architecture,
    predict: Predict,
    objective: Objective,
    space: SearchSpace,
    *,
    measured: Measured | None = None,
    most: int = MOST_EDITS,
    seed: int = 0,
) -> Neighbourhood:
    """Look at every architecture that differs from `winner` in one decision (`SearchSpace.neighbours`).

    Neighbours that are the same model written differently (`SearchSpace.key`) are left out.

    Args:
        predict: architectures to values; a `Response` also tells intervals and which options were never tried.
        measured: see `paths.measured_values`.
        most: edits that are looked at; from more, so many are drawn.
        seed: of that draw.
    """
    chosen, total = drawn_neighbours(winner, space, most, seed)
    known = {} if measured is None else measured
    shifts = _shifts(winner, chosen, predict)
    base = known.get(frozenset(winner.items()))
    edits = []
    for architecture, (change, half) in zip(chosen, shifts, strict=True):
        trial, value = known.get(frozenset(architecture.items()), (None, None))
        moved = None if base is None or value is None else value - base[1]
        changes = changes_between(winner.decisions, architecture.decisions).changes
        edits.append(Edit(changes, change, half, moved, trial))
    return _gathered(edits, objective, total)


def code_neighbourhood(evidence: Evidence, row: Codes, response: Response) -> Neighbourhood:
    """The same on rows of codes: every other level of every decision that brings no others along.

    Args:
        row: (d,) codes of the winner.
    """
    import numpy as np

    rows, changes = [], []
    for place, factor in enumerate(evidence.factors):
        stem = factor.name.removesuffix("length") if factor.name.endswith(".length") else f"{factor.name}."
        here = int(row[place])
        if here == factor.inactive or any(f.name.startswith(stem) for f in evidence.factors):
            continue
        for code in range(len(factor.levels)):
            if code not in (here, factor.inactive):
                rows.append([*row[:place], code, *row[place + 1 :]])
                changes.append(Change(factor.name, factor.levels[here], factor.levels[code]))
    codes = np.array(rows, dtype=np.int64).reshape(len(rows), len(row))
    moved, halves = response.differences(codes, row) if rows else (np.empty(0), np.empty(0))
    base = _row_of(evidence, row)
    edits = []
    for place, change in enumerate(changes):
        same = _row_of(evidence, codes[place])
        gap = None if base is None or same is None else float(evidence.targets[same] - evidence.targets[base])
        number = None if same is None else int(evidence.numbers[same])
        edits.append(Edit((change,), float(moved[place]), float(halves[place]), gap, number))
    return _gathered(edits, evidence.objective, len(edits))


def drawn_neighbours(winner: Architecture, space: SearchSpace, most: int, seed: int) -> tuple[list[Architecture], int]:
    """Return the neighbours, or `most` drawn from them (reservoir, Vitter 1985), and how many there were."""
    rng = stream(seed, "neighbours", winner.digest())
    kept: list[tuple[int, Architecture]] = []
    count = 0
    for architecture in _others(winner, space):
        count += 1
        place = len(kept) if len(kept) < most else rng.randrange(count)
        if place < len(kept):
            kept[place] = (count, architecture)
        elif place < most:
            kept.append((count, architecture))
        if count >= MOST_LOOKED_AT:
            break
    return [architecture for _, architecture in sorted(kept, key=lambda pair: pair[0])], count


def _others(winner: Architecture, space: SearchSpace) -> Iterator[Architecture]:
    own = space.key(winner)
    return (architecture for architecture in space.neighbours(winner) if space.key(architecture) != own)


def _shifts(
    winner: Architecture, others: Sequence[Architecture], predict: Predict
) -> list[tuple[float | None, float | None]]:
    """By how much each differs from the winner, with half an interval; (None, None) for what was never tried."""
    if isinstance(predict, Response):
        return [shift or (None, None) for shift in predict.shifts(others, winner)]
    base, *values = (float(value) for value in predict([winner, *others]))
    return [(value - base, None) for value in values]


def _row_of(evidence: Evidence, codes: Codes) -> int | None:
    import numpy as np

    same = np.flatnonzero((evidence.codes == codes).all(axis=1))
    return int(same[0]) if len(same) else None


def _gathered(edits: Sequence[Edit], objective: Objective, total: int) -> Neighbourhood:
    def side(edit: Edit) -> int:
        """+1 where the whole interval is better than no change, −1 where it is worse."""
        if edit.change is None or abs(edit.change) <= (edit.half or 0.0):
            return 0
        return 1 if objective.better(edit.change, 0.0) else -1

    order = sorted(edits, key=lambda e: (e.change is None, 0.0 if e.change is None else objective.loss(e.change)))
    sides = [side(edit) for edit in edits]
    return Neighbourhood(objective, tuple(order), total, sides.count(1), sides.count(-1))
