"""Training a subnet on, alone, while a model that was trained before says what it thinks of every example.

Small subnets gain most: Hinton et al., "Distilling the knowledge in a neural network", 2015; Cai et al.,
"Once-for-all", 2020, section 3.3. The teacher is asked once, about the examples as they are, so that an epoch costs
what it costs without a teacher.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.seeding import derive, isolated
from searchitect.spaces import Recipe, TaskSpec
from searchitect.supernet.distillation import distilled
from searchitect.tasks import Task
from searchitect.training import MEMORY_BUDGET, Training, augmentation, learning_rate, optimizer, predict
from searchitect.training.batches import Batches, batches, float_bytes
from searchitect.training.best import Best
from searchitect.training.health import DIVERGED, FINITE_EVERY, check_finite, check_recipe, healthy
from searchitect.training.losses import check_scores, criterion, score_validation, target_scale
from searchitect.training.placing import place
from searchitect.training.precision import autocast

__all__ = ["SHARE", "TEMPERATURE", "Lesson", "train_taught"]

SHARE = 0.9
"""What the teacher's word counts; labels count the rest."""

TEMPERATURE = 4.0
"""By which both scores are divided before they are compared: above 1 the teacher also tells the unlikely classes."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """The loss of scores against labels and against what the teacher said (Hinton et al. 2015, section 2).

    (1 - share) · loss(scores, labels) + share · T² · KL(softmax(teacher / T) || softmax(scores / T)); the factor T²
    keeps the gradients of both in proportion. For values the second term is the mean squared difference.
    """

    spec: TaskSpec
    label_smoothing: float = 0.0
    share: float = SHARE
    temperature: float = TEMPERATURE

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch of scores (n, outputs); targets as `joined` makes them."""
        wanted, said = targets[:, : -self.spec.outputs], targets[:, -self.spec.outputs :]
        labels = wanted if self.spec.kind == "regression" else wanted[:, 0].long()
        degrees = 1.0 if self.spec.kind == "regression" else self.temperature
        taught = distilled(scores / degrees, said / degrees, self.spec) * degrees**2
        return (1.0 - self.share) * criterion(self.spec, self.label_smoothing)(scores, labels) + self.share * taught


def joined(labels: Tensor, said: Tensor) -> Tensor:
    """One float tensor of labels and, in its last columns, the teacher's scores."""
    return torch.cat([labels.view(len(labels), -1).float(), said], dim=1)


def train_taught(
    model: nn.Module,
    teacher: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    share: float = SHARE,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    device: str = "cpu",
) -> Training:
    """Train a model on in place, from the weights it has, by labels and by a teacher's scores.

    For subnets of one supernet: train the largest on alone (`training.train`), then let it teach the smaller ones. The
    same seed gives the same weights, bit for bit on one thread.

    Args:
        model: takes raw inputs (`trained.scores.model(architecture)`); left in eval mode, with the weights of its best
            validation epoch where the recipe wants them.
        teacher: takes raw inputs; asked once about every training example, and not changed.
        recipe: `patience` and `averaging` play no part.
        share: of the loss that the teacher has, in [0, 1].
        temperature: above 0.

    Raises:
        EvaluationError: share or temperature lie outside, the teacher's scores have another shape than the task's, or
            the loss is not finite or explodes.
    """
    start = time.monotonic()
    check_recipe(recipe, recipe.epochs)
    if not (0.0 <= share <= 1.0 and math.isfinite(temperature) and temperature > 0.0):
        raise EvaluationError(f"share lies in [0, 1] and temperature above 0, got {share} and {temperature}")
    with isolated(derive(seed, "taught")):
        place(model, device, channels_last=len(task.spec.inputs) == 3)
        train, validation = _examples(model, teacher, task, device)
        lesson = Lesson(task.spec, recipe.label_smoothing, share, temperature)
        body: Any = model.body
        history, best = _run(body, train, validation, lesson, recipe, seed)
        epoch = best.restore() if recipe.best_epoch else len(history)
        place(model, device, channels_last=False)
        model.eval()
    shown = {name: history[epoch - 1][name] for name in ("accuracy", "loss") if name in history[epoch - 1]}
    return Training(tuple(history), shown, len(history), epoch, time.monotonic() - start, "epochs")


def _examples(model: nn.Module, teacher: nn.Module, task: Task, device: str) -> tuple[Batches, Batches]:
    spec, scale = task.spec, target_scale(model, task.spec)
    said = torch.from_numpy(predict(teacher, task.train, device=device))
    check_scores(said, len(task.train), spec)
    if spec.kind == "regression":
        said = scale(said.numpy())
    make = partial(
        batches,
        preprocess=task.preprocessing.module(),
        device=torch.device(device),
        memory=float_bytes(len(task.train) + len(task.validation), spec.inputs) <= MEMORY_BUDGET,
    )

    def convert(targets: NDArray[Any]) -> Tensor:
        return joined(scale(targets), said)

    train = make(task.train, np.arange(len(task.train)), convert=convert)
    return train, make(task.validation, np.arange(len(task.validation)), convert=scale)


def _run(
    body: nn.Module, train: Batches, validation: Batches, lesson: Lesson, recipe: Recipe, seed: int
) -> tuple[list[Mapping[str, float]], Best]:
    made, best = optimizer(body, recipe), Best(body, keep=recipe.best_epoch)
    generator = torch.Generator().manual_seed(derive(seed, "batches"))
    history: list[Mapping[str, float]] = []
    limit = math.inf
    for epoch in range(1, recipe.epochs + 1):
        losses = _epoch(body, train, lesson, recipe, made, generator, epoch)
        if epoch == 1:
            limit = DIVERGED * max(1.0, float(losses[0]))
        figures = score_validation(body, validation, lesson.spec)
        check_finite(figures["loss"], "validation loss", epoch)
        rate = float(made.param_groups[0]["lr"])
        history.append({"epoch": epoch, "train_loss": healthy(losses, limit, epoch), **figures, "learning_rate": rate})
        best.consider(epoch, figures)
    return history, best


def _epoch(
    body: nn.Module,
    train: Batches,
    lesson: Lesson,
    recipe: Recipe,
    made: torch.optim.Optimizer,
    generator: torch.Generator,
    epoch: int,
) -> Tensor:
    """Train for one epoch and return the loss of every step."""
    body.train()
    steps = -(-len(train) // recipe.batch_size)
    augment = augmentation(recipe.augmentation, lesson.spec.inputs)
    losses = torch.zeros(steps)
    for i, (inputs, targets) in enumerate(train.shuffled(recipe.batch_size, generator)):
        if augment is not None:
            inputs = augment(inputs, generator)
        for group in made.param_groups:
            group["lr"] = learning_rate(recipe, (epoch - 1) * steps + i, recipe.epochs * steps)
        with autocast(recipe, inputs.device, lesson.spec, body):
            scores = body(inputs)
        check_scores(scores, len(targets), lesson.spec)
        loss = lesson(scores.float(), targets)
        made.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.gradient_clip is not None:
            nn.utils.clip_grad_norm_(body.parameters(), recipe.gradient_clip, foreach=True)
        made.step()
        losses[i] = loss.detach()
        if i % FINITE_EVERY == FINITE_EVERY - 1:
            healthy(losses[: i + 1], math.inf, epoch)
    return losses
