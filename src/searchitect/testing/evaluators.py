"""What every evaluator must keep. Call `check_evaluator` in a test, or inherit for one test per law.

class TestMyEvaluator(EvaluatorContract):
    def make(self):
        return MyEvaluator(space)

    def architecture(self):
        return SearchSpace.of(space).default()
"""

from __future__ import annotations

import importlib
import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from searchitect.evaluation import CLOCK_MEASUREMENTS, Context, Evaluator
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Fidelity, Proposal

__all__ = ["EvaluatorContract", "check_evaluator"]

CLOCK = tuple(sorted(CLOCK_MEASUREMENTS))
"""Measurements that may differ between two runs with the same seed."""

Make = Callable[[], Evaluator]
Reports = list[tuple[int, Mapping[str, float]]]


class EvaluatorContract:
    """Inherit, define `make` and `architecture`, and every law becomes a test."""

    fidelity = Fidelity()
    clock: Sequence[str] = CLOCK

    def make(self) -> Evaluator:
        """Return a fresh evaluator; two of them must be alike."""
        raise NotImplementedError

    def architecture(self) -> Architecture:
        """Return an architecture that can be evaluated in seconds."""
        raise NotImplementedError

    def test_measurements_are_finite_numbers(self) -> None:
        measurements, _ = self._evaluate(self.make())
        assert measurements
        for name, value in measurements.items():
            assert isinstance(name, str), f"a measurement's name is text, got {name!r}"
            assert isinstance(value, (int, float)), f"{name} is a number, got {value!r}"
            assert not isinstance(value, bool), f"{name} is a number, got {value!r}"
            assert math.isfinite(value), f"{name} is finite, got {value!r}"

    def test_the_same_seed_measures_the_same(self) -> None:
        first, second = (self._evaluate(self.make()) for _ in range(2))
        assert self._comparable(first[0]) == self._comparable(second[0])
        assert [self._comparable(values) for _, values in first[1]] == [
            self._comparable(values) for _, values in second[1]
        ]

    def test_one_evaluation_leaves_no_trace_in_the_next(self) -> None:
        evaluator = self.make()
        first, _ = self._evaluate(evaluator, seed=3)
        self._evaluate(evaluator, seed=4)
        again, _ = self._evaluate(evaluator, seed=3)
        assert self._comparable(first) == self._comparable(again)

    def test_reports_come_in_rising_steps_with_finite_numbers(self) -> None:
        _, reports = self._evaluate(self.make())
        steps = [step for step, _ in reports]
        assert steps == sorted(set(steps))
        assert all(math.isfinite(value) for _, values in reports for value in values.values())

    def test_the_global_random_generators_stay_as_they_were(self) -> None:
        evaluator = self.make()
        before = _generators()
        self._evaluate(evaluator)
        assert _generators() == before

    def test_it_travels_by_cloudpickle(self) -> None:
        cloudpickle = importlib.import_module("cloudpickle")
        evaluator = self.make()
        copy = cloudpickle.loads(cloudpickle.dumps(evaluator))
        assert self._comparable(self._evaluate(copy)[0]) == self._comparable(self._evaluate(evaluator)[0])

    def test_what_is_known_before_agrees_with_what_is_measured(self) -> None:
        evaluator: Any = self.make()
        if not hasattr(evaluator, "check"):
            return
        measurements, _ = self._evaluate(evaluator)
        known = evaluator.check(self.architecture(), frozenset(measurements))
        assert set(known) <= set(measurements)
        if self.fidelity.resolution == 1.0:
            assert known == {name: measurements[name] for name in known}

    def _evaluate(self, evaluator: Evaluator, seed: int = 11) -> tuple[Mapping[str, float], Reports]:
        reports: Reports = []
        with TemporaryDirectory() as folder:
            context = Context(seed, folder=Path(folder), send=lambda step, values: reports.append((step, dict(values))))
            return evaluator.evaluate(Proposal(self.architecture(), self.fidelity), context), reports

    def _comparable(self, measurements: Mapping[str, float]) -> dict[str, float]:
        return {name: value for name, value in measurements.items() if name not in self.clock}


def check_evaluator(
    make_evaluator: Make, architecture: Architecture, *, fidelity: Fidelity = Fidelity(), clock: Sequence[str] = CLOCK
) -> None:
    """Hold an evaluator to its contract.

    Args:
        make_evaluator: returns a fresh evaluator each time.
        architecture: one that can be evaluated in seconds.
        clock: measurements that may differ between two runs with the same seed.

    Raises:
        AssertionError: a law is broken; the message names it.
    """

    class Case(EvaluatorContract):
        def make(self) -> Evaluator:
            return make_evaluator()

        def architecture(self) -> Architecture:
            return architecture

    case = Case()
    case.fidelity, case.clock = fidelity, clock
    for law in (name for name in dir(case) if name.startswith("test_")):
        getattr(case, law)()


def _generators() -> list[object]:
    import numpy as np
    import torch

    numpy: Any = np.random.get_state(legacy=False)
    return [random.getstate(), str(numpy), numpy["state"]["key"].tolist(), torch.get_rng_state().tolist()]
