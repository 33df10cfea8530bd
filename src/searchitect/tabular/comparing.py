"""The comparison harness: many strategies, many seeds, one table, the same noise for all.

Searches run in worker processes, which are started as programs of their own and use one thread each. What comes out
depends on the seeds alone: not on the number of processes, nor on which of them was faster.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from searchitect.errors import ConfigError, EvaluationError, did_you_mean
from searchitect.evaluation import Context, Executor, Job, Outcome
from searchitect.executors import open_executor
from searchitect.objectives import Constraint
from searchitect.spaces.architecture import Architecture
from searchitect.tabular.benchmark import Benchmark
from searchitect.tabular.comparison import Comparison, Row
from searchitect.tabular.entries import ALL, Entry, chosen
from searchitect.tabular.limiting import limited
from searchitect.tabular.searching import Terms, Trace, run_search, setting_of
from searchitect.trial import Fidelity, Proposal, TrialState

__all__ = ["CHECKPOINTS", "Progress", "compare", "extremes"]

CHECKPOINTS = (20, 50, 100, 150, 200, 300)
"""Evaluations at which the table is read; those beyond the budget are left out, its end is always there."""

Progress = Callable[[str, int, int], None]
"""Receives a strategy, how many of its searches have ended, and how many there are."""


def compare(
    benchmark: str | Benchmark,
    strategies: str = ALL,
    *,
    trials: int = 300,
    seeds: int = 30,
    signal: str | None = None,
    noise: float = 0.0,
    within: float | None = None,
    workers: int = 1,
    jobs: int = 0,
    seed: int = 0,
    data: Path | None = None,
    constraints: Sequence[str | Constraint] = (),
    on_progress: Progress = lambda strategy, done, of: None,
) -> Comparison:
    """Run every strategy on the benchmark `seeds` times and return the rows.

    Args:
        benchmark: a name or the path of a description, for `tabular.open_benchmark`, or a benchmark.
        strategies: entries such as "gp,regularized_evolution(population_size=10)"; or "all", or "all+neural".
        trials: evaluations of each search.
        seeds: searches of each strategy, at least 2.
        signal: what the strategies are told, by the benchmark's word for it; its first by default.
        noise: standard deviation of normal noise added to the signal, in its unit.
        within: how near to the optimum counts as near, in the unit of the truth; by default 0.1, and 0.001 (a tenth of
            a per cent) where all true values lie within -1..1.
        workers: simulated workers of each search; with more than one, trials end in the order of recorded costs.
        jobs: processes that run searches; 0 runs them in this one.
        seed: of the whole comparison.
        data: folder of the tables, for `open_benchmark`.
        constraints: limits on measurements that training does not change, such as "edgegpu_latency_ms<=3"; what breaks
            one cannot be evaluated, and the optimum is the best of the rest.

    Raises:
        ConfigError: an argument is wrong; with the nearest name.
        SearchitectError: the benchmark cannot be opened.
    """
    _check_numbers(trials=(trials, 1), seeds=(seeds, 2), workers=(workers, 1), jobs=(jobs, 0))
    _check_finite(noise=noise, within=within or 0.0)
    opened = limited(_open(benchmark, data) if isinstance(benchmark, str) else benchmark, constraints)
    optimum, worst = extremes(opened)
    if within is None:
        within = 0.1 if max(abs(optimum), abs(worst)) > 1.0 else 0.001
    word = _signal(opened, signal)
    trained = getattr(opened, "signal_fidelities", {}).get(word, Fidelity())
    terms = Terms(
        opened.signals[word], optimum, worst, within, noise, trials, workers, seed, _checkpoints(trials), trained
    )
    notes: list[str] = []
    entries = chosen(strategies, setting_of(opened, terms), notes.append)
    source = benchmark if isinstance(benchmark, str) else opened
    limits = tuple(map(str, constraints))
    rows = _run_all(_Searches(source, data, entries, terms, limits), seeds, jobs, on_progress)
    return Comparison(
        benchmark=opened.name,
        signal=word,
        truth=opened.objective(opened.truth),
        cost_unit=opened.cost_unit,
        terms=terms,
        seeds=seeds,
        rows=rows,
        notes=tuple(notes),
    )


def extremes(benchmark: Benchmark) -> tuple[float, float]:
    """Return the best and the worst true value in the table.

    Raises:
        EvaluationError: the table is empty, or holds no finite true value.
    """
    objective = benchmark.objective(benchmark.truth)
    values = [benchmark.measure(architecture)[benchmark.truth] for architecture in benchmark.members()]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        raise EvaluationError(f"benchmark {benchmark.name!r} holds no finite {benchmark.truth!r}")
    return min(finite, key=objective.loss), max(finite, key=objective.loss)


def _open(name: str, data: Path | None) -> Benchmark:
    from searchitect.tabular import open_benchmark

    return open_benchmark(name, data)


def _signal(benchmark: Benchmark, word: str | None) -> str:
    word = next(iter(benchmark.signals)) if word is None else word
    if word not in benchmark.signals:
        hint = did_you_mean(word, benchmark.signals)
        raise ConfigError(f"benchmark {benchmark.name!r} has no signal {word!r}", hint=hint)
    return word


def _checkpoints(trials: int) -> tuple[int, ...]:
    return (*(n for n in CHECKPOINTS if n < trials), trials)


def _check_numbers(**numbers: tuple[int, int]) -> None:
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{name} is a whole number from {least} on, got {value!r}")


def _check_finite(**numbers: float) -> None:
    for name, value in numbers.items():
        if not math.isfinite(value) or value < 0:
            raise ConfigError(f"{name} is a number from 0 on, got {value!r}")


@dataclass
class _Searches:
    """An evaluator of whole searches: what runs candidates elsewhere runs strategies here.

    The "architecture" of a job says which entry and which seed; the trace comes back as measurements.
    """

    source: str | Benchmark
    data: Path | None
    entries: tuple[Entry, ...]
    terms: Terms
    constraints: tuple[str, ...] = ()
    _opened: Benchmark | None = field(default=None, repr=False)

    def warm_up(self) -> None:
        """Read the table."""
        if isinstance(self.source, str):
            self._opened = limited(_open(self.source, self.data), self.constraints)
        else:
            self._opened = self.source

    def evaluate(self, proposal: Proposal, context: Context) -> Mapping[str, float]:
        if self._opened is None:
            self.warm_up()
        assert self._opened is not None
        place, seed = proposal.architecture["entry"], proposal.architecture["seed"]
        assert isinstance(place, int)
        assert isinstance(seed, int)
        return run_search(self._opened, self.entries[place], self.terms, seed).measurements()

    def job(self, number: int, seeds: int) -> Job:
        """The job that runs search `number`: all seeds of the first entry, then all of the second."""
        place, seed = divmod(number, seeds)
        return Job(number, Proposal(Architecture("search", {"entry": place, "seed": seed})), seed)


def _run_all(searches: _Searches, seeds: int, jobs: int, on_progress: Progress) -> tuple[Row, ...]:
    board = _Board(searches, seeds, on_progress)
    with closing(open_executor(searches, jobs)) as executor:
        board.run(executor)
    return board.rows()


class _Board:
    """Which searches are to run, and what became of them. A strategy that failed once is not run again."""

    def __init__(self, searches: _Searches, seeds: int, on_progress: Progress) -> None:
        self.searches, self.seeds, self.on_progress = searches, seeds, on_progress
        self.traces: dict[int, Trace] = {}
        self.failures: dict[int, str] = {}
        self.flying = 0

    def run(self, executor: Executor) -> None:
        waiting = deque(range(len(self.searches.entries) * self.seeds))
        while waiting or self.flying:
            while waiting and executor.capacity:
                self._submit(waiting.popleft(), executor)
            for outcome in executor.collect(timeout=1.0):
                self._end(outcome)

    def _submit(self, number: int, executor: Executor) -> None:
        if not any(failed // self.seeds == number // self.seeds for failed in self.failures):
            executor.submit(self.searches.job(number, self.seeds))
            self.flying += 1

    def _end(self, outcome: Outcome) -> None:
        self.flying -= 1
        place = outcome.number // self.seeds
        if outcome.state is TrialState.COMPLETE:
            self.traces[outcome.number] = Trace.from_measurements(outcome.measurements)
        else:
            self.failures[outcome.number] = outcome.reason or "no reason was given"
        done = sum(number // self.seeds == place for number in (*self.traces, *self.failures))
        self.on_progress(self.searches.entries[place].label, done, self.seeds)

    def rows(self) -> tuple[Row, ...]:
        return tuple(self._row(place, entry) for place, entry in enumerate(self.searches.entries))

    def _row(self, place: int, entry: Entry) -> Row:
        numbers = range(place * self.seeds, (place + 1) * self.seeds)
        # Seeds are submitted in order, so the first failure is the same however many processes there are.
        failed = next((n for n in numbers if n in self.failures), None)
        if failed is not None:
            return Row(entry, (), f"search {failed % self.seeds}: {self.failures[failed]}")
        return Row(entry, tuple(self.traces[n] for n in numbers))
