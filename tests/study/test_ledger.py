"""The ledger: every busy second is on one line, failures and reused trials among them."""

import pytest

import searchitect as sa
from searchitect.evaluation import Outcome
from searchitect.objectives import Objective
from searchitect.study import Study
from searchitect.study.ledger import spending
from searchitect.trial import TrialState
from tests.strategies.spaces import Flat


class Repeating:
    """Proposes the same architecture at every third trial."""

    def __init__(self):
        self.space = sa.SearchSpace.of(Flat)

    def ask(self, number):
        rng = sa.seeding.stream(0, "ledger", 0 if number % 3 == 2 else number)
        return sa.trial.Proposal(self.space.sample(rng))

    def tell(self, trial):
        pass


def study_of(outcomes):
    study = Study(Flat, strategy=Repeating(), objectives=[Objective("score", "maximize")], store="memory:")
    for state, seconds in outcomes:
        trial = study.ask()
        told = {"score": 1.0} if state is TrialState.COMPLETE else {}
        reason = None if told else "planted"
        study.end(Outcome(trial.number, state, told, reason, seconds=seconds), elapsed=0.0)
    return study


def test_lines_add_up_to_the_busy_seconds_and_reused_trials_cost_nothing():
    study = study_of([(TrialState.COMPLETE, 2.0), (TrialState.FAILED, 3.0), (TrialState.COMPLETE, 4.0)])
    lines = {line.what: line for line in spending(study.state)}
    assert (lines["search"].trials, lines["search"].seconds) == (2, 6.0)
    assert (lines["failures"].trials, lines["failures"].seconds) == (1, 3.0)
    assert (lines["reused"].trials, lines["reused"].seconds, lines["reused"].saved) == (1, 0.0, 2.0)
    assert sum(line.seconds for line in lines.values()) == sum(study.state.seconds.values())
    assert sum(line.joules for line in lines.values()) == pytest.approx(90.0)  # 9 s of one core at 10 W
    assert "proxies" not in lines


def test_nothing_spent_is_an_empty_ledger():
    assert spending(study_of([]).state) == ()


def test_the_result_tells_it_in_its_document():
    result = sa.result.read_result(_events(study_of([(TrialState.COMPLETE, 2.0), (TrialState.FAILED, 1.0)])))
    assert result.document()["costs"] == [
        {"what": "search", "trials": 1, "seconds": 2.0, "joules": 20.0},
        {"what": "failures", "trials": 1, "seconds": 1.0, "joules": 10.0},
    ]


def _events(study):
    return [event for _, event in study.store.journal(study.name).read()]
