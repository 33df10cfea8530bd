"""Training the shared weights: one function per level (training, epoch, step), resumable after any step.

Every random number is named by the seed and the number of the step or epoch, so a training that was killed and run
again goes on as if nothing had happened: the same examples, paths and dropout, bit for bit on one thread.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.seeding import derive, isolated
from searchitect.spaces import Recipe
from searchitect.supernet.checkpoints import check_same, has_weights, load_into, save_supernet
from searchitect.supernet.data import SharedData
from searchitect.supernet.members import members_of
from searchitect.supernet.methods import Method, Routine, Setup, method_of
from searchitect.supernet.open_build import Supernet
from searchitect.supernet.progress import Progress, restored, snapshot
from searchitect.training.augmentation import augmentation
from searchitect.training.health import DIVERGED, FINITE_EVERY, check_finite, check_recipe, healthy
from searchitect.training.losses import criterion, score_validation
from searchitect.training.optimizers import optimizer
from searchitect.training.placing import place
from searchitect.training.precision import autocast
from searchitect.training.ranks import Ranks
from searchitect.training.recalibration import recalibrate
from searchitect.training.schedules import learning_rate

__all__ = ["Report", "SupernetTraining", "train_supernet"]

CALIBRATION = 8
"""Batches from which statistics are made before the largest subnet is judged after an epoch."""

Report = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class SupernetTraining:
    """A training of shared weights that ended well; one that did not raises.

    Attributes:
        method: its name.
        history: one mapping per finished epoch: `epoch` (from 1), `train_loss` (mean over steps and paths), `loss` and,
            for classification, `accuracy` of the largest subnet on the validation split, with recalibrated statistics;
            `learning_rate` of the last step, `seconds` of the epoch; and what the method adds.
        epochs: finished epochs.
        seconds: wall time of all of it, that before a resume included.
        stopped: "epochs" (ran to its end) or "deadline".
    """

    method: str
    history: tuple[Mapping[str, float], ...]
    epochs: int
    seconds: float
    stopped: Literal["epochs", "deadline"]


def train_supernet(
    supernet: Supernet,
    data: SharedData,
    *,
    method: str | Method = "spos",
    recipe: Recipe,
    seed: int = 0,
    folder: Path | None = None,
    save_every: int = 0,
    deadline: float | None = None,
    report: Report | None = None,
    ranks: Ranks | None = None,
) -> SupernetTraining:
    """Train the shared weights in place and leave them as after the last step, in eval mode.

    Run again with the same folder it goes on from the last checkpoint, also in the middle of an epoch; what is finished
    returns at once. Running statistics of batch normalisation mean nothing in a supernet: recalibrate a subnet's
    before it is judged.

    Args:
        data: where its tensors lie says on which device is trained.
        method: a name of `METHODS`, or a method with settings of its own.
        recipe: `patience` and `best_epoch` play no part; `batch_size` is that of every path of a step.
        folder: where checkpoints go; None keeps none.
        save_every: steps between checkpoints; 0 writes one after every epoch. One is always written after an epoch.
        deadline: seconds from now; the training stops after the step in which it passes, with a checkpoint.
        report: receives the number of every finished epoch and its figures.
        ranks: the programs that train these weights together, each of which calls this with the same arguments; rank 0
            alone writes to the folder. A method whose routine learns from more than gradients ("enas") is not for them.

    Raises:
        EvaluationError: the loss is not finite or explodes, the deadline passes within the first epoch while nothing is
            kept, or the recipe cannot be followed.
        StorageError: the folder holds another supernet, or another training of this one; the message names what.
    """
    start = time.monotonic()
    chosen = method_of(method)
    check_recipe(recipe, recipe.epochs)
    device = next(iter(data.validation.in_order(2)))[0].device
    with isolated(derive(seed, "supernet")):
        place(supernet, device, channels_last=len(supernet.spec.inputs) == 3)
        work = _begin(supernet, data, chosen, recipe, seed, device)
        work.folder, work.save_every, work.report, work.ranks = folder, save_every, report, ranks
        work.end = math.inf if deadline is None else start + deadline
        if folder is not None and has_weights(folder):
            _resume(work, folder)
        if ranks is not None:
            ranks.begin(supernet)
        work.progress.since = start
        stopped = _run(work)
        place(supernet, device, channels_last=False)
    supernet.activate(work.setup.members.largest)
    supernet.eval()
    history = work.progress.history
    return SupernetTraining(chosen.name, tuple(history), len(history), work.progress.seconds, stopped)


@dataclass(eq=False)
class _Work:
    """One training: what does not change, and how far it is."""

    setup: Setup
    method: Method
    routine: Routine
    optimizer: torch.optim.Optimizer
    device: torch.device
    progress: Progress
    folder: Path | None = None
    save_every: int = 0
    end: float = math.inf
    report: Report | None = None
    reserve: float = 0.0
    ranks: Ranks | None = None

    @property
    def is_late(self) -> bool:
        late = time.monotonic() + self.reserve >= self.end
        return late if self.ranks is None or math.isinf(self.end) else self.ranks.any(late)

    def terms(self) -> dict[str, Any]:
        """What has to be equal for a training to go on."""
        setup, data = self.setup, self.setup.data
        settings = {f.name: getattr(self.method, f.name) for f in dataclasses.fields(self.method)}
        examples = {"train": len(data.train), "search": len(data.search), "validation": len(data.validation)}
        return {
            "method": {"name": self.method.name, **settings},
            "recipe": setup.recipe.to_json(),
            "seed": setup.seed,
            "examples": examples,
        }


def _begin(
    supernet: Supernet, data: SharedData, method: Method, recipe: Recipe, seed: int, device: torch.device
) -> _Work:
    steps = -(-len(data.train) // recipe.batch_size)
    setup = Setup(
        supernet=supernet,
        members=members_of(supernet),
        data=data,
        recipe=recipe,
        seed=seed,
        steps=steps,
        criterion=criterion(supernet.spec, recipe.label_smoothing),
        autocast=partial(autocast, recipe, device, supernet.spec, supernet),
    )
    progress = Progress(torch.zeros(steps, device=device))
    return _Work(setup, method, method.begin(setup), optimizer(supernet, recipe), device, progress)


def _resume(work: _Work, folder: Path) -> None:
    supernet = work.setup.supernet
    check_same(folder, supernet, work.terms())
    found = load_into(supernet, folder)
    restored(found, work.progress, supernet, work.optimizer, work.routine)


def _save(work: _Work) -> None:
    if work.folder is None or (work.ranks is not None and work.ranks.rank > 0):
        return
    supernet = work.setup.supernet
    # What has gone wrong already is not written over what was well.
    epoch, done = divmod(work.progress.step, work.setup.steps)
    if done:
        healthy(work.progress.losses[:done], math.inf, epoch + 1)
    state = snapshot(work.progress, supernet, work.optimizer, work.routine)
    save_supernet(work.folder, supernet, training=work.terms(), snapshot=state)


def _run(work: _Work) -> Literal["epochs", "deadline"]:
    while work.progress.step < work.setup.total:
        began = time.monotonic()
        if not _epoch(work):
            if not work.progress.history and work.folder is None:
                raise EvaluationError(
                    f"the deadline passed in the first epoch, after {work.progress.step} of {work.setup.steps} steps",
                    hint="give it more time, fewer examples, or a folder from which it can go on",
                )
            _save(work)
            return "deadline"
        _end_epoch(work, began)
        _save(work)
    return "epochs"


def _epoch(work: _Work) -> bool:
    """Train to the end of the current epoch; False where the deadline came first."""
    setup, progress = work.setup, work.progress
    epoch, done = divmod(progress.step, setup.steps)
    order = torch.Generator().manual_seed(derive(setup.seed, "batches", epoch))
    setup.supernet.train()
    batches = islice(setup.data.train.shuffled(setup.recipe.batch_size, order), done, None)
    for i, (inputs, targets) in enumerate(batches, start=done):
        if work.is_late:
            return False
        progress.losses[i] = _step(work, progress.step, inputs, targets)
        progress.step += 1
        if i % FINITE_EVERY == FINITE_EVERY - 1:
            healthy(progress.losses[: i + 1], math.inf, epoch + 1)
        if work.save_every and progress.step % work.save_every == 0 and i + 1 < setup.steps:
            _save(work)
    return True


def _step(work: _Work, step: int, inputs: Tensor, targets: Tensor) -> Tensor:
    setup, optimizer = work.setup, work.optimizer
    _seed(work.device, derive(setup.seed, "step", step))
    augment = augmentation(setup.recipe.augmentation, setup.spec.inputs)
    if augment is not None:
        inputs = augment(inputs, torch.Generator().manual_seed(derive(setup.seed, "augmentation", step)))
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(setup.recipe, step, setup.total)
    # Weights that no path of this step uses get no gradient, and are not stepped.
    optimizer.zero_grad(set_to_none=True)
    if work.ranks is None:
        loss = work.routine.learn(step, inputs, targets)
    else:
        mine, wanted, share = work.ranks.part(inputs, targets)
        loss = work.routine.learn(step, *((mine, wanted) if share else (inputs, targets)))
        loss = work.ranks.add_up(setup.supernet, loss, share)
    if work.method.clip_value is not None:
        nn.utils.clip_grad_value_(setup.supernet.parameters(), work.method.clip_value, foreach=True)
    if setup.recipe.gradient_clip is not None:
        nn.utils.clip_grad_norm_(setup.supernet.parameters(), setup.recipe.gradient_clip, foreach=True)
    optimizer.step()
    return loss


def _end_epoch(work: _Work, began: float) -> None:
    setup, progress = work.setup, work.progress
    epoch = progress.step // setup.steps
    if progress.first_loss is None:
        progress.first_loss = float(progress.losses[0])
    train_loss = healthy(progress.losses, DIVERGED * max(1.0, progress.first_loss), epoch)
    _seed(work.device, derive(setup.seed, "end of epoch", epoch))
    added = work.routine.end_epoch(epoch)
    judged = time.monotonic()
    validation = _judged(setup, epoch, work.ranks)
    work.reserve = time.monotonic() - judged
    entry = {
        "epoch": epoch,
        "train_loss": train_loss,
        **validation,
        "learning_rate": learning_rate(setup.recipe, progress.step - 1, setup.total),
        **added,
    }
    progress.history.append({**entry, "seconds": time.monotonic() - began})
    if work.report is not None:
        work.report(epoch, progress.history[-1])


def _judged(setup: Setup, epoch: int, ranks: Ranks | None = None) -> Mapping[str, float]:
    """Loss and accuracy of the largest subnet on the validation split."""
    supernet, data = setup.supernet, setup.data
    supernet.activate(setup.members.largest)
    order = torch.Generator().manual_seed(derive(setup.seed, "recalibration", epoch))
    batches = islice(data.train.shuffled(setup.recipe.batch_size, order), CALIBRATION)
    with setup.autocast():
        recalibrate(supernet, (inputs for inputs, _ in batches))
        validation = score_validation(supernet, data.validation, setup.spec, ranks)
    check_finite(validation["loss"], "validation loss", epoch)
    return validation


def _seed(device: torch.device, seed: int) -> None:
    """Seed what dropout draws from; `torch.manual_seed` would note a stack trace for a GPU that is not there."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
