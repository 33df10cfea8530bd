"""Searches by rungs against the same sampler at full length, at equal epochs on published tables.

For each sampler: the regret at the end of the full-length search, and after how many epochs the search by rungs had it
(means over seeds). "of epochs" is their ratio; the target is a third. On curves a longer evaluation pays the increment;
where a table holds separate trainings every one is paid whole. Options were chosen on `digits_bench` and NAS-Bench-201
(--tables tuning); the claims are made on the NAS-Bench-101 pool and the curves of NAS-Bench-NLP.

The peer is Optuna's HyperbandPruner with its random sampler on the same pool, its reports at the same epochs.

    python benchmarks/multi_fidelity.py [--seeds 30] [--trials 100] [--tables claim|tuning|NAME,NAME] [--no-peer]
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from searchitect.seeding import derive
from searchitect.tabular import open_benchmark
from searchitect.tabular.benchmark import Benchmark, recorded_epochs
from searchitect.tabular.comparing import compare
from searchitect.tabular.comparison import Comparison, Row
from searchitect.trial import Fidelity

SHARED = Path(__file__).parents[2] / "shared"
TABLES = {"claim": ("nasbench101", "nasbench_nlp"), "tuning": ("digits_bench", "nasbench201/cifar10")}
SAMPLERS = {
    "random": ("random", "successive_halving", "hyperband", "asha", "priorband"),
    "evolution": (
        "regularized_evolution",
        "hyperband(sampler=regularized_evolution)",
        "asha(sampler=regularized_evolution)",
        "dehb",
    ),
    "gp": ("gp", "hyperband(sampler=gp)", "asha(sampler=gp)"),
    "tpe": ("tpe", "bohb"),
}
"""Sampler: the search at full length first, then those by rungs."""


def compared(name: str, options: argparse.Namespace) -> Comparison:
    labels = [label for sampler in options.samplers.split(",") for label in SAMPLERS[sampler]]
    return compare(
        name, ",".join(labels), trials=options.trials, seeds=options.seeds, jobs=options.jobs, data=options.data
    )


def mean_regrets(comparison: Comparison, row: Row) -> list[float]:
    """Mean regret after 1, 2, … full evaluations."""
    return [statistics.fmean(comparison.regrets(row, n + 1)) for n in range(comparison.terms.trials)]


def reached(curve: list[float], regret: float) -> int | None:
    """Full evaluations after which the mean regret is as low."""
    return next((n for n, value in enumerate(curve, 1) if value <= regret + 1e-12), None)


def is_worse(ours: list[float], theirs: list[float]) -> bool:
    """Whether the end is worse by more than the 95 % interval of the paired difference."""
    gaps = [a - b for a, b in zip(ours, theirs, strict=True)]
    return statistics.fmean(gaps) > 1.96 * statistics.stdev(gaps) / math.sqrt(len(gaps))


def print_row(label: str, curve: list[float], base: list[float], ends: list[float], base_ends: list[float]) -> None:
    n = reached(curve, base[-1])
    share = "   –" if n is None else f"{n / len(base):4.2f}"
    end = "worse" if is_worse(ends, base_ends) else "no worse"
    third = curve[len(curve) // 3 - 1]
    print(f"  {label:<46} {third:10.4f} {curve[-1]:10.4f} {share:>10}  {end}", flush=True)


def hyperband_pruner(benchmark: Benchmark, trials: int, seed: int) -> list[float]:
    """Optuna's pruner on the members of a table: the regret of the best completed after 1, 2, … full evaluations."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    members, full = list(benchmark.members()), recorded_epochs(benchmark)[-1]
    objective, truth = benchmark.objective(next(iter(benchmark.signals.values()))), benchmark.objective(benchmark.truth)
    rungs = [epochs for epochs in recorded_epochs(benchmark) if epochs in rungs_of(benchmark)]
    pruner = optuna.pruners.HyperbandPruner(min_resource=rungs[0], max_resource=full, reduction_factor=3)
    study = optuna.create_study(
        direction=objective.direction, pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=seed % 2**32)
    )
    is_curve, spent, best, curve = getattr(benchmark, "continues", False), 0.0, (0, math.inf, math.nan), list[float]()
    while spent < trials * full:
        trial = study.ask()
        member = members[trial.suggest_int("member", 0, len(members) - 1)]
        below, value = 0, math.nan
        for epochs in rungs:
            value = benchmark.measure(member, Fidelity(epochs=epochs))[objective.name]
            spent += epochs - below if is_curve else epochs
            below = epochs
            trial.report(value, epochs)
            if epochs < full and trial.should_prune():
                break
        pruned = below < full
        study.tell(trial, None if pruned else value, optuna.trial.TrialState.PRUNED if pruned else None)
        while len(curve) + 1 < spent / full and len(curve) < trials:
            curve.append(best[2])
        if spent <= trials * full and (-below, objective.loss(value)) < (-best[0], best[1]):
            best = (below, objective.loss(value), benchmark.measure(member)[truth.name])
    curve += [best[2]] * (trials - len(curve))
    return curve


