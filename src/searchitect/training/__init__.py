"""Training: from a model with fresh weights to one with good weights.

A *training* takes a model, the training and validation splits of a task, a recipe and a fidelity, and leaves
the model with its best weights. `loop` holds the loop; the other files hold its parts: which examples (`examples`),
as batches (`batches`), changed a little (`augmentation`), compared by a loss (`losses`), stepped by an optimiser
(`optimizers`) at a rate (`schedules`). `predict` gives the scores of a model on a split.
"""

from __future__ import annotations

from searchitect.training.augmentation import AUGMENTATIONS, augmentation
from searchitect.training.batched import Together, train_together
from searchitect.training.loop import MEMORY_BUDGET, train
from searchitect.training.optimizers import OPTIMIZERS, optimizer
from searchitect.training.prediction import predict
from searchitect.training.record import Training
from searchitect.training.resolution import Resized, at_resolution
from searchitect.training.schedules import SCHEDULES, learning_rate

__all__ = [
    "AUGMENTATIONS",
    "MEMORY_BUDGET",
    "OPTIMIZERS",
    "SCHEDULES",
    "Resized",
    "Together",
    "Training",
    "at_resolution",
    "augmentation",
    "learning_rate",
    "optimizer",
    "predict",
    "train",
    "train_together",
]
