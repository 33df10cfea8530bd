"""Quality-diversity on NAS-Bench-201 with the latencies of HW-NAS-Bench: the best cell for each of nested limits.

The setting of Schneider et al. (AutoML 2022, the niches of their repository): three data sets × three granularities.
Niches are `latency <= L_j`, nested, L_j the quantiles below of the feature over the table, and one without a limit.
Budget: 200 evaluations of 200 epochs, the first 10 at random. Signal: validation; figures: *test* error of the elites
that the validation column chose, 100 where a niche has none, summed over niches; each strategy's rank in each problem
is averaged over the problems. Peers run on the same table, with (validation accuracy, feature) as two objectives.
Finished searches are kept in `--out`, so that a run that is cut off goes on.

    python benchmarks/quality_diversity.py [--seeds 30] [--device edgegpu] [--strategies LIST] [--jobs 2]
    python benchmarks/quality_diversity.py --benchmark nasbench101 --feature params   # what options were tried on
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time

import numpy as np

from searchitect.evaluation import Context
from searchitect.objectives import Objective
from searchitect.spaces import SearchSpace
from searchitect.strategies import STRATEGIES
from searchitect.strategies.elites import EliteArchive, coverage, elites_of, qd_score, regrets, summed_loss
from searchitect.strategies.niches import Niches, parse_niches
from searchitect.study import Study
from searchitect.tabular import open_benchmark
from searchitect.tabular.evaluator import TableEvaluator
from searchitect.trial import Trial

QUANTILES: Mapping[str, Sequence[float]] = {
    "small": (0.5,),
    "medium": (0.01, 0.05, 0.1, 0.3),
    "large": (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7),
}
DATASETS = ("cifar10", "cifar100", "imagenet16_120")
OURS = ("map_elites", "bop_elites", "qd_hb", "bop_elites_hb")
PEERS = ("random", "nsga2", "parego", "optuna(NSGAIISampler)")
WORST = 100.0


@dataclass(frozen=True)
class Problem:
    """A table, a feature, and niches of one granularity."""

    benchmark: str
    feature: str
    size: str
    data: Path | None

    @property
    def name(self) -> str:
        return f"{self.benchmark.rpartition('/')[2]} {self.size}"


@functools.lru_cache(maxsize=4)
def opened(name: str, data: Path | None):
    return open_benchmark(name, data)


@functools.lru_cache(maxsize=12)
def niches_of(problem: Problem) -> Niches:
    benchmark = opened(problem.benchmark, problem.data)
    values = [benchmark.measure(a).get(problem.feature) for a in benchmark.members()]
    limits = np.quantile([v for v in values if v is not None], QUANTILES[problem.size]).tolist()
    boxes = [{"name": f"<= {limit:.4g}", problem.feature: [None, limit]} for limit in limits]
    return parse_niches([*boxes, {"name": "any", problem.feature: [None, None]}])


@functools.lru_cache(maxsize=12)
def best_of(problem: Problem) -> list[float]:
    """The smallest true error in each niche."""
    benchmark, niches = opened(problem.benchmark, problem.data), niches_of(problem)
    rows = [benchmark.measure(a) for a in benchmark.members()]
    rows = [row for row in rows if problem.feature in row]
    held = niches.holding(np.array([[row[problem.feature]] for row in rows]))
    errors = np.array([100.0 - row[benchmark.truth] for row in rows])
    return [float(errors[column].min()) for column in held.T]


def searched(problem: Problem, strategy: str, options: Mapping[str, object], seed: int, trials: int) -> list[Trial]:
    """The trials of one search; those for niches are told them, the others have the feature as second objective."""
    benchmark = opened(problem.benchmark, problem.data)
    evaluator = TableEvaluator(benchmark)
    signal = benchmark.objective(next(iter(benchmark.signals.values())))
    aims_at_niches = strategy in OURS
    feature = Objective(problem.feature, "minimize")
    given = dict(options) | ({"niches": niches_of(problem).to_json()} if aims_at_niches else {})
    with Study(
        benchmark.space,
        strategy=strategy,
        options=given,
        objectives=(signal,) if aims_at_niches or strategy == "random" else (signal, feature),
        seed=seed,
        allowed=lambda a: benchmark.check(a) or missing(benchmark.measure(a), problem.feature),
        facts=evaluator.check,
        budget=trials,
        recorded_epochs=(*benchmark.fidelities, benchmark.epochs) if benchmark.fidelities else (),
    ) as study:
        spent = 0.0
        while spent < trials and (trial := study.ask()) is not None:
            told = evaluator.evaluate(trial.proposal, Context(seed=trial.seed))
            study.tell(trial, **told)
            spent += share(benchmark, trial)
        return [trial for trial in study.trials if trial.proposal.fidelity.epochs in (None, benchmark.epochs)]


def share(benchmark, trial: Trial) -> float:
    """What a trial cost in full evaluations."""
    epochs = trial.proposal.fidelity.epochs
    return 1.0 if epochs is None or not benchmark.epochs else epochs / benchmark.epochs


def missing(measured: Mapping[str, float], feature: str) -> tuple[str, ...]:
    return () if feature in measured else (f"the table does not hold its {feature}",)


def figures(problem: Problem, trials: Sequence[Trial]) -> dict[str, float]:
    """Elites by validation, judged by test."""
    benchmark, niches = opened(problem.benchmark, problem.data), niches_of(problem)
    signal = benchmark.objective(next(iter(benchmark.signals.values())))
    elites = elites_of(trials, niches, SearchSpace.of(benchmark.space), signal)
    valid = [100.0 + loss for loss in elites.losses()]
    test = tested(elites, benchmark)
    best = best_of(problem)
    return {
        "valid": summed_loss(valid, WORST),
        "test": summed_loss(test, WORST),
        "qd": qd_score(test, WORST),
        "coverage": coverage(test),
        "regret": statistics.fmean(regrets(test, best, WORST)),
    }


def tested(elites: EliteArchive, benchmark) -> list[float]:
    found = [float("inf")] * len(elites.niches.names)
    for niche, (_, trial) in elites.elites.items():
        found[niche] = 100.0 - benchmark.measure(trial.architecture)[benchmark.truth]
    return found


def job(task: tuple) -> tuple:
    """Run one search and judge it in every problem it serves."""
    entry, problems, seed, trials = task
    start = process_time()
    name, options = parsed(entry)
    found = searched(problems[0], name, options, seed, trials)
    return entry, [(p, figures(p, found)) for p in problems], process_time() - start


def parsed(entry: str) -> tuple[str, dict[str, object]]:
    name, _, rest = entry.partition("(")
    rest = rest.rstrip(")")
    if name == "optuna":
        return name, {"sampler": rest}
    return name, json.loads(rest) if rest else {}


def for_niches(entry: str) -> bool:
    return entry.partition("(")[0] in OURS


def tasks(options: argparse.Namespace) -> list[tuple]:
    """Seed by seed, so that what is done when time is up is balanced. A peer's search serves all granularities."""
    named = [options.benchmark] if options.benchmark else [f"nasbench201_hardware/{d}" for d in DATASETS]
    feature = options.feature or f"{options.device}_latency_ms"
    made = []
    for seed in range(options.seeds):
        for benchmark in named:
            problems = [Problem(benchmark, feature, size, options.data) for size in QUANTILES]
            for entry in options.strategies.split(";"):
                groups = [[p] for p in problems] if for_niches(entry) else [problems]
                made += [(entry, group, seed, options.trials) for group in groups]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [e for e in (*PEERS, *OURS) if e.partition("(")[0] in STRATEGIES]
    parser.add_argument("--strategies", default=";".join(known), help='separated by ";", options as JSON in brackets')
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--device", default="edgegpu")
    parser.add_argument("--benchmark")
    parser.add_argument("--feature")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after the seed in which this is reached")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/quality_diversity.jsonl"), help="delete it to start anew"
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("SEARCHITECT_DATA"))
    options = parser.parse_args()
    found: dict[tuple[str, Problem], list[dict[str, float]]] = {}
    seconds: dict[str, list[float]] = {}
    start, waiting = monotonic(), tasks(options)
    each = len(waiting) // options.seeds
    done = 0
    for entry, judged, spent in finished(waiting, options):
        done += 1
        seconds.setdefault(entry, []).append(spent)
        for problem, values in judged:
            found.setdefault((entry, problem), []).append(values)
        if done % each == 0:
            print(f"  {done // each} of {options.seeds} seeds", file=sys.stderr, flush=True)
            if monotonic() - start > 60 * options.minutes:
                break
    options.seeds = done // each
    show(found, seconds, options)


