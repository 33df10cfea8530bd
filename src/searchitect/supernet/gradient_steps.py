"""One run of a gradient search, step by step: what it is given, what changes, and one epoch of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.seeding import derive
from searchitect.spaces import Recipe, SearchSpace, Value
from searchitect.supernet.costs import CostTable, CostTerm, penalised
from searchitect.supernet.data import SharedData
from searchitect.supernet.gradient_methods import GradientMethod, GradientSettings
from searchitect.supernet.gradient_result import SearchEpoch
from searchitect.supernet.guards import Guards, SkipDropout, dominant_eigenvalue, entropy, skip_share
from searchitect.supernet.relaxation import Batch, Relaxation, batch_statistics
from searchitect.supernet.samplers import Weights, distance_to_uniform
from searchitect.supernet.unrolling import gradient, unrolled_gradient
from searchitect.training.augmentation import augmentation
from searchitect.training.batches import Batches
from searchitect.training.schedules import factor

__all__ = ["RunContext", "RunState", "endless", "shuffled", "train_epoch", "tune"]


@dataclass(frozen=True, eq=False)
class RunContext:
    """What does not change during a run."""

    space: SearchSpace
    data: SharedData
    method: GradientMethod
    guards: Guards
    settings: GradientSettings
    costs: tuple[CostTerm, ...]
    run: int
    seed: int
    fixed: Mapping[str, Value] | None
    device: str
    folder: Path | None
    save_every: int = 0

    @property
    def identity(self) -> int:
        """A number that another search has not: what a checkpoint is recognised by."""
        asked = (self.method, self.guards, self.settings, self.costs, sorted((self.fixed or {}).items()))
        examples = (len(self.data.train), len(self.data.search), len(self.data.validation))
        return derive(self.seed, self.space.digest, repr((asked, examples, self.data.spec)))

    @property
    def recipe(self) -> Recipe:
        return self.settings.recipe

    @property
    def steps(self) -> int:
        return -(-len(self.data.train) // self.recipe.batch_size)

    @property
    def warm_up(self) -> int:
        return round(self.method.warm_up * self.recipe.epochs)


@dataclass(eq=False, slots=True)
class RunState:
    """What changes.

    Attributes:
        trail: the architecture weights at the start and after every epoch: where guards go back to.
        losses, searched: of the steps of the epoch that goes on, of the shared and of the architecture weights.
        random: the state of torch's generator in the middle of an epoch; None at its start.
    """

    relaxation: Relaxation
    weights: torch.optim.Optimizer
    alphas: torch.optim.Optimizer
    tables: tuple[tuple[CostTerm, CostTable], ...]
    dropout: SkipDropout
    progress: list[SearchEpoch] = field(default_factory=list)
    trail: list[dict[str, Tensor]] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    searched: list[Tensor] = field(default_factory=list)
    random: Tensor | None = None


def train_epoch(
    state: RunState, context: RunContext, epoch: int, *, searching: bool, keep: Callable[[], None]
) -> SearchEpoch:
    """Train to the end of an epoch, from its start or from where a checkpoint stands.

    Args:
        searching: train the architecture weights too.
        keep: writes a checkpoint.

    Raises:
        EvaluationError: the loss is not finite.
    """
    done = (epoch - 1) / max(1, context.recipe.epochs - 1)
    first, last = context.method.temperature
    temperature = first + (last - first) * done
    state.dropout.rate = context.guards.skip_dropout * (1.0 - done)
    _draw_on(state, context)
    search = islice(endless(context.data.search, context, "search", epoch), len(state.searched), None)
    batches = islice(shuffled(context.data.train, context, "train", epoch), len(state.losses), None)
    for number, batch in enumerate(batches, start=len(state.losses)):
        rate = _rate(context, (epoch - 1) * context.steps + number)
        if searching:
            state.searched.append(_architecture_step(state, context, next(search), batch, temperature, done, rate))
        state.losses.append(_weight_step(state, context, batch, temperature, done, rate))
        if context.save_every and (number + 1) % context.save_every == 0 and number + 1 < context.steps:
            # What has gone wrong already is not written over what was well.
            _healthy((*state.losses, *state.searched), epoch)
            state.random = _generator_state(context)
            keep()
    _healthy((*state.losses, *state.searched), epoch)
    entry = _progress(state, context, epoch, state.losses, state.searched, temperature)
    state.losses, state.searched, state.random = [], [], None
    return entry


def _draw_on(state: RunState, context: RunContext) -> None:
    """Go on drawing where the checkpoint in the middle of this epoch stands."""
    if state.random is None:
        return
    if torch.device(context.device).type == "cuda":
        torch.cuda.set_rng_state(state.random, context.device)
    else:
        torch.set_rng_state(state.random)


def _generator_state(context: RunContext) -> Tensor:
    """Of the generator from which operations, noise and dropout are drawn."""
    if torch.device(context.device).type == "cuda":
        return torch.cuda.get_rng_state(context.device)
    return torch.get_rng_state()


def _architecture_step(
    state: RunState, context: RunContext, batch: Batch, train: Batch, temperature: float, done: float, rate: float
) -> Tensor:
    relaxation, method = state.relaxation, context.method
    drawn: dict[str, Weights] = {}
    plain: list[Tensor] = []

    def search_loss() -> Tensor:
        drawn.update(relaxation.draw("search", temperature))
        loss = relaxation.loss(batch)
        plain.append(loss.detach())
        return _penalised(loss, state, context, done)

    def training_loss() -> Tensor:
        relaxation.draw("search", temperature)
        return relaxation.loss(train)

    if method.order == 2:
        _, gradients = unrolled_gradient(training_loss, search_loss, relaxation.trained, relaxation.searched, rate)
    else:
        gradients = gradient(search_loss(), relaxation.searched)
    for parameter, found in zip(relaxation.searched, gradients, strict=True):
        parameter.grad = found
    before = relaxation.alphas.copy()
    state.alphas.step()
    if relaxation.sampler.settle is not None:
        for decision, logits in relaxation.alphas:
            if decision.path not in relaxation.taken:
                relaxation.sampler.settle(logits, before[decision.path], drawn[decision.path])
    return plain[-1]


def _penalised(loss: Tensor, state: RunState, context: RunContext, done: float) -> Tensor:
    relaxation = state.relaxation
    if state.tables:
        shares = {path: share.cpu() for path, share in relaxation.by_path().items()}
        loss = penalised(loss, [(term, table.expected(shares)) for term, table in state.tables])
    if context.guards.entropy > 0.0:
        loss = loss + context.guards.entropy * done * entropy(relaxation.probabilities())
    if context.method.regulariser > 0.0:
        for _, logits in relaxation.alphas:
            loss = loss + context.method.regulariser * distance_to_uniform(logits)
    return loss


def _weight_step(
    state: RunState, context: RunContext, batch: Batch, temperature: float, done: float, rate: float
) -> Tensor:
    relaxation = state.relaxation
    for group in state.weights.param_groups:
        group["lr"] = rate
    relaxation.draw("train", temperature, context.method.perturbation * done)
    loss = relaxation.loss(batch)
    state.weights.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if context.recipe.gradient_clip is not None:
        nn.utils.clip_grad_norm_(relaxation.trained, context.recipe.gradient_clip, foreach=True)
    state.weights.step()
    return loss.detach()


def _rate(context: RunContext, step: int) -> float:
    recipe, final = context.recipe, context.settings.final_rate
    share = factor(recipe.schedule, step, recipe.epochs * context.steps, recipe.warmup)
    return min(final, recipe.learning_rate) + max(0.0, recipe.learning_rate - final) * share


def shuffled(source: Batches, context: RunContext, part: str, epoch: int) -> Iterator[Batch]:
    """Yield the batches of one pass, augmented; a part and an epoch name their order."""
    generator = torch.Generator().manual_seed(derive(context.seed, part, epoch))
    augment = augmentation(context.recipe.augmentation, context.data.spec.inputs)
    for inputs, targets in source.shuffled(context.recipe.batch_size, generator):
        yield (inputs if augment is None else augment(inputs, generator)), targets


def endless(source: Batches, context: RunContext, part: str, epoch: int) -> Iterator[Batch]:
    """Yield batches for as long as anybody asks, pass after pass."""
    rounds = 0
    while True:
        yield from shuffled(source, context, f"{part} {rounds}", epoch)
        rounds += 1


def _progress(
    state: RunState,
    context: RunContext,
    epoch: int,
    losses: Sequence[Tensor],
    searched: Sequence[Tensor],
    temperature: float,
) -> SearchEpoch:
    relaxation = state.relaxation
    shares = [share.detach() for share in relaxation.probabilities()]
    decisions = [decision for decision, _ in relaxation.alphas]
    watched = searched and context.guards.eigenvalue is not None and not relaxation.sampler.one_path
    return SearchEpoch(
        run=context.run,
        epoch=epoch,
        train_loss=float(torch.stack(list(losses)).mean()),
        search_loss=float(torch.stack(list(searched)).mean()) if searched else None,
        probabilities={d.path: tuple(share.tolist()) for d, share in zip(decisions, shares, strict=True)},
        skip_share=skip_share(decisions, shares),
        entropy=float(entropy(shares)),
        eigenvalue=_eigenvalue(state, context) if watched else None,
        temperature=temperature,
    )


def _eigenvalue(state: RunState, context: RunContext) -> float:
    """Of the loss of one batch, the same in all epochs."""
    relaxation = state.relaxation
    batch = next(shuffled(context.data.search, context, "eigenvalue", 0))

    def loss() -> Tensor:
        relaxation.put(relaxation.by_path())
        return relaxation.loss(batch)

    generator = torch.Generator().manual_seed(derive(context.seed, "eigenvalue"))
    with batch_statistics(relaxation.supernet):
        relaxation.draw("mean")
        return dominant_eigenvalue(loss, relaxation.alphas.logits, generator)


def tune(state: RunState, context: RunContext, number: int) -> None:
    """Train the shared weights for some epochs at a tenth of the learning rate."""
    for epoch in range(context.settings.tuned):
        for batch in shuffled(context.data.train, context, f"tune {number}", epoch):
            loss = _weight_step(
                state, context, batch, context.method.temperature[1], 0.0, context.recipe.learning_rate / 10
            )
        _healthy((loss,), len(state.progress))


def _healthy(losses: Sequence[Tensor], epoch: int) -> None:
    if not all(math.isfinite(value) for value in torch.stack(list(losses)).tolist()):
        raise EvaluationError(
            f"the loss of the supernet is not finite in epoch {epoch}",
            hint="lower the learning rate, or clip the gradient harder",
        )
