"""A bound on the disk that weights of trials take: the least useful go first, and the journal says which."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from searchitect.evaluation import trial_folder
from searchitect.study.checkpoints import WEIGHTS_FOLDER
from searchitect.study.finalists import feasible, pareto_front
from searchitect.study.incidents import DISCARDED
from searchitect.trial import TrialState

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = ["KEPT_BEST", "keep_within"]

KEPT_BEST = 10
"""So many of the best trials keep their weights in any case."""


def keep_within(study: Study, folder: Path | None, most: int | None) -> None:
    """Remove weights until those of the study take at most `most` bytes; what was removed is an event.

    The best `KEPT_BEST` trials and those of the front keep theirs, and so do running trials, those that they go on or
    inherit from, and all that a result refers to: every confirmed model. Where these alone take more, nothing else is
    left to remove.
    """
    if folder is None or most is None:
        return
    sizes = {number: _size(folder, number) for number in _with_weights(folder)}
    excess = sum(sizes.values()) - most
    gone = []
    for number in _least_useful_first(study):
        if excess <= 0:
            break
        if sizes.get(number):
            gone.append(number)
            excess -= sizes[number]
    if gone:
        study.mark({"kind": DISCARDED, "numbers": gone})
        for number in gone:
            shutil.rmtree(_place(folder, number), ignore_errors=True)


def _least_useful_first(study: Study) -> Iterator[int]:
    state = study.state
    running = [state.trials[number] for number in state.running]
    needed = {trial.number for trial in running} | {t.proposal.continues for t in running}
    needed |= {t.proposal.inherits for t in running}
    first, found = study.objectives[0], (state.of_phase("search"), study.objectives, study.constraints)
    order = [t.number for t in sorted(feasible(*found), key=lambda t: first.loss(t.measurements[first.name]))]
    kept = needed | set(order[:KEPT_BEST]) | {trial.number for trial in pareto_front(*found)}
    place = {number: index for index, number in enumerate(order)}
    ended = [t for t in state.trials if t.phase in ("search", "random") and t.state is not TrialState.RUNNING]
    # Those without a place failed, were pruned or break a limit.
    for trial in sorted(ended, key=lambda t: (-place.get(t.number, len(order)), t.number)):
        if trial.number not in kept:
            yield trial.number


def _with_weights(folder: Path) -> Iterator[int]:
    for path in (folder / WEIGHTS_FOLDER).glob("trial-*"):
        number = path.name.rpartition("-")[2]
        if number.isdigit():
            yield int(number)


def _place(folder: Path, number: int) -> Path:
    return folder / WEIGHTS_FOLDER / trial_folder(number)


def _size(folder: Path, number: int) -> int:
    try:
        return sum(path.stat().st_size for path in _place(folder, number).rglob("*") if path.is_file())
    except OSError:  # a running trial replaces a file at this moment
        return 0
