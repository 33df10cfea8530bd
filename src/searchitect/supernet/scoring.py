"""What shared weights say of an architecture: it is taken out, its statistics are made anew, and it is scored.

The subnet is extracted first, so that neither weights nor statistics of the supernet change and the order of questions
does not matter. Every subnet sees the same calibration batches (Guo et al., "Single path one-shot", 2020, section 3.4;
Yu & Huang 2019, section 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from searchitect.seeding import derive
from searchitect.spaces import Architecture, Recipe
from searchitect.supernet.open_build import Supernet
from searchitect.tasks import Task, metrics, with_preprocessing
from searchitect.training import augmentation, predict
from searchitect.training.examples import raw_tensors
from searchitect.training.recalibration import recalibrate

__all__ = ["SharedScores", "calibration_batches", "score_model"]

BATCHES = 20
"""Batches for statistics; 20 to 64 are usual."""


@dataclass(frozen=True, eq=False)
class SharedScores:
    """Scores subnets of a trained supernet on the validation split.

    Attributes:
        recipe: how the supernet was trained; calibration batches have its size and augmentation.
        batches: calibration batches; fewer where the training split has fewer.
    """

    supernet: Supernet
    task: Task
    recipe: Recipe = Recipe()
    batches: int = BATCHES

    def model(self, architecture: Architecture, device: str = "cpu") -> nn.Module:
        """Return the subnet as a plain model that takes raw inputs, in eval mode, its statistics made anew.

        Raises:
            SpaceError: the architecture belongs to another space.
        """
        with unchanged(self.supernet):
            body = self.supernet.extract(architecture).to(device)
        inputs = calibration_batches(self.task, self.recipe, self.batches)
        recalibrate(body, (batch.to(device) for batch in inputs))
        return with_preprocessing(self.task.preprocessing, body).to(device).eval()

    def score(self, model: nn.Module, extra: Iterable[str] = (), device: str = "cpu") -> dict[str, float]:
        """Return the task's metrics, and `extra` ones, on validation data; one that is undefined there is left out."""
        return score_model(model, self.task, extra, device)

    def inside(self, architecture: Architecture) -> Mapping[str, float]:
        """Return the task's metrics of an architecture within the supernet, with the statistics that all share."""
        with unchanged(self.supernet):
            self.supernet.activate(architecture)
            return self.score(with_preprocessing(self.task.preprocessing, self.supernet))

    def __call__(self, architecture: Architecture) -> Mapping[str, float]:
        """Return the task's metrics of a subnet on validation data."""
        return self.score(self.model(architecture))


def score_model(model: nn.Module, task: Task, extra: Iterable[str] = (), device: str = "cpu") -> dict[str, float]:
    """Return a task's metrics of a model that takes raw inputs, on validation data."""
    scores = predict(model, task.validation, device=device)
    names = dict.fromkeys((*task.metrics, *extra))
    values = metrics.compute(names, task.spec.kind, scores, task.validation.targets)
    return {name: value for name, value in values.items() if math.isfinite(value)}


@contextmanager
def unchanged(supernet: Supernet) -> Iterator[None]:
    """Put back what was active."""
    selection = supernet.selection
    values, weights = dict(selection.values), dict(selection.weights)
    try:
        yield
    finally:
        selection.values, selection.weights = values, weights


def calibration_batches(task: Task, recipe: Recipe, count: int = BATCHES) -> Iterator[Tensor]:
    """Yield preprocessed training batches, drawn and augmented as training does it; the same every time."""
    generator = torch.Generator().manual_seed(derive(0, "calibration"))
    order = torch.randperm(len(task.train), generator=generator).numpy()
    augment = augmentation(recipe.augmentation, task.spec.inputs)
    preprocess, size = task.preprocessing.module(), recipe.batch_size
    # A last batch much smaller than the others would count as much as they do.
    whole = max(1, min(count, len(order) // size))
    for index in range(whole):
        with torch.no_grad():
            inputs: Tensor = preprocess(*raw_tensors(task.train, order[index * size : (index + 1) * size]))
        yield inputs if augment is None else augment(inputs, generator)