def finished(waiting: Sequence[tuple], options: argparse.Namespace) -> Iterator[tuple]:
    """Yield every search in order: those of an earlier run from its file, the others as they end."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    known = {row["key"]: row for row in map(json.loads, lines)}
    missing_ones = [task for task in waiting if key(task) not in known]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool, options.out.open("a") as file:
        running = pool.imap(job, missing_ones)
        for task in waiting:
            if key(task) not in known:
                entry, judged, spent = next(running)
                known[key(task)] = {"key": key(task), "figures": [v for _, v in judged], "seconds": spent}
                file.write(json.dumps(known[key(task)]) + "\n")
                file.flush()
                print(f"    {entry} {task[2]}: {judged[0][1]['test']:.2f}", file=sys.stderr, flush=True)
            row = known[key(task)]
            yield task[0], list(zip(task[1], row["figures"], strict=True)), row["seconds"]
        pool.terminate()


def key(task: tuple) -> str:
    """What tells one search from another in the file."""
    entry, problems, seed, trials = task
    return f"{entry} | {', '.join(p.name for p in problems)} | {problems[0].feature} | {seed} | {trials}"


def show(found, seconds, options: argparse.Namespace) -> None:
    entries = list(dict.fromkeys(entry for entry, _ in found))
    entries.sort(key=options.strategies.split(";").index)
    problems = sorted({problem for _, problem in found}, key=lambda p: (p.benchmark, list(QUANTILES).index(p.size)))
    mean = {key: {n: statistics.fmean(v[n] for v in values) for n in values[0]} for key, values in found.items()}
    print(
        f"\n{options.seeds} seeds, {options.trials} evaluations; test error of the elites summed over niches, mean ± sd"
    )
    print(f"{'strategy':<26}" + "".join(f"{p.name:>24}" for p in problems))
    for entry in entries:
        spread = [statistics.pstdev(v["test"] for v in found[entry, p]) for p in problems]
        cells = (f"{mean[entry, p]['test']:.2f} ± {s:.2f}" for p, s in zip(problems, spread, strict=True))
        print(f"{entry:<26}" + "".join(f"{cell:>24}" for cell in cells))
    print(f"{'the best there is':<26}" + "".join(f"{sum(best_of(p)):>24.2f}" for p in problems))
    columns = ("rank test", "rank valid", "regret", "QD score", "coverage", "s/search")
    print(f"\n{'over all problems':<26}" + "".join(f"{c:>12}" for c in columns))
    for entry in entries:
        ranks = [statistics.fmean(rank(entry, p, entries, mean, n) for p in problems) for n in ("test", "valid")]
        rest = [statistics.fmean(mean[entry, p][n] for p in problems) for n in ("regret", "qd", "coverage")]
        cells = [f"{ranks[0]:.2f}", f"{ranks[1]:.2f}", f"{rest[0]:.3f}", f"{rest[1]:.1f}", f"{rest[2]:.3f}"]
        cells.append(f"{statistics.fmean(seconds[entry]):.1f}")
        print(f"{entry:<26}" + "".join(f"{cell:>12}" for cell in cells))


def rank(entry, problem, entries, mean, name: str) -> float:
    own = mean[entry, problem][name]
    others = [mean[e, problem][name] for e in entries if e != entry]
    return 1 + sum(o < own for o in others) + 0.5 * sum(o == own for o in others)


if __name__ == "__main__":
    main()
