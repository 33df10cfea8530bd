"""`SupernetEvaluator`: measure an architecture with the shared weights of a trained supernet, without training it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from searchitect.evaluation import Context
from searchitect.evaluators.building import inspect_model
from searchitect.evaluators.interpretability import interpretability
from searchitect.evaluators.measurements import COUNTED, KNOWN_BEFORE_TRAINING, check_measure
from searchitect.evaluators.timing import timed
from searchitect.evaluators.training_evaluator import TrainingEvaluator
from searchitect.spaces import Architecture, Recipe
from searchitect.supernet.open_build import Supernet
from searchitect.supernet.scoring import BATCHES, SharedScores
from searchitect.tasks import METRICS, Task
from searchitect.trial import Fidelity, Proposal

__all__ = ["SHARED", "SearchByShared", "SupernetEvaluator"]

SHARED = Fidelity(epochs=0)
"""What an evaluation by shared weights may spend: no training of its own."""


@dataclass(frozen=True, eq=False)
class SupernetEvaluator:
    """Takes the subnet out, makes its statistics anew and scores it on the validation split.

    Deterministic, whatever the seed. The supernet stays as it is, so the order of evaluations does not matter.

    Args:
        recipe: how the supernet was trained; calibration batches have its size and augmentation.
        measure: what is wanted beside the task's metrics, `parameters`, `flops` and `peak_memory_bytes`: `latency_ms`,
            or further metrics.
        batches: calibration batches.

    Raises:
        ConfigError: `measure` names something that cannot be measured.
    """

    supernet: Supernet
    task: Task
    recipe: Recipe = Recipe()
    measure: frozenset[str] = frozenset()
    batches: int = BATCHES
    _counts: dict[str, Mapping[str, float]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        check_measure(self.measure)

    @cached_property
    def scores(self) -> SharedScores:
        """What the shared weights say."""
        return SharedScores(self.supernet, self.task, self.recipe, self.batches)

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        """Return finite measurements of the subnet; `epochs` is 0: nothing was trained for it.

        Raises:
            SpaceError: the architecture belongs to another space.
        """
        model = self.scores.model(proposal.architecture, context.device)
        measured = {**self.counts(proposal.architecture), "epochs": 0.0}
        measured |= self.scores.score(model, sorted(self.measure & set(METRICS)), context.device)
        measured |= timed(self.measure, model, self.task, context.device)
        return measured | interpretability(self.measure, model, self.task, context.device)

    def check(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """Return those of `names` that are known without weights: `parameters`, `flops`, `peak_memory_bytes`.

        Raises:
            EvaluationError: no model can be built, or it does not run on the task's inputs.
        """
        return {name: value for name, value in self.counts(architecture).items() if name in names}

    def counts(self, architecture: Architecture) -> dict[str, float]:
        """What the subnet costs, counted on the plain model that it is; once per architecture."""
        if architecture.text not in self._counts:
            self._counts[architecture.text] = inspect_model(
                self.supernet.space, architecture, self.task.spec, COUNTED | (self.measure & KNOWN_BEFORE_TRAINING)
            )
        return dict(self._counts[architecture.text])


@dataclass(frozen=True, eq=False)
class SearchByShared:
    """Judges by shared weights what may train nothing (`SHARED`), and trains alone everything else.

    So a search is quick, while random search beside it and the confirmation show what training really gives.
    """

    shared: SupernetEvaluator
    alone: TrainingEvaluator

    @property
    def pace(self) -> object:
        """Of trainings alone."""
        return self.alone.pace

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        """Return finite measurements, of the shared weights or of a training."""
        part = self.shared if proposal.fidelity == SHARED else self.alone
        return part.evaluate(proposal, context)

    def check(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """Return those of `names` that are known without training."""
        return self.alone.check(architecture, names)

    def warm_up(self) -> None:
        """Pay for what only a first evaluation costs."""
        self.alone.warm_up()
