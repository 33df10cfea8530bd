"""Trainings of which everything is known: curves that never cross, of a planted end."""

from __future__ import annotations

import random
from collections.abc import Mapping

import searchitect as sa
from searchitect.errors import TrialStopped
from searchitect.evaluation import Context
from searchitect.executors import SimulatedExecutor
from searchitect.study import Clock, Limit, Runner, Study, run_phase
from searchitect.study.events import without_clock
from searchitect.trial import Proposal

EPOCHS = 10


@sa.space
class Lines:
    a: int = sa.integer(0, 99)
    b: int = sa.integer(0, 99)


def end(architecture: sa.Architecture) -> float:
    """What a training reaches."""
    return (100 * int(str(architecture["a"])) + int(str(architecture["b"]))) / 10_000


def epochs_of(proposal: Proposal) -> float:
    return float(EPOCHS)


class Straight:
    """Reports `score` = end · step / EPOCHS: straight lines from nothing, which never cross. Remembers what it spent.

    With `noise`, each report is off a little, by the seed; with `sizes`, `parameters` is known without training.
    """

    def __init__(self, noise: float = 0.0, crash: tuple[int, int] | None = None) -> None:
        self.noise, self.crash = noise, crash
        self.spent = 0

    def check(self, architecture: sa.Architecture, names: frozenset[str]) -> Mapping[str, float]:
        known = {"parameters": float(architecture["b"])}  # type: ignore[arg-type]
        return {name: known[name] for name in names & known.keys()}

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        rng = random.Random(context.seed)
        best, step = 0.0, 0
        try:
            for step in range(1, EPOCHS + 1):
                self.spent += 1
                if self.crash == (context.number, step):
                    raise KeyboardInterrupt
                best = end(proposal.architecture) * step / EPOCHS + rng.gauss(0, self.noise)
                context.report(step, score=best, progress=step / EPOCHS)
        except TrialStopped:
            pass
        return {"score": best, "epochs": float(step), **self.check(proposal.architecture, frozenset({"parameters"}))}


def make_study(stopping: object = "median", **settings: object) -> Study:
    given = {"strategy": "random", "objectives": ["maximize score"], "seed": 5, "stopping": stopping} | settings
    return Study(Lines, **given)  # type: ignore[arg-type]


def run(study: Study, executor: object = None, trials: int = 30, deterministic: bool = False) -> Study:
    executor = executor or SimulatedExecutor(Straight(), epochs_of, workers=3)
    clock = Clock(study.state.elapsed, now=getattr(executor, "now", None) or (lambda: 0.0))
    run_phase(study, "search", Runner(executor, clock, deterministic=deterministic), Limit(trials=trials))  # type: ignore[arg-type]
    return study


def journal(study: Study) -> list[object]:
    """The events of a study without their clock."""
    return [without_clock(event) for _, event in study.store.journal(study.name).read()]
