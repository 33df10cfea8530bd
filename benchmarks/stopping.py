"""Epochs that stopping rules save, beside the same searches without one.

Random search on tables with learning curves, on the simulated clock: the same architectures are drawn with each rule,
so what differs is what was stopped. "epochs" are of all trials, in full trainings; "best kept" counts searches whose
best architecture was trained to its end; "regret" is of the chosen one, in the unit of the table.

    SEARCHITECT_DATA=FOLDER python benchmarks/stopping.py [--tables LIST] [--trials 100] [--seeds 20] [--workers 4]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from searchitect import tabular
from searchitect.executors import SimulatedExecutor
from searchitect.study import Clock, Limit, Runner, Study, run_phase
from searchitect.tabular.comparing import extremes
from searchitect.tabular.evaluator import TableEvaluator
from searchitect.trial import TrialState

RULES = (None, "median", "curve")


@dataclass(frozen=True)
class Search:
    epochs: float
    stopped: int
    best: str
    regret: float
    kept: bool


def search(name: str, rule: str | None, trials: int, workers: int, seed: int) -> Search:
    """One random search; the best is chosen by the signal and judged by the truth."""
    benchmark = tabular.open_benchmark(name)
    signal = benchmark.objective(next(iter(benchmark.signals.values())))
    truth = benchmark.objective(benchmark.truth)
    evaluator = TableEvaluator(benchmark, curves=True)
    executor = SimulatedExecutor(evaluator, workers=workers)
    study = Study(
        benchmark.space, strategy="random", objectives=[signal], seed=seed, allowed=benchmark.check, stopping=rule
    )
    run_phase(study, "search", Runner(executor, Clock(now=executor.now)), Limit(trials=trials))
    optimum, _ = extremes(benchmark)
    best = study.best
    assert best is not None
    ran = [trial for trial in study.trials if trial.reused is None and trial.state is not TrialState.INFEASIBLE]
    whole = {t.key: benchmark.measure(t.architecture)[signal.name] for t in ran}
    chosen = benchmark.measure(best.architecture)[truth.name]
    return Search(
        sum(trial.clock["seconds"] for trial in ran),
        sum(trial.state is TrialState.PRUNED for trial in ran),
        best.key,
        abs(chosen - optimum),
        best.key == min(whole, key=lambda key: signal.loss(whole[key])),
    )


def rows(name: str, trials: int, seeds: int, workers: int) -> Iterator[str]:
    plain = 0.0
    for rule in RULES:
        found = [search(name, rule, trials, workers, seed) for seed in range(seeds)]
        epochs = statistics.median(one.epochs for one in found)
        plain = plain or epochs
        yield (
            f"{name:<22} {rule or 'none':<8} {epochs:>8.1f} {epochs / plain:>8.2f} "
            f"{statistics.median(one.stopped for one in found):>8.0f} {sum(one.kept for one in found):>6}/{seeds:<4} "
            f"{statistics.fmean(one.regret for one in found):>10.4f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default="nasbench_nlp")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4)
    asked = parser.parse_args()
    print(f"random search, {asked.trials} trials, {asked.seeds} seeds, {asked.workers} simulated workers")
    print(f"{'table':<22} {'rule':<8} {'epochs':>8} {'ratio':>8} {'stopped':>8} {'best kept':>11} {'regret':>10}")
    for name in asked.tables.split(","):
        for row in rows(name, asked.trials, asked.seeds, asked.workers):
            print(row, flush=True)


if __name__ == "__main__":
    main()
