"""One search on a benchmark, and what is remembered of it: the truth about the best observed, evaluation by evaluation.

The strategy runs in a real `Study` on the simulated clock and is told the signal alone. An evaluation is a trial that
was not answered from the journal: an architecture of the table, or a fresh replicate of one. What counts as the same
architecture is for the benchmark's space to say. Repeats, and architectures outside the table, are free.

Shorter evaluations are counted by their epochs: three at 36 of 108 epochs are one evaluation. One that continues
another pays for the increment where the table holds curves, and for all of it where it holds separate trainings. Before
anything was evaluated in full, the best observed is the best of the highest rung.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.executors.simulated import SimulatedExecutor
from searchitect.seeding import derive, stream
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.storage.journal import Event
from searchitect.strategies import Belief, Setting, Strategy
from searchitect.study.limits import Limit
from searchitect.study.loop import Clock, Runner, run_phase
from searchitect.study.study import Study
from searchitect.tabular.benchmark import Benchmark, recorded_epochs
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

    def cost(self, benchmark: Benchmark, proposal: Proposal, trials: Sequence[Trial] = ()) -> float:
        """What one evaluation costs, in the benchmark's unit; of one that is carried on, the increment."""
        ordinary = proposal.fidelity == Fidelity()
        whole = benchmark.cost(proposal.architecture, self.trained if ordinary else proposal.fidelity)
        before = _carried_on(benchmark, proposal, trials)
        return whole if before is None else max(0.0, whole - benchmark.cost(proposal.architecture, before))

    def effort(self, benchmark: Benchmark, proposal: Proposal, trials: Sequence[Trial] = ()) -> float:
        """What one evaluation costs in full ones, by its epochs."""
        before = _carried_on(benchmark, proposal, trials)
        return _share(benchmark, proposal.fidelity) - (0.0 if before is None else _share(benchmark, before))


