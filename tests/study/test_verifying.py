"""Rehearsals of studies whose refusals were learned on the way: from trials like the one that is refused."""

import dataclasses

import pytest

from searchitect.evaluation import Cause, Outcome
from searchitect.spaces.architecture import Architecture
from searchitect.study.verifying import rehearse
from searchitect.trial import Fidelity, Proposal, TrialState
from tests.study.parts import journal, make_study

SMALL = {"width": 8, "depth": 2, "kernel": 3, "pool": "max"}


class Stubborn:
    """Asks for what it was made with, whatever `check` says of it."""

    def __init__(self, space, widths):
        self._widths, self._digest = widths, space.digest

    def ask(self, number):
        if number >= len(self._widths):
            return None
        architecture = Architecture(self._digest, SMALL | {"width": self._widths[number]})
        return Proposal(architecture, Fidelity(), replicate=number)

    def tell(self, trial):
        pass


def sizes(architecture, names):
    return {"peak_memory_bytes": float(architecture["width"])} if "peak_memory_bytes" in names else {}


def studied(widths, **settings):
    study = make_study(**settings)
    study.enter("search", Stubborn(study.space, widths))
    return study


@pytest.mark.parametrize(
    ("widths", "cause", "facts"),
    [([8, 16, 8], Cause.CRASH, None), ([8, 16, 32, 64, 64], Cause.MEMORY, sizes)],
    ids=["quarantined", "too large"],
)
def test_what_trials_before_it_taught_is_found_again_and_not_told_as_a_difference(widths, cause, facts):
    study = studied(widths, facts=facts)
    while (trial := study.ask()) is not None:
        study.end(Outcome(trial.number, TrialState.FAILED, reason=f"{cause} of a trial", cause=cause), 0.0)
    refused = [event for event in journal(study) if event["kind"] == "infeasible"]
    assert refused, "nothing was refused, so nothing is tested"
    found = rehearse(studied(widths, facts=facts), journal(study)[1:])
    assert found.findings == []
    assert found.counts["repeats and limits"] == len(widths)


def test_a_refusal_that_nothing_taught_is_told():
    study = studied([8, 16])
    while (trial := study.ask()) is not None:
        study.tell(trial, score=1.0)
    events = journal(study)[1:]
    last = next(i for i, e in enumerate(events) if e["kind"] == "start" and e["number"] == 1)
    events[last] = {k: v for k, v in events[last].items() if k != "seed"} | {"kind": "infeasible", "reason": "no"}
    found = rehearse(studied([8, 16]), [*events[:last], events[last]])
    assert [finding.row for finding in found.findings] == ["repeats and limits"]
    assert dataclasses.asdict(found.findings[0])["where"] == "trial 1"
