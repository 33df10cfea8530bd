"""Gradient search: shared weights and architecture weights are trained in turn, then each choice takes one option.

Liu et al., "DARTS", 2019, algorithm 1. What the methods differ in is `GradientMethod`, what guards them `Guards`.
Several runs with seeds of their own are ordered by a hold-out that trained nothing, the validation split of the task.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import ConfigError
from searchitect.seeding import derive, isolated, stream
from searchitect.spaces import SearchSpace, Value
from searchitect.supernet.architecture_weights import ArchitectureWeights, edge_groups, mixed_decisions
from searchitect.supernet.costs import CostTerm, cost_table
from searchitect.supernet.data import SharedData, load
from searchitect.supernet.gaps import DiscretisationGap
from searchitect.supernet.gradient_checkpoint import finished, keep_finished, keep_running, resume_running
from searchitect.supernet.gradient_methods import GradientMethod, GradientSettings, method_named
from searchitect.supernet.gradient_result import GradientSearch, SearchEpoch, SearchRun
from searchitect.supernet.gradient_steps import RunContext, RunState, endless, train_epoch, tune
from searchitect.supernet.guards import Guards, SkipDropout, skips_dropped, stop
from searchitect.supernet.open_build import open_build
from searchitect.supernet.partial_connections import partially_connected
from searchitect.supernet.relaxation import Batch, Relaxation, batch_statistics, freeze_norms, score
from searchitect.supernet.samplers import SAMPLERS
from searchitect.supernet.selection import by_magnitude, by_perturbation, chosen_architecture
from searchitect.tasks import Task
from searchitect.training.losses import criterion
from searchitect.training.optimizers import optimizer

__all__ = ["UNGUARDED", "gradient_search"]

GUARDED, SETTINGS = Guards(), GradientSettings()
UNGUARDED = Guards(most_skips=1.0, eigenvalue=None, entropy=0.0, skip_dropout=0.0)
"""What `guards=None` means: the methods as they were published."""


def gradient_search(
    space: Any,
    data: Task | SharedData,
    *,
    method: str | GradientMethod = "darts",
    selection: str | None = None,
    guards: Guards | None = GUARDED,
    settings: GradientSettings = SETTINGS,
    costs: Sequence[CostTerm] = (),
    seeds: int = 3,
    seed: int = 0,
    fixed: Mapping[str, Value] | None = None,
    device: str = "cpu",
    folder: Path | None = None,
    save_every: int = 0,
    report: Callable[[SearchEpoch], None] | None = None,
) -> GradientSearch:
    """Search a space by gradients and return one architecture per run, the best on the hold-out first.

    The same seed, machine, versions and threads give the same result. Plain DARTS as published is
    `guards=None, selection="magnitude"`.

    Args:
        space: a class marked `@space` or a `SearchSpace`; every open decision must be a choice among modules.
        data: a task, whose training split is divided; or data that `load(task, search_share=…)` prepared.
        method: a key of `GRADIENT_METHODS`, or parts of one's own.
        selection: "magnitude" or "perturbation"; None takes the method's.
        guards: None for none.
        costs: expected costs in the loss of the architecture weights.
        seeds: how many runs; fewer than 3 leave much to luck.
        fixed: decisions that are not searched: path to value.
        folder: an existing folder for checkpoints; a search that finds its own there goes on.
        save_every: steps between checkpoints within an epoch; 0 writes one after every epoch.
        report: called after every epoch.

    Raises:
        SpaceError: a decision cannot be mixed; the message says what to fix.
        ConfigError: an unknown method or selection, or no run.
        EvaluationError: the loss is not finite.
    """
    parts = method_named(method)
    if selection is not None:
        parts = dataclasses.replace(parts, selection=selection)  # type: ignore[arg-type]
    if seeds < 1:
        raise ConfigError(f"a gradient search needs at least 1 run, got seeds={seeds}", hint="seeds=3")
    shared = data if isinstance(data, SharedData) else _load(data, settings, device)
    found: list[SearchRun] = []
    options: dict[str, tuple[Value, ...]] = {}
    searched = SearchSpace.of(space)
    for run in range(seeds):
        start = derive(seed, "gradient search", run)
        context = RunContext(
            searched, shared, parts, guards or UNGUARDED, settings, tuple(costs), run, start, fixed, device, folder,
            save_every,
        )  # fmt: skip
        done, options = _run(context, report)
        found.append(done)
    found.sort(key=lambda done: -done.score)
    name = method if isinstance(method, str) else "custom"
    return GradientSearch(searched, name, options, tuple(found))


def _run(context: RunContext, report: Callable[[SearchEpoch], None] | None) -> tuple[SearchRun, dict[str, Any]]:
    relaxation = _relaxation(context)
    decisions = [decision for decision, _ in relaxation.alphas]
    options = {decision.path: decision.options for decision in decisions}
    known = finished(context.folder, context.run, context.identity)
    if known is not None:
        return known, options
    with ExitStack() as stack:
        probe = partial(_probe, relaxation, context)
        stack.enter_context(partially_connected(decisions, context.method.partial, relaxation.edges, probe))
        state = _state(relaxation, context, stack.enter_context(skips_dropped(decisions)))
        stopped = _search(state, context, report)
        done = _finish(state, context, stopped)
    keep_finished(context.folder, context.run, context.identity, done)
    return done, options


def _relaxation(context: RunContext) -> Relaxation:
    supernet = open_build(
        context.space,
        context.data.spec,
        fixed=context.fixed,
        seed=derive(context.seed, "weights"),
        check=not context.run,
    ).to(context.device)
    decisions = mixed_decisions(supernet)
    generator = torch.Generator().manual_seed(derive(context.seed, "architecture weights"))
    scale = context.settings.scale
    alphas = ArchitectureWeights(decisions, scale=scale, generator=generator, device=context.device)
    groups = edge_groups(supernet, decisions) if context.method.edges else ()
    betas = {
        paths: nn.Parameter((scale * torch.randn(len(paths), generator=generator)).to(context.device))
        for paths in groups
    }
    loss = criterion(context.data.spec, context.recipe.label_smoothing)
    edges: dict[str, Tensor | float] = {path: 1.0 for paths in groups for path in paths}
    relaxation = Relaxation(supernet, alphas, SAMPLERS[context.method.sampler], loss, betas, edges)
    freeze_norms(relaxation)
    return relaxation


def _state(relaxation: Relaxation, context: RunContext, dropout: SkipDropout) -> RunState:
    method = context.method
    decisions = [decision for decision, _ in relaxation.alphas]
    tables = tuple((term, cost_table(relaxation.supernet, decisions, term.name)) for term in context.costs)
    rate = method.rate if context.settings.rate is None else context.settings.rate
    adam = torch.optim.Adam(relaxation.searched, lr=rate, betas=method.betas, weight_decay=method.decay)
    weights = optimizer(relaxation.supernet, context.recipe)
    for group in weights.param_groups:  # the fused kernel wants a gradient for every weight, a sampled path has few
        group["fused"], group["foreach"] = False, True
    return RunState(relaxation, weights, adam, tables, dropout, trail=[relaxation.alphas.copy()])


def _search(state: RunState, context: RunContext, report: Callable[[SearchEpoch], None] | None) -> str | None:
    """Train epoch by epoch; return which guard stopped the architecture weights."""
    resume_running(context.folder, context.run, context.identity, state)
    keep = partial(keep_running, context.folder, context.run, context.identity, state)
    first = context.warm_up + max(1, context.recipe.epochs // 10)
    stopped = stop(state.progress, context.guards, first)
    while len(state.progress) < context.recipe.epochs:
        epoch = len(state.progress) + 1
        with isolated(derive(context.seed, "epoch", epoch)):
            searching = epoch > context.warm_up and stopped is None
            entry = train_epoch(state, context, epoch, searching=searching, keep=keep)
        state.progress.append(entry)
        state.trail.append(state.relaxation.alphas.copy())
        if stopped is None:
            stopped = stop(state.progress, context.guards, first)
            if stopped is not None:
                # Perturbation asks what the supernet misses: it judges best where no option was favoured.
                back = stopped.back if context.method.selection == "magnitude" else 0
                state.relaxation.alphas.restore(state.trail[back])
        keep()
        if report is not None:
            report(entry)
    return None if stopped is None else stopped.reason


def _finish(state: RunState, context: RunContext, stopped: str | None) -> SearchRun:
    """Take one option of each decision and judge the result on the hold-out."""
    relaxation, data = state.relaxation, context.data
    state.dropout.rate = 0.0
    with isolated(derive(context.seed, "selection")):
        relaxation.draw("mean")
        mixed = _quality(score(relaxation, _inputs(context), data.validation))
        if context.method.selection == "magnitude":
            chosen = by_magnitude(relaxation, context.guards.most_skips)
        else:
            chosen = by_perturbation(
                relaxation,
                _judged(context),
                lambda number: tune(state, context, number),
                stream(context.seed, "order"),
            )
        relaxation.taken.update(chosen.taken)
        relaxation.draw("mean")
        discretised = _quality(score(relaxation, _inputs(context), data.validation))
    architecture = chosen_architecture(context.space, relaxation, chosen.taken, context.seed)
    return SearchRun(
        seed=context.seed,
        architecture=architecture,
        score=discretised,
        gap=DiscretisationGap(mixed, discretised),
        strengths=chosen.strengths,
        progress=tuple(state.progress),
        stopped=stopped,
    )


def _judged(context: RunContext) -> list[Batch]:
    """Examples of the architecture weights' half by which options are compared, the same for all."""
    found: list[Batch] = []
    generator = torch.Generator().manual_seed(derive(context.seed, "judged"))
    for batch in context.data.search.shuffled(512, generator):
        if sum(len(targets) for _, targets in found) >= context.settings.judged:
            break
        found.append(batch)
    return found


def _inputs(context: RunContext) -> Iterator[Tensor]:
    batches = endless(context.data.train, context, "recalibration", 0)
    for _ in range(min(context.settings.recalibration, context.steps)):
        yield next(batches)[0]


def _probe(relaxation: Relaxation, context: RunContext) -> None:
    with batch_statistics(relaxation.supernet), torch.no_grad():
        relaxation.put({d.path: [1.0 / len(d.options)] * len(d.options) for d, _ in relaxation.alphas})
        relaxation.supernet(torch.zeros(2, *context.data.spec.inputs, device=context.device))


def _load(task: Task, settings: GradientSettings, device: str) -> SharedData:
    return load(task, search_share=settings.search_share, data_fraction=settings.data_fraction, device=device)


def _quality(values: Mapping[str, float]) -> float:
    return values.get("accuracy", -values["loss"])
