"""`TrainingEvaluator`: measure an architecture by training it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.evaluators.building import build, count, inspect_model
from searchitect.evaluators.continuing import find_lineage
from searchitect.evaluators.inheriting import WEIGHTS, inherit_from, read_ancestor, save_weights
from searchitect.evaluators.interpretability import interpretability
from searchitect.evaluators.measurements import COUNTED, KNOWN_BEFORE_TRAINING, check_measure
from searchitect.evaluators.narrowing import counted, narrower_space
from searchitect.evaluators.pace import Pace
from searchitect.evaluators.timing import timed
from searchitect.seeding import derive, isolated
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.recipe import Recipe
from searchitect.spaces.search_space import SearchSpace
from searchitect.tasks import METRICS, Task, metrics, with_preprocessing
from searchitect.tasks.agreement import agreement, negative_flips
from searchitect.tasks.task import Split
from searchitect.tasks.views import View, held_view
from searchitect.training import MEMORY_BUDGET, Resized, Training, at_resolution, augmentation, predict, train
from searchitect.training.rank_programs import accompanied
from searchitect.training.ranks import Ranks
from searchitect.trial import Fidelity, Proposal

__all__ = ["TrainingEvaluator"]

_WARM_UP_EXAMPLES = 128

_TRAINING_SHARE = 0.9  # of the deadline; what remains is for scoring and saving


@dataclass(frozen=True, eq=False)
class TrainingEvaluator:
    """Builds an architecture with fresh weights, trains it on the training split and scores it on the validation split.

    Where a proposal inherits from another trial, the weights are that trial's, grown or cut to the new architecture;
    schedule and optimiser begin anew. Where it continues another trial, it goes on from that trial's checkpoint, if the
    recipe can be continued and there is one; otherwise it trains afresh, which `continued_epochs` 0 and `total_epochs`
    tell. Equal seeds give equal measurements but for those of `CLOCK_MEASUREMENTS`.

    Args:
        space: the class marked `@space`, or a `SearchSpace`.
        recipe: how to train; decisions with `role="training"` replace its fields.
        measure: what is wanted beside the task's metrics, `parameters`, `flops`, `peak_memory_bytes` and
            `train_seconds`: others of `MEASUREMENTS`, or further metrics.
        profile: where the first trial writes a torch.profiler trace; a file that exists is left alone.
        pace: turns a fidelity in seconds into epochs; None where none is given in seconds.
        memory_budget: bytes of preprocessed examples up to which they are held in memory.
        views: what places see of the validation split that are scored as well: a slice of it, damaged images.
        ranks: programs that train each model together, data-parallel (`training.ranks`); the others are started for
            every trial, and this one reports and keeps.
        reference: class numbers that a model deployed already gives to the validation split, to compare with.

    Raises:
        ConfigError: `measure` names something that cannot be measured.
    """

    space: Any
    task: Task
    recipe: Recipe = Recipe()
    measure: frozenset[str] = frozenset()
    profile: Path | None = None
    pace: Pace | None = None
    memory_budget: int = MEMORY_BUDGET
    views: tuple[View, ...] = ()
    reference: NDArray[np.int64] | None = None
    ranks: int = 1

    def __post_init__(self) -> None:
        check_measure(self.measure)

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        """Return finite measurements; leave `model.safetensors` of the best epoch in the context's folder, if any.

        Raises:
            EvaluationError: the model cannot be built or trained, nothing was learned before the deadline, the trial
                it inherits from left no weights, or the one that it continues is of another architecture.
        """
        with accompanied(
            self.ranks, partial(_accompany, self, proposal, dataclasses.replace(context, send=None))
        ) as ranks:
            model, measured, outcome, spent = self._trained(proposal, context, ranks)
        measured |= self._scores(model, context.device)
        total = spent + measured["epochs"]
        if proposal.inherits is not None or proposal.continues is not None:
            measured["total_epochs"] = total
        if proposal.continues is not None:
            measured["continued_epochs"] = float(outcome.continued)
        measured |= timed(self.measure, model, self.task, context.device)
        measured |= interpretability(self.measure, model, self.task, context.device)
        if context.folder is not None:
            save_weights(context.folder / WEIGHTS, model, proposal.architecture, total)
        return measured

    def _trained(
        self, proposal: Proposal, context: Context, ranks: Ranks | None
    ) -> tuple[nn.Module, dict[str, float], Training, float]:
        """The trained model, what it measures so far, the training, and the epochs spent on it before."""
        start = time.monotonic()
        with isolated(derive(context.seed, "weights")):
            model = self._model(proposal)
        spent = self._inherit(model, proposal, context)
        body: nn.Module = model.body  # type: ignore[assignment]
        measured = counted(
            self.space, body, proposal, self._spec(proposal), COUNTED | (self.measure & KNOWN_BEFORE_TRAINING)
        )
        fidelity = self._in_epochs(proposal.fidelity, measured)
        lineage = find_lineage(proposal, context, self._recipe(proposal.architecture), fidelity)
        is_first = ranks is None or ranks.rank == 0
        outcome = train(
            model,
            self.task,
            self._recipe(proposal.architecture),
            fidelity=fidelity,
            context=_with_time_left(context, time.monotonic() - start),
            memory_budget=self.memory_budget,
            trace=_claim(self.profile) if is_first else None,
            begin=lineage.checkpoint,
            keep=lineage.keep if is_first else None,
            ranks=ranks,
        )
        taken = (outcome.epochs - outcome.continued) * fidelity.data_fraction
        return model, measured | {"epochs": taken, "train_seconds": outcome.seconds}, outcome, spent + lineage.spent

    def warm_up(self) -> None:
        """Pay for what only a first evaluation costs (imports, kernels) by a short training."""
        share = min(1.0, _WARM_UP_EXAMPLES / len(self.task.train))
        default = SearchSpace.of(self.space).default()
        count(build(self.space, default, self.task.spec), self.task.spec, KNOWN_BEFORE_TRAINING)
        self.rehearse(Proposal(default, Fidelity(epochs=1, data_fraction=share)), Context(seed=0))

    def rehearse(self, proposal: Proposal, context: Context) -> float:
        """Train as `evaluate` does, score nothing, and return the seconds it took."""
        start = time.perf_counter()
        with isolated(derive(context.seed, "weights")):
            model = self._model(proposal)
        recipe = self._recipe(proposal.architecture)
        train(model, self.task, recipe, fidelity=proposal.fidelity, context=context, memory_budget=self.memory_budget)
        return time.perf_counter() - start

    def check(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """Return those of `names` that are known without training (`KNOWN_BEFORE_TRAINING`).

        Raises:
            EvaluationError: no model can be built, it does not run on the task's inputs, or its recipe does not fit.
        """
        augmentation(self._recipe(architecture).augmentation, self.task.spec.inputs)
        return inspect_model(self.space, architecture, self.task.spec, names)

    def _inherit(self, model: nn.Module, proposal: Proposal, context: Context) -> float:
        """Start from the weights of an earlier trial, where one is named; return the epochs that they have cost."""
        if proposal.inherits is None:
            return 0.0
        ancestor = read_ancestor(context, proposal.inherits, SearchSpace.of(self.space))
        inherit_from(ancestor, model, self.space, self.task, self._spec(proposal))
        return ancestor.total_epochs

    def _in_epochs(self, fidelity: Fidelity, counts: Mapping[str, float]) -> Fidelity:
        if fidelity.seconds is None:
            return fidelity
        if self.pace is None:
            raise EvaluationError(
                "a fidelity in seconds needs the pace of this machine",
                hint="give TrainingEvaluator a pace, or the fidelity in epochs",
            )
        return self.pace.in_epochs(fidelity, counts)

    def _recipe(self, architecture: Architecture) -> Recipe:
        return SearchSpace.of(self.space).recipe(architecture, self.recipe)

    def _spec(self, proposal: Proposal) -> Any:
        return at_resolution(self.task.spec, proposal.fidelity.resolution)

    def _model(self, proposal: Proposal) -> nn.Module:
        spec, preprocessing = self._spec(proposal), self.task.preprocessing
        if spec.inputs != self.task.spec.inputs:
            preprocessing = Resized(preprocessing, spec.inputs[1:])
        space, architecture = narrower_space(self.space, proposal)
        return with_preprocessing(preprocessing, build(space, architecture, spec))

    def _scores(self, model: nn.Module, device: str) -> dict[str, float]:
        """Score the very weights that are handed over, from raw inputs. A metric that is undefined here is left out."""
        names = dict.fromkeys((*self.task.metrics, *sorted(self.measure & set(METRICS))))
        validation = self.task.validation
        scores = predict(model, validation, device=device)
        values = metrics.compute(names, self.task.spec.kind, scores, validation.targets)
        own = {view.measurement: self._seen(model, view, split, device) for view, split in self._viewed}
        own |= {} if self.reference is None else _compared(self.reference, scores.argmax(axis=1), validation.targets)
        return {name: value for name, value in {**values, **own}.items() if math.isfinite(value)}

    @cached_property
    def _viewed(self) -> list[tuple[View, Split]]:
        return [(view, held_view(self.task, self.task.validation, view)) for view in self.views]

    def _seen(self, model: nn.Module, view: View, split: Split, device: str) -> float:
        scores = predict(model, split, device=device)
        return metrics.compute((view.metric,), self.task.spec.kind, scores, split.targets)[view.metric]


def _accompany(evaluator: TrainingEvaluator, proposal: Proposal, context: Context, ranks: Ranks) -> None:
    """What another rank does: the same training, of which nothing is reported or kept."""
    evaluator._trained(proposal, context, ranks)


def _compared(before: NDArray[Any], after: NDArray[Any], targets: NDArray[Any]) -> dict[str, float]:
    """How a model's answers stand to those of the reference."""
    return {
        "agreement": float(agreement([before, after])[0, 1]),
        "negative_flips": float(negative_flips([before, after], targets)[0, 1]),
    }


def _with_time_left(context: Context, spent: float) -> Context:
    if context.deadline is None:
        return context
    return dataclasses.replace(context, deadline=_TRAINING_SHARE * context.deadline - spent)


def _claim(path: Path | None) -> Path | None:
    """Return the path for the one trial that comes first, in whichever process."""
    if path is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("x").close()
    except FileExistsError:
        return None
    return path
