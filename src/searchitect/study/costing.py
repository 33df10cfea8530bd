"""The model of cost at work: what it is asked, and the events that it is kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchitect.errors import EvaluationError
from searchitect.spaces.architecture import Architecture
from searchitect.study.cost import COUNTS, CostModel, Observed, base_seconds, completed, fit_cost, refit_due
from searchitect.trial import Proposal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from searchitect.evaluation import Facts
    from searchitect.study.study import Study

__all__ = ["COST", "PredictedCost", "note_cost", "predicted_cost"]

COST = "cost"
"""Kind of the event that holds a model of cost."""


class PredictedCost:
    """What an evaluation will take, as far as the journal tells: seconds once a model is in it, or where epochs were
    timed; before that passes over the data. Serves as `Setting.cost`.
    """

    def __init__(self, study: Study, facts: Facts) -> None:
        self._study, self._facts = study, facts
        self._counts: dict[str, Mapping[str, float]] = {}

    def __call__(self, architecture: Architecture) -> float:
        return self.of(Proposal(architecture, self._study.setting.fidelity))

    @property
    def model(self) -> CostModel | None:
        """The latest in the journal."""
        marks = self._study.state.marks.get(COST)
        return CostModel.from_json(marks[-1]["model"]) if marks else None

    def of(self, proposal: Proposal) -> float:
        """Return what this evaluation will take; one that continues another pays for the increment alone."""
        model, (counts, base, passes) = self.model, self._foretold(proposal)
        return base if model is None else model.seconds(counts, passes, base)

    def refitted(self) -> CostModel | None:
        """Fit to all trials that ended with a result."""
        rows = []
        for trial in completed(self._study.state.trials):
            counts, base, passes = self._foretold(trial.proposal)
            rows.append(Observed(counts, passes, base, trial.clock.get("seconds", 0.0)))
        return fit_cost(rows)

    def _foretold(self, proposal: Proposal) -> tuple[Mapping[str, float], float, float]:
        study, counts = self._study, self._known(proposal.architecture)
        pace = None if study.state.manifest is None else study.state.manifest["recorded"].get("pace")
        base, passes = base_seconds(pace, counts, proposal.fidelity, study.setting.fidelity.epochs)
        if proposal.continues is not None:
            before = study.state.trials[proposal.continues].proposal.fidelity
            less, fewer = base_seconds(pace, counts, before, study.setting.fidelity.epochs)
            base, passes = max(0.05 * base, base - less), max(0.05 * passes, passes - fewer)
        return counts, base, passes

    def _known(self, architecture: Architecture) -> Mapping[str, float]:
        if architecture.text not in self._counts:
            try:
                self._counts[architecture.text] = dict(self._facts(architecture, COUNTS))
            except EvaluationError:  # nothing can be built of it; the study says so elsewhere
                self._counts[architecture.text] = {}
        return self._counts[architecture.text]


def predicted_cost(study: Study, facts: Facts | None) -> PredictedCost | None:
    """Return what predicts the cost of a study's trials; None where nothing is known without training."""
    return None if facts is None else PredictedCost(study, facts)


def note_cost(study: Study) -> None:
    """Refit the model of cost where that is due, and write it down.

    Called after every end and at the beginning of a session, so that an interrupted journal has it at the same place.
    """
    predicted = study.setting.cost
    if not isinstance(predicted, PredictedCost):
        return
    count = len(completed(study.state.trials))
    known = predicted.model
    if refit_due(count) and (known is None or known.trials < count):
        model = predicted.refitted()
        if model is not None:
            study.mark({"kind": COST, "model": model.to_json()})