def rungs_of(benchmark: Benchmark) -> list[int]:
    """The epochs that our own ladder has."""
    from searchitect.spaces import SearchSpace
    from searchitect.strategies import Setting
    from searchitect.strategies.rungs import make_ladder

    recorded = recorded_epochs(benchmark)
    setting = Setting(SearchSpace.of(benchmark.space), (), recorded_epochs=recorded)
    return [int(amount) for amount in make_ladder(setting).amounts]


def print_peer(comparison: Comparison, benchmark: Benchmark, options: argparse.Namespace, base: Any) -> None:
    optimum, worst = comparison.terms.optimum, comparison.terms.worst
    runs = [hyperband_pruner(benchmark, options.trials, derive(0, "peer", seed)) for seed in range(options.seeds)]
    regrets = [[abs((worst if math.isnan(v) else v) - optimum) for v in run] for run in runs]
    curve = [statistics.fmean(column) for column in zip(*regrets, strict=True)]
    print_row("Optuna HyperbandPruner, RandomSampler", curve, base[0], [run[-1] for run in regrets], base[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=100, help="budget, in full evaluations")
    parser.add_argument("--tables", default="claim")
    parser.add_argument("--samplers", default="random,evolution,gp,tpe")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--no-peer", action="store_true")
    default = os.environ.get("SEARCHITECT_DATA", str(SHARED))
    parser.add_argument("--data", type=Path, default=Path(default) / "benchmarks")
    options = parser.parse_args()
    has_peer = not options.no_peer and importlib.util.find_spec("optuna") is not None
    for name in TABLES.get(options.tables, tuple(options.tables.split(","))):
        benchmark = open_benchmark(name, options.data)
        rungs = ", ".join(map(str, rungs_of(benchmark)))
        print(f"{name}: rungs {rungs} epochs, {options.trials} full evaluations, {options.seeds} seeds")
        print(f"  {'':<46} {'at a third':>10} {'at the end':>10} {'of epochs':>10}  at the end")
        comparison = compared(name, options)
        rows = {row.entry.label.replace(", ", ","): row for row in comparison.rows}
        for sampler in options.samplers.split(","):
            base = rows[SAMPLERS[sampler][0]]
            whole, ends = mean_regrets(comparison, base), comparison.regrets(base, options.trials)
            for label in SAMPLERS[sampler]:
                row = rows[label]
                if row.error is not None:
                    print(f"  {label:<46} {row.error}", file=sys.stderr)
                    continue
                found = comparison.regrets(row, options.trials)
                print_row(label, mean_regrets(comparison, row), whole, found, ends)
            if sampler == "random" and has_peer:
                print_peer(comparison, benchmark, options, (whole, ends))


if __name__ == "__main__":
    main()
