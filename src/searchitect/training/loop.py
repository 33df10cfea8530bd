"""The training loop: plain PyTorch, one function per level (training, epoch, step)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.errors import EvaluationError, TrialStopped
from searchitect.evaluation import Context
from searchitect.seeding import derive, isolated
from searchitect.spaces.recipe import Recipe
from searchitect.spaces.task_spec import TaskSpec
from searchitect.training.augmentation import Augment, augmentation
from searchitect.training.averaging import Average
from searchitect.training.batches import Batches, batches, float_bytes
from searchitect.training.best import Best
from searchitect.training.continuing import Checkpoint, Standing, restore
from searchitect.training.examples import Indices, Trainable, subset
from searchitect.training.health import DIVERGED, FINITE_EVERY, check_finite, check_recipe, healthy
from searchitect.training.losses import (
    Criterion,
    Lesson,
    TargetScale,
    check_scores,
    criterion,
    score_validation,
    target_scale,
)
from searchitect.training.optimizers import optimizer
from searchitect.training.placing import place
from searchitect.training.precision import autocast
from searchitect.training.ranks import Ranks
from searchitect.training.record import Stopped, Training
from searchitect.training.schedules import learning_rate
from searchitect.training.tracing import StepTrace
from searchitect.trial import Fidelity

__all__ = ["MEMORY_BUDGET", "train"]

MEMORY_BUDGET = 2 * 1024**3
"""Bytes that preprocessed training and validation examples may fill before they are streamed."""

_JUDGED = 2_000  # validation examples after an epoch at least; the final scores are always those of all


@dataclass(frozen=True, eq=False)
class _Parts:
    """What does not change during a training."""

    body: nn.Module
    recipe: Recipe
    train: Batches
    validation: Batches
    optimizer: torch.optim.Optimizer
    criterion: Criterion
    spec: TaskSpec
    augment: Augment | None
    generator: torch.Generator
    device: torch.device
    epochs: int
    deadline: float | None
    ranks: Ranks | None = None

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-len(self.train) // self.recipe.batch_size)

    def is_late(self, reserve: float = 0.0) -> bool:
        late = self.deadline is not None and time.monotonic() + reserve >= self.deadline
        return late if self.ranks is None or self.deadline is None else self.ranks.any(late)

    def autocast(self) -> AbstractContextManager[object]:
        return autocast(self.recipe, self.device, self.spec, self.body)


def train(
    model: nn.Module,
    task: Trainable,
    recipe: Recipe,
    *,
    fidelity: Fidelity = Fidelity(),
    context: Context,
    memory_budget: int = MEMORY_BUDGET,
    trace: Path | None = None,
    begin: Checkpoint | None = None,
    keep: Callable[[Standing], None] | None = None,
    ranks: Ranks | None = None,
    lesson: Lesson | None = None,
) -> Training:
    """Train `model.body` in place on preprocessed examples and leave it with its best weights, in eval mode.

    The same seed, machine, versions and number of threads give the same weights, bit for bit; only a deadline makes the
    clock matter. The caller's random generators stay as they were.

    Args:
        model: `preprocess` and `body`; for regression also `output_mean` and `output_std`.
        fidelity: epochs and data fraction; the resolution belongs to whoever builds the model.
        context: seed, device, deadline in seconds from now; receives a report after every epoch.
        memory_budget: bytes up to which preprocessed examples are held as tensors; above they are streamed.
        trace: where to write a profile of the first steps.
        begin: goes on from there, with the weights, moments and generators of then, whatever the seed.
        keep: called at the end of all epochs, so that another training can go on from here.
        ranks: the programs that train this model together, each of which calls this with the same arguments; all end
            with the same weights.
        lesson: what is learned besides the labels; its loss takes the place of the task's in training.

    Raises:
        EvaluationError: the loss is not finite or explodes, the deadline passes within the first epoch, the scores have
            another shape than the task's, or the recipe cannot be followed on this task.
    """
    start = time.monotonic()
    own = 0 if ranks is None else ranks.rank
    with isolated(derive(context.seed, "training", own) if own else derive(context.seed, "training")):
        place(model, context.device, channels_last=len(task.spec.inputs) == 3)
        parts = _prepare(model, task, recipe, fidelity, context, memory_budget, ranks, lesson)
        standing = _stand(parts, resumable=begin is not None or keep is not None)
        if begin is not None:
            restore(begin, standing)
        if ranks is not None:
            ranks.begin(parts.body)
        with StepTrace(trace) as steps:
            stopped = _run(parts, standing, context, steps)
        if keep is not None and stopped in ("epochs", "patience"):
            keep(standing)
        epoch = _hand_back(parts, standing, stopped)
        place(model, context.device, channels_last=False)
        model.eval()
    return Training(
        history=tuple(standing.history),
        validation=_validation(standing.history[epoch - 1]),
        epochs=len(standing.history),
        best_epoch=epoch,
        seconds=time.monotonic() - start,
        stopped=stopped,
        continued=0 if begin is None else begin.epochs,
    )


def _stand(parts: _Parts, *, resumable: bool) -> Standing:
    """A training before its first epoch."""
    average = Average(parts.body) if parts.recipe.averaging == "ema" else None
    judged = parts.body if average is None else average.model
    best = Best(judged, keep=parts.recipe.best_epoch or parts.deadline is not None or resumable)
    return Standing(parts.body, parts.optimizer, parts.generator, best, average, [])


def _hand_back(parts: _Parts, standing: Standing, stopped: Stopped) -> int:
    """Leave the weights that were judged in the model: those of the best epoch or of the last. Returns the epoch."""
    ends_at_best = parts.recipe.best_epoch or stopped == "deadline"
    epoch = standing.best.restore() if ends_at_best else len(standing.history)
    if standing.average is not None:
        for mine, judged in zip(_tensors(parts.body), _tensors(standing.average.model), strict=True):
            mine.copy_(judged)
    return epoch


def _tensors(body: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in (*body.parameters(), *body.buffers())]


def _validation(entry: Mapping[str, float]) -> dict[str, float]:
    return {name: entry[name] for name in ("accuracy", "loss") if name in entry}


def _prepare(
    model: nn.Module,
    task: Trainable,
    recipe: Recipe,
    fidelity: Fidelity,
    context: Context,
    memory_budget: int,
    ranks: Ranks | None = None,
    lesson: Lesson | None = None,
) -> _Parts:
    start, device, spec = time.monotonic(), torch.device(context.device), task.spec
    epochs = recipe.epochs if fidelity.epochs is None else fidelity.epochs
    check_recipe(recipe, epochs)
    body, preprocess = _halves(model)
    chosen = subset(task.train, fidelity.data_fraction, stratified=spec.kind == "classification")
    # Trained on a part of the data, an epoch is short; judging it must not take longer than the epoch itself.
    shown = max(fidelity.data_fraction, min(1.0, _JUDGED / max(1, len(task.validation))))
    judged = subset(task.validation, shown, stratified=spec.kind == "classification")
    scale = target_scale(model, spec)
    load = partial(
        batches,
        preprocess=preprocess,
        device=device,
        memory=float_bytes(len(chosen) + len(judged), spec.inputs) <= memory_budget,
    )
    return _Parts(
        body=body,
        recipe=recipe,
        train=load(task.train, chosen, convert=scale if lesson is None else _with_lesson(scale, lesson, chosen)),
        validation=load(task.validation, judged, convert=scale),
        optimizer=optimizer(body, recipe),
        criterion=criterion(spec, recipe.label_smoothing) if lesson is None else lesson.loss,
        spec=spec,
        augment=augmentation(recipe.augmentation, spec.inputs),
        generator=torch.Generator().manual_seed(derive(context.seed, "batches")),
        device=device,
        epochs=epochs,
        deadline=None if context.deadline is None else start + context.deadline,
        ranks=ranks,
    )


def _with_lesson(scale: TargetScale, lesson: Lesson, chosen: Indices) -> Callable[[NDArray[Any]], Tensor]:
    return lambda targets: lesson.joined(scale(targets), chosen)


def _run(parts: _Parts, standing: Standing, context: Context, trace: StepTrace) -> Stopped:
    history, best, patience, reserve = standing.history, standing.best, parts.recipe.patience, 0.0
    if history and patience is not None and len(history) - best.epoch >= patience:
        return "patience"
    for epoch in range(len(history) + 1, parts.epochs + 1):
        losses = _epoch(parts, epoch, reserve, trace, standing.average)
        if losses is None:
            return "deadline"
        began = time.monotonic()
        stopped = _end_epoch(parts, standing, context, losses)
        reserve = time.monotonic() - began
        if stopped is not None:
            return stopped
    return "epochs"


def _end_epoch(parts: _Parts, standing: Standing, context: Context, losses: Tensor) -> Stopped | None:
    """Judge and report what an epoch has made of the model; return why the training ends here, if it does."""
    history, best, patience = standing.history, standing.best, parts.recipe.patience
    epoch = len(history) + 1
    if epoch == 1:
        standing.limit = DIVERGED * max(1.0, float(losses[0]))
    train_loss = healthy(losses, standing.limit, epoch)
    validation = _judged(parts, standing)
    check_finite(validation["loss"], "validation loss", epoch)
    rate = learning_rate(parts.recipe, epoch * parts.steps - 1, parts.epochs * parts.steps)
    history.append({"epoch": epoch, "train_loss": train_loss, **validation, "learning_rate": rate})
    best.consider(epoch, validation)
    if _is_stopped(parts, context, epoch, {**validation, "learning_rate": rate, "progress": epoch / parts.epochs}):
        return "stopped"
    if patience is not None and epoch - best.epoch >= patience and epoch < parts.epochs:
        return "patience"
    return None


def _is_stopped(parts: _Parts, context: Context, epoch: int, measured: Mapping[str, float]) -> bool:
    """Report an epoch, and hear whether the training is to end here. Of several ranks rank 0 alone is heard."""
    stopped = False
    try:
        context.report(epoch, **measured)
    except TrialStopped:
        stopped = True
    return stopped if parts.ranks is None else parts.ranks.any(stopped)


def _judged(parts: _Parts, standing: Standing) -> Mapping[str, float]:
    """How the model does on the validation examples; where weights are averaged, their average."""
    average = standing.average
    if parts.ranks is not None:
        parts.ranks.average_statistics(parts.body)
    if average is not None:
        average.settle(parts.body, parts.train, parts.recipe.batch_size, parts.autocast())
    with parts.autocast():
        judged = parts.body if average is None else average.model
        return score_validation(judged, parts.validation, parts.spec, parts.ranks)


def _epoch(
    parts: _Parts, epoch: int, reserve: float, trace: StepTrace, average: Average | None = None
) -> Tensor | None:
    """Train for one epoch and return the loss of every step, or None where the deadline came first.

    Args:
        reserve: seconds to keep for what follows the epoch.
    """
    parts.body.train()
    losses = torch.zeros(parts.steps, device=parts.device)
    total, before = parts.epochs * parts.steps, (epoch - 1) * parts.steps
    for i, (inputs, targets) in enumerate(parts.train.shuffled(parts.recipe.batch_size, parts.generator)):
        if parts.is_late(reserve):
            if epoch == 1:
                raise EvaluationError(
                    f"the deadline passed in the first epoch, after {i} of {parts.steps} steps",
                    hint="give each trial more time, fewer examples (data_fraction) or a smaller model",
                )
            return None
        if parts.augment is not None:
            inputs = parts.augment(inputs, parts.generator)
        losses[i] = _step(parts, inputs, targets, learning_rate(parts.recipe, before + i, total))
        if average is not None:
            average.update(parts.body)
        trace.step()
        if i % FINITE_EVERY == FINITE_EVERY - 1:
            healthy(losses[: i + 1], math.inf, epoch)
    return losses


def _step(parts: _Parts, inputs: Tensor, targets: Tensor, rate: float) -> Tensor:
    optimizer = parts.optimizer
    for group in optimizer.param_groups:
        group["lr"] = rate
    share = 1.0
    if parts.ranks is not None:
        mine, wanted, share = parts.ranks.part(inputs, targets)
        inputs, targets = (mine, wanted) if share else (inputs, targets)  # one without examples counts for nothing
    with parts.autocast():
        scores = parts.body(inputs)
    check_scores(scores, len(targets), parts.spec)
    loss = parts.criterion(scores, targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if parts.ranks is not None:
        loss = parts.ranks.add_up(parts.body, loss.detach(), share)
    if parts.recipe.gradient_clip is not None:
        nn.utils.clip_grad_norm_(parts.body.parameters(), parts.recipe.gradient_clip, foreach=True)
    optimizer.step()
    return loss.detach()


def _halves(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    body, preprocess = getattr(model, "body", None), getattr(model, "preprocess", None)
    if not isinstance(body, nn.Module) or not isinstance(preprocess, nn.Module):
        raise EvaluationError(
            f"expected a model with the submodules preprocess and body, got {type(model).__name__}",
            hint="wrap it by tasks.preprocessing.with_preprocessing(task.preprocessing, model)",
        )
    return body, preprocess
