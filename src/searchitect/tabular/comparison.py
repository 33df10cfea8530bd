"""What a comparison found: one row for each strategy, and its document for `--json` and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from searchitect.objectives import Objective
from searchitect.tabular.entries import BASELINE, Entry
from searchitect.tabular.searching import EXACT, Terms, Trace
from searchitect.tabular.statistics import (
    average_ranks,
    holm,
    mean_and_std,
    quantile,
    rank_biserial,
    regret_area,
    wilcoxon,
)

__all__ = ["Comparison", "Row"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """All searches of one strategy, by seed.

    Attributes:
        error: why there are no traces, where a search failed.
    """

    entry: Entry
    traces: Sequence[Trace]
    error: str | None = None

    def truths(self, evaluations: int) -> list[float]:
        """True value of the best observed after so many evaluations, one for each seed."""
        return [trace.truths[evaluations - 1] for trace in self.traces]

    def believed(self, evaluations: int) -> list[float]:
        """True value of what the model believes best; of the best observed where it says nothing. Empty without one."""
        if not any(trace.believed for trace in self.traces):
            return []
        return [trace.believed.get(evaluations, trace.truths[evaluations - 1]) for trace in self.traces]


@dataclass(frozen=True)
class Comparison:
    """The frozen result of `compare`.

    Attributes:
        benchmark: its name.
        signal: what the strategies were told, by the benchmark's word.
        truth: what is reported, with its direction.
        rows: in the order in which they were asked for.
        notes: what was left out, and why.
    """

    benchmark: str
    signal: str
    truth: Objective
    cost_unit: str
    terms: Terms
    seeds: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def complete(self) -> tuple[Row, ...]:
        """The rows without an error."""
        return tuple(row for row in self.rows if row.error is None)

    def regrets(self, row: Row, evaluations: int) -> list[float]:
        """Distance of the best observed to the optimum, one for each seed; never negative."""
        return [abs(value - self.terms.optimum) for value in row.truths(evaluations)]

    def curve(self, row: Row) -> list[tuple[float, float]]:
        """Mean and standard deviation of the true value after 1, 2, … evaluations."""
        return [mean_and_std(row.truths(n)) for n in range(1, self.terms.trials + 1)]

    def times(self, row: Row) -> list[float]:
        """Mean virtual time at which evaluation 1, 2, … ended, in the unit of cost."""
        return [mean_and_std([trace.times[n] for trace in row.traces])[0] for n in range(self.terms.trials)]

    @cached_property
    def best(self) -> Row | None:
        """The row with the best mean in the end; of equal ones that with the smaller area under its regret curve."""
        end = self.terms.trials
        keys = [(mean_and_std(self.regrets(row, end))[0], self._area(row)["mean"]) for row in self.complete]
        return self.complete[min(range(len(keys)), key=keys.__getitem__)] if keys else None

    @cached_property
    def baseline(self) -> Row | None:
        """The row of random search without options."""
        return next((row for row in self.complete if row.entry == Entry(BASELINE)), None)

    def document(self) -> Json:
        """Return everything as JSON; the same for the same seeds, on one machine, however it was run."""
        terms = self.terms
        return {
            "benchmark": self.benchmark,
            "signal": self.signal,
            "signal_measurement": terms.signal,
            "truth": self.truth.name,
            "direction": self.truth.direction,
            "optimum": terms.optimum,
            "worst": terms.worst,
            "noise": terms.noise,
            "within": terms.within,
            "trials": terms.trials,
            "seeds": self.seeds,
            "seed": terms.seed,
            "workers": terms.workers,
            "cost_unit": self.cost_unit,
            "checkpoints": list(terms.checkpoints),
            "rows": self._documents(),
            "best": None if self.best is None else self.best.entry.label,
            "notes": list(self.notes),
        }

    def _documents(self) -> list[Json]:
        ranks = {n: average_ranks([self.regrets(row, n) for row in self.complete]) for n in self.terms.checkpoints}
        random, best = self._tests(self.baseline), self._tests(self.best)
        documents, place = list[Json](), 0
        for row in self.rows:
            document: Json = {"strategy": row.entry.label, "name": row.entry.name, "options": dict(row.entry.options)}
            if row.error is None:
                document |= self._figures(row)
                document |= {"rank": ranks[self.terms.trials][place]}
                document |= {"ranks": {str(n): ranks[n][place] for n in self.terms.checkpoints}}
                document |= {"against_random": random[place], "against_best": best[place]}
                place += 1
            documents.append(document | {"error": row.error})
        return documents

    def _figures(self, row: Row) -> Json:
        checkpoints, traces = self.terms.checkpoints, row.traces
        believed = {n: values for n in checkpoints if (values := row.believed(n))}
        return {
            "at": {str(n): _spread(row.truths(n)) for n in checkpoints},
            "believed": {str(n): _spread(values) for n, values in believed.items()} or None,
            "queries_to_optimum": _queries([self._first(trace, EXACT) for trace in traces]),
            "queries_to_near": _queries([self._first(trace, self.terms.within + EXACT) for trace in traces]),
            "evaluated_optimum": _queries([trace.evaluated.get("optimum") for trace in traces]),
            "evaluated_near": _queries([trace.evaluated.get("near") for trace in traces]),
            "regret_area": self._area(row),
            "cost": _ledger(traces),
            "time": mean_and_std([trace.times[-1] for trace in traces])[0],
            "evaluations": mean_and_std([trace.evaluations for trace in traces])[0],
        }

    def _first(self, trace: Trace, tolerance: float) -> int | None:
        """After how many evaluations the best observed was, for the first time, this near to the optimum."""
        near = (n for n, value in enumerate(trace.truths, 1) if abs(value - self.terms.optimum) <= tolerance)
        return next(near, None)

    def _area(self, row: Row) -> Json:
        optimum = self.terms.optimum
        return _spread([regret_area([abs(value - optimum) for value in trace.truths]) for trace in row.traces])

    def _tests(self, other: Row | None) -> list[Json | None]:
        """Each complete row against `other`, at the end: paired by seed, corrected for their number."""
        if other is None:
            return [None] * len(self.complete)
        end = self.terms.trials
        theirs = self.regrets(other, end)
        tested = [row for row in self.complete if row is not other]
        adjusted = holm([wilcoxon(self.regrets(row, end), theirs) for row in tested])
        found: dict[int, Json] = {}
        for row, p_value in zip(tested, adjusted, strict=True):
            ours = self.regrets(row, end)
            gain = mean_and_std(theirs)[0] - mean_and_std(ours)[0]
            found[id(row)] = {"p": p_value, "effect": rank_biserial(ours, theirs), "gain": gain}
        return [found.get(id(row)) for row in self.complete]


def _spread(values: Sequence[float]) -> Json:
    mean, std = mean_and_std(values)
    return {"mean": mean, "std": std}


def _queries(counts: Sequence[int | None]) -> Json:
    """Median and 90th percentile, None where that is beyond the budget, and the share of searches that got there."""
    reached = sum(count is not None for count in counts) / len(counts)
    return {"median": quantile(counts, 0.5), "p90": quantile(counts, 0.9), "reached": reached}


def _ledger(traces: Sequence[Trace]) -> Mapping[str, float]:
    """Mean cost of one search, by what it was spent on."""
    parts = {what: mean_and_std([t.cost[what] for t in traces])[0] for what in ("search", "validation", "final")}
    return parts | {"total": sum(parts.values())}
