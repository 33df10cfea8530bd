"""Hypervolume on NAS-Bench-201 × latency: our strategies beside Optuna's and pymoo's, and the exact front as ceiling.

Objectives: test error on CIFAR-10 after 200 epochs and the latency that HW-NAS-Bench measured on a device, both told as
the table has them, so that nothing can lie above the exact front. Figure: hypervolume of all that was evaluated as a
share of the exact front's. Reference point: the worst of the useful part of the exact front (error at most 20 %) plus a
tenth of its extent. Every search has the same number of unique cells; what a peer asks for twice is answered for free.

    python benchmarks/hypervolume.py [--seeds 30] [--trials 300] [--devices edgegpu,raspi4,fpga] [--strategies LIST]

Finished searches are kept in `--out`, so that a run that is cut off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from searchitect.objectives import Objective
from searchitect.pareto import hypervolume
from searchitect.spaces import Architecture, SearchSpace
from searchitect.study import Study
from searchitect.tabular import open_benchmark

SHARED = Path(__file__).parents[2] / "shared"
WORST_ERROR = 20.0
MOST_ASKED = 3
"""A peer that repeats itself is asked so many times as often at most: Optuna's TPE needs thousands for 300 cells."""

AT = (50, 100, 200, 300)
OURS = ("random", "regularized_evolution", "nsga2", "nsga3", "tpe", "parego", "ehvi", "auto")
PEERS = ("optuna TPE", "optuna NSGA-II", "pymoo NSGA-II")


@dataclass(frozen=True)
class Problem:
    """Every cell with its two losses."""

    space: SearchSpace
    names: tuple[str, str]
    losses: dict[str, tuple[float, float]]
    reference: tuple[float, float]
    ceiling: float

    def share(self, points: list[tuple[float, float]]) -> float:
        return hypervolume(points, self.reference) / self.ceiling


def problem(device: str, data: Path) -> Problem:
    table = open_benchmark("nasbench201_hardware/cifar10", data)
    latency = f"{device}_latency_ms"
    rows = {a.text: table.measure(a) for a in table.members()}
    losses = {
        text: (100.0 - row["test_accuracy_percent"], row[latency]) for text, row in rows.items() if latency in row
    }
    points = np.array(list(losses.values()))
    best = staircase(points)
    useful = best[best[:, 0] <= WORST_ERROR]
    reference = useful.max(axis=0) + 0.1 * np.ptp(useful, axis=0)
    ceiling = hypervolume(best, reference)
    return Problem(SearchSpace.of(table.space), ("error", latency), losses, tuple(reference), ceiling)


def staircase(points: Any) -> Any:
    """The front of two losses: by the first, keep what lowers the second."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    lowest = np.minimum.accumulate(ordered[:, 1])
    return ordered[np.append(True, ordered[1:, 1] < lowest[:-1])]


def ours(name: str, options: dict[str, Any], on: Problem, trials: int, seed: int) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    objectives = [Objective(measurement, "minimize") for measurement in on.names]

    def allowed(architecture: Architecture) -> tuple[str, ...]:
        return () if architecture.text in on.losses else ("the table does not hold this cell",)

    with Study(
        on.space, strategy=name, options=options, objectives=objectives, seed=seed, budget=trials, allowed=allowed
    ) as study:
        while len(found) < trials and (trial := study.ask()) is not None:
            found.append(on.losses[trial.architecture.text])
            study.tell(trial, **dict(zip(on.names, found[-1], strict=True)))
    return found


def optuna_search(sampler: str) -> Callable[..., list[tuple[float, float]]]:
    """Optuna's own loop with its own sampler, left as it is."""

    def search(on: Problem, trials: int, seed: int) -> list[tuple[float, float]]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            directions=["minimize", "minimize"], sampler=getattr(optuna.samplers, sampler)(seed=seed)
        )
        decisions = on.space.decisions()
        found: dict[str, tuple[float, float]] = {}
        for _ in range(MOST_ASKED * trials):
            if len(found) == trials:
                break
            trial = study.ask()
            values = {d.path: trial.suggest_categorical(d.path, list(d.options or ())) for d in decisions}
            losses = look_up(on, values, found)
            study.tell(trial, losses, state=None if losses else optuna.trial.TrialState.FAIL)
        return list(found.values())

    return search


def look_up(on: Problem, values: dict[str, Any], found: dict[str, tuple[float, float]]) -> tuple[float, float] | None:
    text = Architecture(on.space.digest, values).text
    losses = on.losses.get(text)
    if losses is not None:
        found[text] = losses
    return losses


def pymoo_search(population: int) -> Callable[..., list[tuple[float, float]]]:
    """pymoo's NSGA-II with its own operators for choices."""

    def search(on: Problem, trials: int, seed: int) -> list[tuple[float, float]]:
        from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowdingSurvival
        from pymoo.core.mixed import MixedVariableDuplicateElimination, MixedVariableMating, MixedVariableSampling
        from pymoo.core.problem import Problem as Vectorized
        from pymoo.core.variable import Choice

        same = MixedVariableDuplicateElimination()
        algorithm = NSGA2(
            pop_size=population,
            sampling=MixedVariableSampling(),
            mating=MixedVariableMating(eliminate_duplicates=same),
            eliminate_duplicates=same,
            survival=RankAndCrowdingSurvival(),
        )
        decisions = {d.path: Choice(options=list(d.options or ())) for d in on.space.decisions()}
        algorithm.setup(Vectorized(vars=decisions, n_obj=2), termination=("n_gen", 10**6), seed=seed, verbose=False)
        found: dict[str, tuple[float, float]] = {}
        for _ in range(MOST_ASKED * trials):
            if len(found) >= trials:
                break
            asked = algorithm.ask()
            for individual in asked:
                losses = look_up(on, dict(individual.X), found) if len(found) < trials else None
                individual.set("F", np.array(losses or (1e3, 1e3)))
                individual.evaluated.update({"F", "G", "H"})
            algorithm.tell(infills=asked)
        return list(found.values())[:trials]

    return search


