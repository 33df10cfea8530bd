"""What a campaign does for scenarios between the confirmation and the test: who serves whom, and how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from searchitect.objectives import Objective
from searchitect.portfolio.planning import ARMS, Assignment, PortfolioPlan, assigned, plan_from
from searchitect.study.finalists import Finalist, handed_over, summarise
from searchitect.trial import Fidelity

if TYPE_CHECKING:
    from searchitect.study.study import Study

__all__ = ["ScenarioJudge", "assignments_of", "opened_models", "serve"]


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


def serve(study: Study, judge: Any, plan: PortfolioPlan) -> None:
    """Write down once how alike the members answer, and how fast they are here where that is limited."""
    if study.state.marks.get("served") or not callable(getattr(judge, "serve", None)):
        return
    assignments = [a for a in assignments_of(study, plan, "search") if a.finalist is not None]
    members: dict[int, int] = {}
    timed: dict[int, None] = {}
    for assignment in assignments:
        finalist = assignment.finalist
        assert finalist is not None
        number = _handed_over(study, assignment, finalist)
        members.setdefault(finalist.found, number)
        if any(limit.name == "latency_ms" for limit in assignment.scenario.constraints()):
            timed[number] = None
    if members:
        found = judge.serve(list(members.values()), list(timed))
        # Repeated latencies are of the clock, but limits are judged by them: they stand in the event itself.
        study.mark({"kind": "served", "members": list(members), **found})


def opened_models(study: Study) -> dict[str, Any]:
    """What `test_opened` lists beside the winners: whose confirmation trials serve which scenario, for both arms."""
    chosen = study.state.marks.get("portfolio")
    if not chosen:
        return {}
    plan = plan_from(chosen[0])
    places = {
        arm: {
            a.scenario.slug: list(a.finalist.trials) for a in assignments_of(study, plan, arm) if a.finalist is not None
        }
        for arm in ARMS
    }
    return {"places": {arm: own for arm, own in places.items() if own}}


def assignments_of(study: Study, plan: PortfolioPlan, arm: str) -> tuple[Assignment, ...]:
    """Who serves which scenario, by the confirmation trials of an arm."""
    return assigned(plan, _finalists(study, arm), study.objectives)


def _finalists(study: Study, arm: str) -> list[Finalist]:
    chosen = next(iter(study.state.marks.get("finalists", ())), None)
    if chosen is None:
        return []
    fidelity = Fidelity.from_json(chosen["fidelities"][arm]) if arm in chosen["fidelities"] else None
    trials = study.state.trials
    confirmed = [t for t in trials if t.phase == "confirm" and t.proposal.fidelity == fidelity]
    found = [summarise(arm, trials[n], confirmed, study.objectives[0]) for n in chosen["arms"].get(arm, ())]
    return [finalist for finalist in found if finalist is not None]


def _handed_over(study: Study, assignment: Assignment, finalist: Finalist) -> int:
    first = study.objectives[0]
    metric = Objective(assignment.scenario.metric(first.name), first.direction)
    return handed_over(finalist, study.state.trials, metric).number
