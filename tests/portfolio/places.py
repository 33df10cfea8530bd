"""Studies for scenarios without torch: two scenarios of `tests.study.parts.Net`, one of them tight."""

from __future__ import annotations

from searchitect.evaluation import Outcome
from searchitect.objectives import Objective
from searchitect.portfolio.gate import Gate
from searchitect.portfolio.planning import PortfolioPlan
from searchitect.portfolio.scenario import Scenario, objectives_of
from searchitect.portfolio.serving import Serving
from searchitect.study import Study
from searchitect.trial import TrialState
from tests.study.parts import FakeExecutor, FakeJudge, Net, facts, run, score

TIGHT = Scenario(name="Tight", limits=("parameters<=6000",), importance=3)
FREE = Scenario(name="Free")
PLAN = PortfolioPlan((TIGHT, FREE), 2)
OBJECTIVES = objectives_of(PLAN.scenarios, "score")


class PlacesExecutor(FakeExecutor):
    """Also measures a metric of the scenario "Own", which is half of the score."""

    def collect(self, timeout=None):
        found = super().collect(timeout)
        return [self._with_own(outcome) for outcome in found]

    def _with_own(self, outcome):
        if outcome.state is not TrialState.COMPLETE:
            return outcome
        own = {"score_own": outcome.measurements["score"] / 2}
        return Outcome(outcome.number, outcome.state, {**outcome.measurements, **own}, seconds=outcome.seconds)


class PlacesJudge(FakeJudge):
    def __init__(self):
        super().__init__()
        self.places = None
        self.served = []

    def serve(self, members, timed):
        self.served.append((list(members), list(timed)))
        count = len(members)
        matrix = [[1.0 if i == j else 0.9 for j in range(count)] for i in range(count)]
        return {"agreement": matrix, "negative_flips": [[0.0] * count] * count, "latencies": {}}

    def test(self, models, handed_over, baselines, places=None):
        self.places = places
        arms = {
            arm: {slug: {"value": 4.0, "interval": [3.5, 4.5], "seeds": len(n)} for slug, n in own.items()}
            for arm, own in places.items()
        }
        tested = {"arms": arms, "difference": 0.5, "interval": [0.1, 0.9]}
        return {**super().test(models, handed_over, baselines), "portfolio": tested}


def make_study(plan=PLAN, **changes):
    objectives = objectives_of(plan.scenarios, "score")
    gate = Gate(plan.scenarios, facts)
    settings = {
        "objectives": objectives,
        "seed": 3,
        "budget": 40,
        "strategy": "regularized_evolution",
        "facts": gate.facts,
        "allowed": gate.allowed,
        "details": {"portfolio": plan.to_json()},
    }
    return Study(Net, **(settings | changes))


def run_places(study, plan=PLAN, judge=None, executor=None, **campaign):
    return run(study, executor or PlacesExecutor(), judge=judge, places=Serving(plan), **campaign)


SCORE = Objective("score", "maximize")
__all__ = ["FREE", "PLAN", "SCORE", "TIGHT", "PlacesJudge", "make_study", "run_places", "score"]
