"""What trials leave on the disk so that others can go on from them, for as long as one may."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from searchitect.evaluation import CHECKPOINT, trial_folder
from searchitect.study.state import StudyState
from searchitect.trial import Trial

__all__ = ["WEIGHTS_FOLDER", "forget_all", "forget_continued"]

WEIGHTS_FOLDER = "weights"
"""Name of the folder in a study's folder that holds one folder per trial."""


def forget_continued(folder: Path, state: StudyState, trial: Trial) -> None:
    """Remove the checkpoints that nobody can go on from once this trial has ended.

    One that was continued has had its turn, unless another trial is going on from it at this moment; one of a trial
    that failed or was pruned is never promoted.
    """
    if not trial.is_complete:
        _forget(folder, trial.number)
        return
    before = trial.proposal.continues
    if before is not None and all(state.trials[n].proposal.continues != before for n in state.running):
        _forget(folder, before)


def forget_all(folder: Path) -> None:
    """Remove every checkpoint of a study whose search is over."""
    for path in (folder / WEIGHTS_FOLDER).glob(f"*/{CHECKPOINT}"):
        _remove(path)


def _forget(folder: Path, number: int) -> None:
    _remove(folder / WEIGHTS_FOLDER / trial_folder(number) / CHECKPOINT)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
