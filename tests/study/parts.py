"""Evaluators and executors without torch, for driving studies quickly."""

from __future__ import annotations

import random

import searchitect as sa
from searchitect.errors import EvaluationError
from searchitect.evaluation import Outcome
from searchitect.study import Campaign, Clock, Limit, Runner, Study, run_campaign
from searchitect.study.events import without_clock
from searchitect.trial import TrialState


@sa.space
class Net:
    width: int = sa.choice(8, 16, 32, 64)
    depth: int = sa.integer(1, 6)
    kernel: int = sa.choice(3, 5, 7)
    pool: str = sa.choice("max", "average")


def score(architecture, seed=0):
    noise = random.Random(seed).gauss(0, 0.3)
    return architecture["width"] / 16 + architecture["depth"] - abs(architecture["kernel"] - 5) + noise


class FakeExecutor:
    """Runs nothing: outcomes are functions of the job, and come back in an order drawn from `order`."""

    def __init__(self, workers=1, order=0, fail=lambda job: None, seconds=0.5):
        self.workers, self._rng, self._fail, self._seconds = workers, random.Random(order), fail, seconds
        self._running = {}
        self.submitted = []

    @property
    def capacity(self):
        return self.workers - len(self._running)

    def submit(self, job):
        assert self.capacity > 0
        self.submitted.append(job.number)
        self._running[job.number] = job

    def collect(self, timeout=None):
        if not self._running:
            return []
        job = self._running.pop(self._rng.choice(sorted(self._running)))
        reason = self._fail(job)
        if reason is not None:
            return [Outcome(job.number, TrialState.FAILED, {}, reason, (), self._seconds)]
        a = job.proposal.architecture
        measured = {"score": score(a, job.seed), "parameters": float(a["width"] * a["depth"] * 100)}
        return [Outcome(job.number, TrialState.COMPLETE, measured, None, ((1, {"score": 0.1}),), self._seconds)]

    def close(self):
        self._running.clear()


def facts(architecture, names):
    if architecture["kernel"] == 7 and architecture["pool"] == "max":
        raise EvaluationError("a kernel of 7 does not fit behind max pooling")
    known = {"parameters": float(architecture["width"] * architecture["depth"] * 100)}
    return {name: value for name, value in known.items() if name in names}


def make_study(**changes):
    settings = {"objectives": ["score"], "seed": 3, "budget": 40, "strategy": "regularized_evolution"} | changes
    return Study(Net, **settings)


def run(study, executor=None, deterministic=False, judge=None, **campaign):
    executor = executor or FakeExecutor()
    settings = {"search": Limit(trials=25), "confirm_count": 2, "confirm_seeds": 3} | campaign
    runner = Runner(executor, Clock(study.state.elapsed), deterministic=deterministic)
    return run_campaign(study, Campaign(**settings), runner, judge)


def journal(study):
    """The events of a study without their clock."""
    return [without_clock(event) for _, event in study.store.journal(study.name).read()]


class FakeJudge:
    def __init__(self):
        self.opened = 0

    def baselines(self):
        return ("logistic_regression",)

    def validate(self, name):
        return {"score": 3.0}

    def test(self, models, handed_over, baselines):
        self.opened += 1
        return {
            "models": {name: {"metrics": {"score": 4.0}, "std": {}, "seeds": len(n)} for name, n in models.items()},
            "handed_over": {"score": 4.0},
            "comparison": {"random": {"difference": 0.5, "interval": [0.1, 0.9]}},
        }
