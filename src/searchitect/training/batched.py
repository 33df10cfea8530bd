"""Several trainings of one architecture at once: seeds and recipes, their weights stacked, one kernel for all of them.

Forward and backward pass run once on stacked weights (`torch.func.stack_module_state`, `vmap`); batches, augmentation,
clipping, optimiser, schedule, validation and the choice of the best epoch stay those of each training. The weights of
the models are views of the stack, so everything else is the code of the loop as it is.

Whether this is faster depends on the machine and the model: docs/training.md holds what was measured. A convolution
over a stack is a grouped convolution, which a processor runs more slowly than one after the other.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from searchitect.errors import EvaluationError, SearchitectError
from searchitect.evaluation import Context
from searchitect.seeding import isolated
from searchitect.spaces.recipe import Recipe
from searchitect.training import loop
from searchitect.training.batches import Batch
from searchitect.training.continuing import Standing
from searchitect.training.examples import Trainable
from searchitect.training.health import FINITE_EVERY, healthy
from searchitect.training.losses import check_scores
from searchitect.training.placing import place
from searchitect.training.precision import autocast
from searchitect.training.record import Stopped, Training
from searchitect.training.schedules import learning_rate
from searchitect.trial import Fidelity

__all__ = ["Together", "obstacle", "train_together"]

_ALIKE = ("batch_size", "epochs", "label_smoothing", "mixed_precision")
"""Fields of a recipe that are part of the shared pass."""

T = TypeVar("T")

Gradients = Callable[..., tuple[dict[str, Tensor], Tensor]]


@dataclass(frozen=True, slots=True)
class Together:
    """What came of trainings, in the order of the models.

    Attributes:
        outcomes: each a training, or why it failed: one that diverges does not end the others.
        sequential: why they ran one after the other; None where they ran at once.
    """

    outcomes: tuple[Training | SearchitectError, ...]
    sequential: str | None


def train_together(
    models: Sequence[nn.Module],
    task: Trainable,
    recipes: Sequence[Recipe],
    *,
    contexts: Sequence[Context],
    fidelity: Fidelity = Fidelity(),
    memory_budget: int = loop.MEMORY_BUDGET,
) -> Together:
    """Train models of one architecture as `train` would each of them, at once where that is possible.

    Losses agree with those of sequential trainings within 1e-5 until rounding has grown by itself. Where something
    stands in the way (`obstacle`, an operation that `vmap` refuses, dropout), they run one after the other.

    Args:
        models: as for `train`; each with its own weights.
        recipes, contexts: one for each model. Learning rate, weight decay, optimiser, schedule, augmentation, patience
            and seed may differ.
        fidelity, memory_budget: as for `train`.

    Raises:
        EvaluationError: the numbers of models, recipes and contexts differ.
    """
    if not len(models) == len(recipes) == len(contexts):
        raise EvaluationError(
            f"each model needs a recipe and a context, got {len(models)}, {len(recipes)} and {len(contexts)}"
        )
    why = obstacle(models, recipes, contexts, task)
    if why is None:
        with isolated(0):
            stack = _Stack.of(models, task, recipes, contexts, fidelity, memory_budget)
            why = stack.refusal()
            if why is None:
                return Together(stack.train(), None)
    arguments = zip(models, recipes, contexts, strict=True)
    return Together(tuple(_alone(m, task, r, c, fidelity, memory_budget) for m, r, c in arguments), why)


def obstacle(
    models: Sequence[nn.Module], recipes: Sequence[Recipe], contexts: Sequence[Context], task: Trainable
) -> str | None:
    """Why trainings cannot run at once, as far as it can be seen without trying; None where nothing is seen."""
    if len(models) < 2:
        return "there is one model only"
    if len({_shape(model) for model in models}) > 1:
        return "the models differ in their layers or shapes"
    for name in _ALIKE:
        if len({getattr(recipe, name) for recipe in recipes}) > 1:
            return f"the recipes differ in {name}"
    if any(context.deadline is not None for context in contexts):
        return "a deadline makes each training end by itself"
    if len({context.device for context in contexts}) > 1:
        return "they are on different devices"
    device = torch.device(contexts[0].device)
    if not isinstance(autocast(recipes[0], device, task.spec, models[0]), nullcontext):
        return "mixed precision rounds each training differently"
    return None


def _shape(model: nn.Module) -> tuple[str, ...]:
    tensors = (*model.named_parameters(), *model.named_buffers())
    return (str(model), *(f"{name} {tuple(t.shape)} {t.dtype} {t.requires_grad}" for name, t in tensors))


def _alone(
    model: nn.Module, task: Trainable, recipe: Recipe, context: Context, fidelity: Fidelity, memory_budget: int
) -> Training | SearchitectError:
    try:
        return loop.train(model, task, recipe, fidelity=fidelity, context=context, memory_budget=memory_budget)
    except SearchitectError as error:
        return error


@dataclass(eq=False)
class _Stack:
    """Trainings in step: their parts, where each stands, and what has come of those that are over."""

    models: Sequence[nn.Module]
    parts: list[loop._Parts]
    standings: list[Standing]
    contexts: Sequence[Context]
    weights: dict[str, Tensor]
    fixed: dict[str, Tensor]
    buffers: dict[str, Tensor]
    gradients: Gradients
    start: float
    over: dict[int, Stopped | SearchitectError] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        models: Sequence[nn.Module],
        task: Trainable,
        recipes: Sequence[Recipe],
        contexts: Sequence[Context],
        fidelity: Fidelity,
        memory_budget: int,
    ) -> _Stack:
        """Prepare each training as `train` does, and stack the weights."""
        start, parts = time.monotonic(), []
        for model, recipe, context in zip(models, recipes, contexts, strict=True):
            place(model, context.device, channels_last=False)
            parts.append(loop._prepare(model, task, recipe, fidelity, context, memory_budget))
        for part in parts:
            part.body.train()
        stacked, buffers = stack_module_state([part.body for part in parts])
        trained = {name for name, parameter in parts[0].body.named_parameters() if parameter.requires_grad}
        weights = {name: tensor.detach() for name, tensor in stacked.items() if name in trained}
        fixed = {name: tensor.detach() for name, tensor in stacked.items() if name not in trained}
        standings = [loop._stand(part, resumable=False) for part in parts]
        made = _gradients(parts[0])
        return cls(models, parts, standings, contexts, weights, fixed, buffers, made, start)

    def refusal(self) -> str | None:
        """Why one pass over the stack is impossible; tried on copies, before anything has changed."""
        shape = (len(self.models), min(2, self.parts[0].recipe.batch_size), *self.parts[0].spec.inputs)
        inputs = torch.zeros(shape, device=self.parts[0].device)
        kind = torch.int64 if self.parts[0].spec.kind == "classification" else torch.float32
        sides = () if kind is torch.int64 else (self.parts[0].spec.outputs,)
        targets = torch.zeros((*shape[:2], *sides), dtype=kind, device=inputs.device)
        try:
            self.gradients(self.weights, self.fixed, copy.deepcopy(self.buffers), inputs, targets)
        except Exception as error:  # noqa: BLE001 - a user's forward may raise anything, and so does vmap
            lines = str(error).strip().splitlines()
            return f"the model cannot run on stacked weights: {lines[0][:200] if lines else type(error).__name__}"
        return None

    def train(self) -> tuple[Training | SearchitectError, ...]:
        """Run all epochs; a training that is over keeps its place in the stack, and its weights as they are."""
        epochs = self.parts[0].epochs
        with self._linked():
            for epoch in range(1, epochs + 1):
                for index, losses in self._epoch(epoch).items():
                    self._end_epoch(index, losses)
                if len(self.over) == len(self.parts):
                    break
        return tuple(self._outcome(index) for index in range(len(self.parts)))

    def _epoch(self, epoch: int) -> dict[int, Tensor]:
        """The loss of every step of each training that goes on."""
        for part in self.parts:
            part.body.train()
        steps, total = self.parts[0].steps, self.parts[0].steps * self.parts[0].epochs
        losses = torch.zeros((len(self.parts), steps), device=self.parts[0].device)
        streams = [part.train.shuffled(part.recipe.batch_size, part.generator) for part in self.parts]
        for step in range(steps):
            inputs, targets = self._batch(streams)
            found, losses[:, step] = self.gradients(self.weights, self.fixed, self.buffers, inputs, targets)
            for index in self._going():
                self._step(index, found, (epoch - 1) * steps + step, total)
            if step % FINITE_EVERY == FINITE_EVERY - 1:
                for index in self._going():
                    self._guarded(index, partial(healthy, losses[index, : step + 1], math.inf, epoch))
        return {index: losses[index] for index in self._going()}

    def _batch(self, streams: Sequence[Iterator[Batch]]) -> Batch:
        made = []
        for part, stream in zip(self.parts, streams, strict=True):
            inputs, targets = next(stream)
            made.append((inputs if part.augment is None else part.augment(inputs, part.generator), targets))
        return torch.stack([inputs for inputs, _ in made]), torch.stack([targets for _, targets in made])

    def _step(self, index: int, found: dict[str, Tensor], step: int, total: int) -> None:
        part, standing = self.parts[index], self.standings[index]
        for name, parameter in part.body.named_parameters():
            parameter.grad = found[name][index] if name in found else None
        for group in part.optimizer.param_groups:
            group["lr"] = learning_rate(part.recipe, step, total)
        if part.recipe.gradient_clip is not None:
            nn.utils.clip_grad_norm_(part.body.parameters(), part.recipe.gradient_clip, foreach=True)
        part.optimizer.step()
        if standing.average is not None:
            standing.average.update(part.body)

    def _going(self) -> list[int]:
        return [index for index in range(len(self.parts)) if index not in self.over]

    def _end_epoch(self, index: int, losses: Tensor) -> None:
        part, standing, context = self.parts[index], self.standings[index], self.contexts[index]
        stopped = self._guarded(index, partial(loop._end_epoch, part, standing, context, losses))
        if stopped is not None:
            self._leave(index, stopped)

    def _leave(self, index: int, why: Stopped | SearchitectError) -> None:
        """A training is over: its tensors become its own, so that nothing changes them any more."""
        self.over[index] = why
        body = self.parts[index].body
        for tensor in (*body.parameters(), *body.buffers()):
            tensor.data, tensor.grad = tensor.detach().clone(), None

    def _guarded(self, index: int, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except SearchitectError as error:
            self._leave(index, error)
            return None

    @contextmanager
    def _linked(self) -> Iterator[None]:
        """Let the models' tensors be views of the stack until each is over."""
        pairs = [
            (tensor, stacked[name][index])
            for index, part in enumerate(self.parts)
            for stacked, named in (
                (self.weights | self.fixed, part.body.named_parameters()),
                (self.buffers, part.body.named_buffers()),
            )
            for name, tensor in named
        ]
        for tensor, view in pairs:
            tensor.data = view
        yield
        for index in self._going():
            self._leave(index, "epochs")

    def _outcome(self, index: int) -> Training | SearchitectError:
        stopped = self.over[index]
        if isinstance(stopped, SearchitectError):
            return stopped
        part, standing = self.parts[index], self.standings[index]
        epoch = loop._hand_back(part, standing, stopped)
        self.models[index].eval()
        seconds = (time.monotonic() - self.start) / len(self.parts)
        entry = loop._validation(standing.history[epoch - 1])
        return Training(tuple(standing.history), entry, len(standing.history), epoch, seconds, stopped)


def _gradients(part: loop._Parts) -> Gradients:
    """Gradients and loss of every training from stacked weights, buffers and batches; buffers change in place."""
    empty = copy.deepcopy(part.body).to("meta")

    def loss(
        weights: dict[str, Tensor],
        fixed: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: Tensor,
        targets: Tensor,
    ) -> Tensor:
        scores = functional_call(empty, (weights, fixed, buffers), (inputs,))
        check_scores(scores, len(targets), part.spec)
        return part.criterion(scores, targets)

    return vmap(grad_and_value(loss), randomness="error")
