"""`Training`: what is known of a training when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Stopped", "Training"]

Stopped = Literal["epochs", "patience", "deadline", "stopped"]


@dataclass(frozen=True, slots=True)
class Training:
    """A training that ended well; one that did not raises.

    Attributes:
        history: one mapping per finished epoch: `epoch` (from 1), `train_loss` (mean over the batches, with label
            smoothing and augmentation), `loss` and, for classification, `accuracy` on the validation split,
            `learning_rate` of the last step.
        validation: `loss` (and `accuracy`) of the weights that were handed back.
        epochs: finished epochs, with those that were continued.
        best_epoch: the epoch whose weights were handed back, from 1.
        seconds: wall time of all of it.
        stopped: "epochs" (ran to its end), "patience", "deadline", or "stopped" (by the study, at a report).
        continued: epochs that were taken over from an earlier training.
    """

    history: tuple[Mapping[str, float], ...]
    validation: Mapping[str, float]
    epochs: int
    best_epoch: int
    seconds: float
    stopped: Stopped
    continued: int = 0
