"""What trials leave on the disk so that others can go on from them, for as long as one may."""

from __future__ import annotations

from contextlib import suppress

from searchitect.errors import StorageError
from searchitect.evaluation import CHECKPOINT
from searchitect.storage.artifacts import Kept
from searchitect.study.state import StudyState
from searchitect.trial import Trial

__all__ = ["WEIGHTS_FOLDER", "forget_all", "forget_continued"]

WEIGHTS_FOLDER = "weights"
"""Name of the folder in a study's folder that holds one folder per trial."""


def forget_continued(kept: Kept, state: StudyState, trial: Trial) -> None:
    """Remove the checkpoints that nobody can go on from once this trial has ended.

    One that was continued has had its turn, unless another trial is going on from it at this moment; one of a trial
    that failed or was pruned is never promoted.
    """
    if not trial.is_complete:
        kept.remove(trial.number, CHECKPOINT)
        return
    before = trial.proposal.continues
    if before is not None and all(state.trials[n].proposal.continues != before for n in state.running):
        kept.remove(before, CHECKPOINT)


def forget_all(kept: Kept) -> None:
    """Remove every checkpoint of a study whose search is over."""
    with suppress(StorageError):  # they cost room only
        for number in kept.numbers(CHECKPOINT):
            kept.remove(number, CHECKPOINT)