@dataclass(slots=True)
class Trace:
    """One search.

    Attributes:
        truths: true value of the best observed after 1, 2, … evaluations (as many epochs, where some were shorter).
        times: virtual time of the end of each evaluation, in the benchmark's unit of cost.
        believed: evaluations → true value of what the strategy's model believed best; empty without a model.
        evaluations: how many the search made before it was exhausted, short ones each as one.
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
    """Return what a strategy is made with: the budget and the number of workers are known, as in a real study.

    The zero-cost scores of the table are there for those entries that ask for them.
    """
    space, objective = SearchSpace.of(benchmark.space), benchmark.objective(terms.signal)
    scores = getattr(benchmark, "scores", None) if getattr(benchmark, "proxies", None) else None
    recorded = recorded_epochs(benchmark) if terms.trained == Fidelity() else ()
    return Setting(
        space, (objective,), seed, benchmark.check, terms.trials, Fidelity(), terms.workers, scores=scores,
        recorded_epochs=recorded,
    )  # fmt: skip


def run_search(benchmark: Benchmark, entry: Entry, terms: Terms, seed: int) -> Trace:
    """Run one strategy once.

    Args:
        seed: number of the search. Noise depends on it, the architecture and the replicate, not on the strategy.

    Raises:
        EvaluationError: no evaluation was complete.
        Exception: whatever the strategy raises.
    """
    setting = setting_of(benchmark, terms, derive(terms.seed, "search", seed, entry.copy))
    strategy = entry.make(setting)
    recorder = _Recorder(benchmark, terms, setting, strategy)
    executor = SimulatedExecutor(_Signal(benchmark, terms, seed, setting.space), recorder.cost, terms.workers)
    recorder.now = executor.now

    with (
        executor,
        Study(
            setting.space,
            strategy=strategy,
            objectives=setting.objectives,
            seed=setting.seed,
            allowed=benchmark.check,
            recorded_epochs=setting.recorded_epochs,
            budget=terms.trials,
            on_event=recorder.on_event,
        ) as study,
    ):
        recorder.trials = study.state.trials
        run_phase(study, "search", Runner(executor, Clock(now=executor.now)), Limit(enough=recorder.has_enough))
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
            rung = () if proposal.fidelity.epochs is None else (proposal.fidelity.epochs,)
            luck = stream(terms.seed, "noise", self.seed, key, proposal.replicate, *rung)
            value += terms.noise * luck.gauss(0.0, 1.0)
        return {terms.signal: value}


@dataclass(slots=True)
class _Observed:
    """What was observed of one architecture on the highest rung: the mean over its replicates."""

    architecture: Architecture
    total: float = 0.0
    count: int = 0

    @property
    def mean(self) -> float:
        return self.total / self.count


class _Recorder:
    """Listens to the study's events and keeps the trace."""

    def __init__(self, benchmark: Benchmark, terms: Terms, setting: Setting, strategy: Strategy) -> None:
        self.benchmark, self.terms, self.setting = benchmark, terms, setting
        self.now: Callable[[], float] = lambda: 0.0
        self.trials: list[Trial] = []
        self.truth = benchmark.objective(benchmark.truth)
        self.belief: Callable[[], Belief] | None = getattr(strategy, "belief", None)
        self.trace = Trace(cost={"search": 0.0, "validation": 0.0})
        self.observed: dict[str, _Observed] = {}  # on the highest rung so far
        self.rung = 0.0
        self.best: str | None = None
        self.begun = self.spent = 0.0  # in full evaluations: of trials that started, of those that ended
        self.latest = (terms.worst, 0.0)
        self._known: dict[str, float] = {}

    def cost(self, proposal: Proposal) -> float:
        """What the simulated clock takes for a proposal."""
        return self.terms.cost(self.benchmark, proposal, self.trials)

    def has_enough(self) -> bool:
        """Whether the evaluations that were begun use up the budget."""
        return self.begun >= self.terms.trials - EXACT

    def on_event(self, event: Event) -> None:
        if event["kind"] == "start":
            self.begun += self._effort(self.trials[event["number"]])
        if event["kind"] != "end":
            return
        trial, trace = self.trials[event["number"]], self.trace
        trace.evaluations += 1
        kind = "validation" if trial.proposal.replicate else "search"
        trace.cost[kind] += self.cost(trial.proposal)
        before, self.spent = self.spent, self.spent + self._effort(trial)
        self._draw_out(self.spent)
        if self.spent > self.terms.trials + EXACT:
            return  # it did not fit into the budget any more
        if trial.is_complete:
            self._observe(trial)
        self.latest = (self.terms.worst if self.best is None else self._true(self.best), self.now())
        for checkpoint in self.terms.checkpoints:
            if self.belief is not None and before < checkpoint - EXACT <= self.spent:
                self._note_belief(checkpoint, self.belief().incumbent)

    def _effort(self, trial: Trial) -> float:
        return self.terms.effort(self.benchmark, trial.proposal, self.trials)

    def _draw_out(self, spent: float) -> None:
        """What was best so far stays the best at every whole evaluation before `spent`."""
        trace = self.trace
        while len(trace.truths) < self.terms.trials and len(trace.truths) + 1 < spent - EXACT:
            trace.truths.append(self.latest[0])
            trace.times.append(self.latest[1])

    def _observe(self, trial: Trial) -> None:
        (objective,) = self.setting.objectives
        regret = abs(self._true(trial.key, trial.architecture) - self.terms.optimum)
        for what, tolerance in (("optimum", EXACT), ("near", self.terms.within + EXACT)):
            if regret <= tolerance:
                self.trace.evaluated.setdefault(what, math.ceil(self.spent - EXACT))
        rung = _share(self.benchmark, trial.proposal.fidelity)
        if rung < self.rung - EXACT:
            return
        if rung > self.rung + EXACT:
            self.rung, self.best = rung, None
            self.observed.clear()
        seen = self.observed.setdefault(trial.key, _Observed(trial.architecture))
        seen.total += trial.measurements[objective.name]
        seen.count += 1
        if seen.count > 1:  # the mean may have moved either way
            means = {key: objective.loss(other.mean) for key, other in self.observed.items()}
            self.best = min(means, key=means.__getitem__)
        elif self.best is None or objective.better(seen.mean, self.observed[self.best].mean):
            self.best = trial.key

    def _true(self, key: str, architecture: Architecture | None = None) -> float:
        if key not in self._known:
            asked = self.observed[key].architecture if architecture is None else architecture
            self._known[key] = self.benchmark.measure(asked)[self.benchmark.truth]
        return self._known[key]

    def _note_belief(self, evaluations: int, number: int | None) -> None:
        key = self.best if number is None else self.trials[number].key
        if key is not None and key in self.observed:
            self.trace.believed[evaluations] = self._true(key)

    def finished(self) -> Trace:
        """The trace, drawn out to all evaluations where the search was exhausted before."""
        if self.best is None:
            raise EvaluationError("no evaluation was complete")
        trace = self.trace
        self._draw_out(math.inf)
        chosen = self.observed[self.best].architecture
        trace.cost["final"] = self.benchmark.cost(chosen, self.setting.fidelity)
        if trace.believed:
            last = trace.believed[max(trace.believed)]
            trace.believed |= {n: last for n in self.terms.checkpoints if n > trace.evaluations}
        if not all(map(math.isfinite, trace.truths)):
            raise EvaluationError(f"the table holds no finite {self.benchmark.truth!r} for an architecture")
        return trace


def _share(benchmark: Benchmark, fidelity: Fidelity) -> float:
    """What an evaluation is of a full one, by its epochs."""
    full = getattr(benchmark, "epochs", None)
    return 1.0 if full is None or fidelity.epochs is None else fidelity.epochs / full


def _carried_on(benchmark: Benchmark, proposal: Proposal, trials: Sequence[Trial]) -> Fidelity | None:
    """The fidelity that a proposal goes on from at no cost; None where it begins afresh."""
    if proposal.continues is None or not getattr(benchmark, "continues", False):
        return None
    return trials[proposal.continues].proposal.fidelity