def searches(wanted: str | None) -> dict[str, Callable[..., list[tuple[float, float]]]]:
    """Name → search; entries of ours may carry options: "nsga2(population_size=30)"."""
    peers: dict[str, Callable[..., list[tuple[float, float]]]] = {
        "optuna TPE": optuna_search("TPESampler"),
        "optuna NSGA-II": optuna_search("NSGAIISampler"),
        "pymoo NSGA-II": pymoo_search(100),
        "pymoo NSGA-II, 30": pymoo_search(30),
    }
    chosen: dict[str, Callable[..., list[tuple[float, float]]]] = {}
    for entry in wanted.split(";") if wanted else [*OURS, *peers]:
        if entry in peers:
            chosen[entry] = peers[entry]
            continue
        name, _, rest = entry.partition("(")
        pairs = [pair.split("=") for pair in rest.rstrip(")").split(",") if pair]
        options = {key.strip(): float(value) if "." in value else int(value) for key, value in pairs}
        chosen[entry] = lambda on, trials, seed, name=name, options=options: ours(name, options, on, trials, seed)
    return chosen


def finished(path: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """What earlier runs left: device, search, evaluations and seed -> shares and seconds."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(row["device"], row["search"], str(row["trials"]), str(row["seed"])): row for row in rows}


def main() -> None:
    """Run what is not in the file yet, seed by seed, and print one table for each device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--devices", default="edgegpu,raspi4,fpga")
    parser.add_argument("--strategies", help="separated by semicolons; by default ours and the peers")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after the search in which this is reached")
    parser.add_argument("--out", type=Path, default=Path("runs/hypervolume.jsonl"), help="delete it to start anew")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("optuna", "pymoo", "botorch"))
    print(f"{options.trials} evaluations; medians as shares of the exact front; {versions}")
    devices, known = options.devices.split(","), finished(options.out)
    problems = {device: problem(device, options.data) for device in devices}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with options.out.open("a") as file:
        for seed, device, name in itertools.product(range(options.seeds), devices, searches(options.strategies)):
            key = (device, name, str(options.trials), str(seed))
            if key in known or time.monotonic() - start > 60 * options.minutes:
                continue
            known[key] = measured(problems[device], name, options, device, seed)
            file.write(json.dumps(known[key]) + "\n")
            file.flush()
            print(f"  {device} {name} seed {seed}: {known[key]['shares'][-1]:.4f}", file=sys.stderr, flush=True)
    for device in devices:
        show(device, problems[device], list(known.values()), options)


def measured(on: Problem, name: str, options: argparse.Namespace, device: str, seed: int) -> dict[str, Any]:
    """One search, as it is kept in the file."""
    begun = time.process_time()
    points = searches(options.strategies)[name](on, options.trials, seed)
    shares = [on.share(points[:n]) for n in stops(options.trials)]
    seconds = time.process_time() - begun
    return {
        "device": device, "search": name, "trials": options.trials, "seed": seed, "shares": shares, "seconds": seconds
    }  # fmt: skip


def stops(trials: int) -> list[int]:
    """After how many evaluations the share is told."""
    return [n for n in AT if n < trials] + [trials]


def show(device: str, on: Problem, known: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the table of one device."""
    print(f"\n{device}: {len(on.losses)} cells, reference {on.reference[0]:.2f} %, {on.reference[1]:.2f} ms")
    print(
        f"{'search':<28}{'seeds':>6}"
        + "".join(f"{n:>9}" for n in stops(options.trials))
        + f"{'5 % .. 95 %':>18}{'CPU s':>8}"
    )
    medians: dict[str, float] = {}
    for name in searches(options.strategies):
        rows = [r for r in known if (r["device"], r["search"], r["trials"]) == (device, name, options.trials)]
        rows = [r for r in rows if r["seed"] < options.seeds]
        if not rows:
            continue
        table = np.array([r["shares"] for r in rows])
        medians[name] = statistics.median(table[:, -1])
        low, high = np.quantile(table[:, -1], [0.05, 0.95])
        cells = "".join(f"{value:9.4f}" for value in np.median(table, axis=0))
        seconds = statistics.fmean(r["seconds"] for r in rows)
        print(f"{name:<28}{len(rows):>6}{cells}{f'{low:.4f} .. {high:.4f}':>18}{seconds:8.1f}", flush=True)
    peers = {name: value for name, value in medians.items() if name.startswith(("optuna", "pymoo"))}
    for name in peers and [n for n in medians if n not in peers]:
        ratios = ", ".join(f"{medians[name] / value:.4f} × {peer}" for peer, value in peers.items())
        print(f"    {name}: {ratios}")


if __name__ == "__main__":
    main()
