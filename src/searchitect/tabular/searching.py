"""One search on a benchmark, and what is remembered of it: the truth about the best observed, evaluation by evaluation.

The strategy runs in a real `Study` on the simulated clock and is told the signal alone. An evaluation is a trial that
was not answered from the journal: an architecture of the table, or a fresh replicate of one. What counts as the same
architecture is for the benchmark's space to say. Repeats, and architectures outside the table, are free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.executors.simulated import SimulatedExecutor
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.storage.journal import Event
from searchitect.strategies import Belief, Setting, Strategy, make_strategy
from searchitect.study.limits import Limit
from searchitect.study.loop import Clock, Runner, run_phase
from searchitect.study.study import Study
from searchitect.tabular.benchmark import Benchmark
from searchitect.tabular.entries import Entry
from searchitect.trial import Fidelity, Proposal, Trial

__all__ = ["EXACT", "Terms", "Trace", "run_search", "setting_of"]

EXACT = 1e-9
"""Two true values closer than this are the same."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all searches of a comparison have in common.

    Attributes:
        signal: name of the measurement that a strategy is told.
        optimum: the best true value in the table; worst: the other end.
        within: how near to the optimum counts as near, in the unit of the truth.
        noise: standard deviation of what is added to the signal, the same for every strategy.
        trials: evaluations of each search.
        workers: virtual workers.
        seed: of the whole comparison.
        checkpoints: numbers of evaluations at which a strategy is asked what it believes.
        trained: how long the trainings behind the signal were, for their cost; what is chosen is trained in full.
    """

    signal: str
    optimum: float
    worst: float
    within: float = 0.1
    noise: float = 0.0
    trials: int = 300
    workers: int = 1
    seed: int = 0
    checkpoints: tuple[int, ...] = ()
    trained: Fidelity = Fidelity()

    def cost(self, benchmark: Benchmark, proposal: Proposal) -> float:
        """What one evaluation costs, in the benchmark's unit."""
        ordinary = proposal.fidelity == Fidelity()
        return benchmark.cost(proposal.architecture, self.trained if ordinary else proposal.fidelity)


@dataclass(slots=True)
class Trace:
    """One search.

    Attributes:
        truths: true value of the best observed after 1, 2, … evaluations.
        times: virtual time of the end of each evaluation, in the benchmark's unit of cost.
        believed: evaluations → true value of what the strategy's model believed best; empty without a model.
        evaluations: how many the search made before it was exhausted.
        evaluated: "optimum" and "near" → after how many evaluations one was evaluated, recognised or not.
        cost: "search", "validation" and "final".
    """

    truths: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    believed: dict[int, float] = field(default_factory=dict)
    evaluations: int = 0
    evaluated: dict[str, int] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)

    def measurements(self) -> dict[str, float]:
        """Return the trace as named numbers, the form in which an evaluation travels between processes."""
        named: dict[str, float] = {f"truth/{n}": value for n, value in enumerate(self.truths)}
        named |= {f"time/{n}": value for n, value in enumerate(self.times)}
        named |= {f"believed/{n}": value for n, value in self.believed.items()}
        named |= {f"evaluated/{what}": float(n) for what, n in self.evaluated.items()}
        named |= {f"cost/{what}": value for what, value in self.cost.items()}
        return named | {"evaluations": float(self.evaluations)}

    @classmethod
    def from_measurements(cls, named: Mapping[str, float]) -> Trace:
        """Return what `measurements` wrote."""
        parts: dict[str, dict[str, float]] = {}
        for name, value in named.items():
            part, _, inner = name.partition("/")
            parts.setdefault(part, {})[inner] = value
        return cls(
            [parts["truth"][str(n)] for n in range(len(parts["truth"]))],
            [parts["time"][str(n)] for n in range(len(parts["time"]))],
            {int(n): value for n, value in parts.get("believed", {}).items()},
            int(named["evaluations"]),
            {what: int(n) for what, n in parts.get("evaluated", {}).items()},
            parts["cost"],
        )


def setting_of(benchmark: Benchmark, terms: Terms, seed: int = 0) -> Setting:
    """Return what a strategy is made with: the budget and the number of workers are known, as in a real study."""
    space, objective = SearchSpace.of(benchmark.space), benchmark.objective(terms.signal)
    return Setting(space, (objective,), seed, benchmark.check, terms.trials, Fidelity(), terms.workers)


