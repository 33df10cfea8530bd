from __future__ import annotations

from typing import Any

import pytest

from searchitect.study.energy import Metering, spent_energy
from searchitect.study.state import StudyState


class Counter:
    source = "rapl"

    def __init__(self) -> None:
        self.used = 1_000.0

    def joules(self) -> float:
        return self.used


def state(busy: dict[str, float], **clocks: dict[str, Any]) -> StudyState:
    made = StudyState()
    made.manifest = {"recorded": {"device": "cpu"}}
    made.seconds = dict(busy)
    made.phases = {name: {"clock": {"elapsed": 1.0, **clock}} for name, clock in clocks.items()}
    return made


def test_without_a_counter_energy_is_estimated_from_the_busy_seconds() -> None:
    energy = spent_energy(state({"search": 60.0, "random": 40.0}, search={}))
    assert energy is not None
    assert (energy.joules, energy.source) == (1_000.0, "model")
    assert energy.error == pytest.approx(400.0)


def test_what_was_counted_is_not_estimated() -> None:
    clock = {"joules": 500.0, "metered_seconds": 100.0, "meter": "rapl"}
    energy = spent_energy(state({"search": 100.0}, search=clock))
    assert energy is not None
    assert (energy.joules, energy.error, energy.source) == (500.0, 25.0, "rapl")


def test_what_no_counter_covered_is_estimated_and_the_whole_is_marked_so() -> None:
    clock = {"joules": 500.0, "metered_seconds": 100.0, "meter": "rapl"}
    energy = spent_energy(state({"search": 100.0, "random": 50.0}, search=clock))
    assert energy is not None
    assert (energy.joules, energy.error, energy.source) == (500.0 + 500.0, 25.0 + 200.0, "model")


def test_a_study_without_evaluations_has_used_nothing_that_is_known() -> None:
    assert spent_energy(StudyState()) is None


def test_a_phase_counts_what_was_used_while_it_ran() -> None:
    counter, made = Counter(), state({"search": 30.0})
    metering = Metering(counter, made, "search")
    counter.used, made.seconds["search"] = 1_250.0, 50.0
    assert metering.clock() == {"joules": 250.0, "metered_seconds": 20.0, "meter": "rapl"}
    assert Metering(None, made, "search").clock() == {}
