"""What a campaign does for scenarios between the confirmation and the test: who serves whom, and how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from searchitect.objectives import Objective
from searchitect.portfolio.planning import ARMS, Assignment, PortfolioPlan, assigned, chosen_event
from searchitect.portfolio.scenario import Scenario
from searchitect.study.finalists import Finalist, handed_over, summarise
from searchitect.trial import Fidelity

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = ["ScenarioJudge", "Serving"]


class ScenarioJudge(Protocol):
    """A judge that can compare the models of a portfolio; knows the task, which the study does not."""

    def serve(self, members: Sequence[int], timed: Sequence[int]) -> Mapping[str, Any]:
        """Compare models on validation data and time some of them.

        Args:
            members: one handed-over confirmation trial for each member.
            timed: those whose latency here is limited.

        Returns:
            "agreement" and "negative_flips", matrices as lists, empty for a regression; and "latencies": number, as
            text, to repeated latencies in milliseconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """The part of a campaign that is about scenarios (`study.campaign.Places`)."""

    plan: PortfolioPlan

    def chosen(self, study: Study) -> dict[str, Any]:
        """The event that says which trials of each arm are confirmed."""
        return chosen_event(study.state.trials, self.plan, study.objectives, study.setting.fidelity)

    def compare(self, study: Study, judge: Any) -> None:
        """Write down once how alike the members answer, and how fast they are here where that is limited."""
        if study.state.marks.get("served") or not callable(getattr(judge, "serve", None)):
            return
        members: dict[int, int] = {}
        timed: dict[int, None] = {}
        for assignment in self._assigned(study, "search"):
            if assignment.finalist is not None:
                number = _handed_over(study, assignment.scenario, assignment.finalist)
                members.setdefault(assignment.finalist.found, number)
                if any(limit.name == "latency_ms" for limit in assignment.scenario.constraints()):
                    timed[number] = None
        if members:
            found = judge.serve(list(members.values()), list(timed))
            # Repeated latencies are of the clock, but limits are judged by them: they stand in the event itself.
            study.mark({"kind": "served", "members": list(members), **found})

    def models(self, study: Study) -> dict[str, dict[str, list[int]]]:
        """Whose confirmation trials serve which scenario, for both arms."""
        found = {}
        for arm in ARMS:
            serving = [a for a in self._assigned(study, arm) if a.finalist is not None]
            if serving:
                found[arm] = {a.scenario.slug: list(a.finalist.trials) for a in serving if a.finalist is not None}
        return found

    def _assigned(self, study: Study, arm: str) -> tuple[Assignment, ...]:
        return assigned(self.plan, _finalists(study, arm), study.objectives)


def _finalists(study: Study, arm: str) -> list[Finalist]:
    chosen = next(iter(study.state.marks.get("finalists", ())), None)
    if chosen is None:
        return []
    fidelity = Fidelity.from_json(chosen["fidelities"][arm]) if arm in chosen["fidelities"] else None
    trials = study.state.trials
    confirmed = [t for t in trials if t.phase == "confirm" and t.proposal.fidelity == fidelity]
    found = [summarise(arm, trials[n], confirmed, study.objectives[0]) for n in chosen["arms"].get(arm, ())]
    return [finalist for finalist in found if finalist is not None]


def _handed_over(study: Study, scenario: Scenario, finalist: Finalist) -> int:
    first = study.objectives[0]
    metric = Objective(scenario.metric(first.name), first.direction)
    return handed_over(finalist, study.state.trials, metric).number