def run_search(benchmark: Benchmark, entry: Entry, terms: Terms, seed: int) -> Trace:
    """Run one strategy once.

    Args:
        seed: number of the search. Noise depends on it, the architecture and the replicate, not on the strategy.

    Raises:
        EvaluationError: no evaluation was complete.
        Exception: whatever the strategy raises.
    """
    setting = setting_of(benchmark, terms, derive(terms.seed, "search", seed, entry.copy))
    strategy = make_strategy(entry.name, setting, entry.options)
    cost = partial(terms.cost, benchmark)
    executor = SimulatedExecutor(_Signal(benchmark, terms, seed, setting.space), cost, terms.workers)
    recorder = _Recorder(benchmark, terms, setting, strategy, executor)

    with (
        executor,
        Study(
            setting.space,
            strategy=strategy,
            objectives=setting.objectives,
            seed=setting.seed,
            allowed=benchmark.check,
            budget=terms.trials,
            on_event=recorder.on_event,
        ) as study,
    ):
        recorder.trials = study.state.trials
        run_phase(study, "search", Runner(executor, Clock(now=executor.now)), Limit(trials=terms.trials))
    return recorder.finished()


@dataclass(frozen=True, slots=True)
class _Signal:
    """The evaluator: what the table recorded, with noise."""

    benchmark: Benchmark
    terms: Terms
    seed: int
    space: SearchSpace

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        terms, architecture = self.terms, proposal.architecture
        value = self.benchmark.measure(architecture, proposal.fidelity, proposal.replicate)[terms.signal]
        if terms.noise:
            key = self.space.key(architecture)
            luck = stream(terms.seed, "noise", self.seed, key, proposal.replicate)
            value += terms.noise * luck.gauss(0.0, 1.0)
        return {terms.signal: value}


@dataclass(slots=True)
class _Observed:
    """What was observed of one architecture at the full fidelity: the mean over its replicates."""

    architecture: Architecture
    total: float = 0.0
    count: int = 0

    @property
    def mean(self) -> float:
        return self.total / self.count


class _Recorder:
    """Listens to the study's events and keeps the trace."""

    def __init__(
        self, benchmark: Benchmark, terms: Terms, setting: Setting, strategy: Strategy, executor: SimulatedExecutor
    ) -> None:
        self.benchmark, self.terms, self.setting, self.executor = benchmark, terms, setting, executor
        self.trials: list[Trial] = []
        self.truth = benchmark.objective(benchmark.truth)
        self.belief: Callable[[], Belief] | None = getattr(strategy, "belief", None)
        self.trace = Trace(cost={"search": 0.0, "validation": 0.0})
        self.observed: dict[str, _Observed] = {}
        self.best: str | None = None
        self._known: dict[str, float] = {}

    def on_event(self, event: Event) -> None:
        if event["kind"] != "end":
            return
        trial, trace = self.trials[event["number"]], self.trace
        trace.evaluations += 1
        kind = "validation" if trial.proposal.replicate else "search"
        trace.cost[kind] += self.terms.cost(self.benchmark, trial.proposal)
        if trial.is_complete and trial.proposal.fidelity == self.setting.fidelity:
            self._observe(trial)
        trace.truths.append(self.terms.worst if self.best is None else self._true(self.best))
        trace.times.append(self.executor.now())
        if self.belief is not None and trace.evaluations in self.terms.checkpoints:
            self._note_belief(trace.evaluations, self.belief().incumbent)

    def _observe(self, trial: Trial) -> None:
        (objective,) = self.setting.objectives
        seen = self.observed.setdefault(trial.key, _Observed(trial.architecture))
        seen.total += trial.measurements[objective.name]
        seen.count += 1
        if seen.count > 1:  # the mean may have moved either way
            means = {key: objective.loss(other.mean) for key, other in self.observed.items()}
            self.best = min(means, key=means.__getitem__)
        elif self.best is None or objective.better(seen.mean, self.observed[self.best].mean):
            self.best = trial.key
        regret = abs(self._true(trial.key) - self.terms.optimum)
        for what, tolerance in (("optimum", EXACT), ("near", self.terms.within + EXACT)):
            if regret <= tolerance:
                self.trace.evaluated.setdefault(what, self.trace.evaluations)

    def _true(self, key: str) -> float:
        if key not in self._known:
            self._known[key] = self.benchmark.measure(self.observed[key].architecture)[self.benchmark.truth]
        return self._known[key]

    def _note_belief(self, evaluations: int, number: int | None) -> None:
        key = self.best if number is None else self.trials[number].key
        if key is not None and key in self.observed:
            self.trace.believed[evaluations] = self._true(key)

    def finished(self) -> Trace:
        """The trace, drawn out to all evaluations where the search was exhausted before."""
        trace, missing = self.trace, self.terms.trials - len(self.trace.truths)
        if self.best is None:
            raise EvaluationError("no evaluation was complete")
        trace.truths += missing * trace.truths[-1:]
        trace.times += missing * trace.times[-1:]
        chosen = self.observed[self.best].architecture
        trace.cost["final"] = self.benchmark.cost(chosen, self.setting.fidelity)
        if trace.believed:
            last = trace.believed[max(trace.believed)]
            trace.believed |= {n: last for n in self.terms.checkpoints if n > trace.evaluations}
        if not all(map(math.isfinite, trace.truths)):
            raise EvaluationError(f"the table holds no finite {self.benchmark.truth!r} for an architecture")
        return trace
