"""One search for six scenarios against six separate searches, on NAS-Bench-201 and measured latencies.

    python benchmarks/portfolio.py [--devices hw|help] [--dataset cifar100] [--seeds 30] [--evaluations 300] [--size 3]

Six scenarios: a device each, with a latency limit at a quantile of the table (`--quantiles`, one table for each).
Signal: the final accuracy with normal noise (`--noise`), the same for all; the truth is the accuracy without it. Limits
are known before an evaluation (the latency is in the table), so nothing infeasible is ever paid for. `one search`: all
evaluations in one search for all six, then the `--size` models of smallest expected regret, by what was observed.
`separate`: a sixth of the evaluations for each scenario, each search keeps its own best, so that six models are handed
over. Regret: true accuracy of the best model in the whole table that keeps the scenario's limit, minus that of what is
handed over; mean over scenarios, then over seeds. `floor`: what the best `--size` models of the whole table would have.
`ratio`: one search by separate searches of the same family. Means with their standard errors, and the median ratio.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.portfolio import Scenario, choose, regrets_of
from searchitect.seeding import derive, stream
from searchitect.strategies import Setting, make_strategy
from searchitect.trial import Trial, TrialState

DEVICES = {
    "hw": ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"),
    "help": ("1080ti_batch_1", "titan_rtx_batch_256", "silver_4114", "gold_6226", "pixel2", "samsung_a50"),
}
OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
ACCURACY = Objective("accuracy", "maximize")


@sa.space
class Cell:
    """The six edges of a NAS-Bench-201 cell."""

    a: str = sa.choice(*OPS)
    b: str = sa.choice(*OPS)
    c: str = sa.choice(*OPS)
    d: str = sa.choice(*OPS)
    e: str = sa.choice(*OPS)
    f: str = sa.choice(*OPS)


SPACE = sa.SearchSpace.of(Cell)
EDGES = ("op_edge_0_1", "op_edge_0_2", "op_edge_1_2", "op_edge_0_3", "op_edge_1_3", "op_edge_2_3")
Key = tuple[str, ...]
Table = Mapping[Key, Mapping[str, float]]


def read(data: Path, devices: str, dataset: str) -> Table:
    """Edges -> accuracy and the latency on each device; a device that could not run a cell has no latency for it."""
    import pyarrow.parquet as parquet

    hardware = {"hw": "hw_nas_bench_nb201", "help": "help_latency_nb201"}[devices]
    prefix = f"{dataset}_" if devices == "hw" else ""
    columns = {name: f"{prefix}{name}_latency_ms" for name in DEVICES[devices]}
    accuracy = f"{dataset}_test_accuracy_percent"
    rows = parquet.read_table(
        data / "nas_bench_201" / "table.parquet", columns=["arch_index", *EDGES, accuracy]
    ).to_pylist()
    latencies = parquet.read_table(data / hardware / "table.parquet", columns=["arch_index", *columns.values()])
    by_index = {row["arch_index"]: row for row in latencies.to_pylist()}
    table: dict[Key, Mapping[str, float]] = {}
    for row in rows:
        known = by_index[row["arch_index"]]
        found = {f"latency_ms_{name}": known[column] for name, column in columns.items() if known[column] is not None}
        table[tuple(row[edge] for edge in EDGES)] = {"accuracy": row[accuracy], **found}
    return table


def scenarios_at(table: Table, devices: Sequence[str], quantile: float) -> tuple[Scenario, ...]:
    """One scenario for each device: its latency within the quantile of all cells that run on it."""
    found = []
    for name in devices:
        values = [row[f"latency_ms_{name}"] for row in table.values() if f"latency_ms_{name}" in row]
        limit = float(np.quantile(values, quantile))
        found.append(Scenario(name=name, device=name, limits=(f"latency_ms<={limit!r}",)))
    return tuple(found)


def run(
    strategy: str,
    options: Mapping[str, Any],
    table: Table,
    scenarios: Sequence[Scenario],
    trials: int,
    seed: int,
    noise: float,
) -> list[tuple[Key, float]]:
    """One search in which an architecture is worth evaluating where it keeps the limits of any scenario."""
    limits = [scenario.constraints() for scenario in scenarios]

    def cell(architecture: sa.Architecture) -> Key:
        return tuple(str(value) for _, value in architecture.items())

    def check(architecture: sa.Architecture) -> Sequence[str]:
        row = table[cell(architecture)]
        return () if any(all(one.holds(row) for one in own) for own in limits) else ("it serves no scenario",)

    def facts(architecture: sa.Architecture, names: frozenset[str]) -> Mapping[str, float]:
        return {name: value for name, value in table[cell(architecture)].items() if name in names}

    base = Setting(SPACE, (ACCURACY,), seed, check, trials)
    setting = dataclasses.replace(base, facts=facts)
    found = make_strategy(strategy, setting, options)
    done: list[tuple[Key, float]] = []
    for number in range(trials):
        proposal = found.ask(number)
        if proposal is None:
            break
        trial = Trial(number, proposal, TrialState.RUNNING, SPACE.key(proposal.architecture), number)
        found.tell(trial)
        key = cell(proposal.architecture)
        luck = stream(derive(seed, "noise"), "luck", *key).gauss(0.0, noise)
        value = table[key]["accuracy"] + luck
        measured = {**table[key], "accuracy": value}
        found.tell(dataclasses.replace(trial, state=TrialState.COMPLETE, measurements=measured))
        done.append((key, value))
    return done


def handed_over(
    done: Sequence[tuple[Key, float]], table: Table, scenarios: Sequence[Scenario], size: int
) -> list[Key | None]:
    """Per scenario the model that serves it, chosen by what was observed."""
    rows = [{**table[key], "accuracy": value} for key, value in done]
    regrets = regrets_of(scenarios, rows, (ACCURACY,))
    return [None if i is None else done[i][0] for i in choose(regrets.values, size).serves]


def mean_regret(models: Sequence[Key | None], table: Table, scenarios: Sequence[Scenario]) -> float:
    """Mean over the scenarios of the best in the table minus what was handed over; nothing counts as all of it."""
    lost = []
    for model, scenario in zip(models, scenarios, strict=True):
        own = [row["accuracy"] for row in table.values() if all(one.holds(row) for one in scenario.constraints())]
        lost.append(max(own) - (table[model]["accuracy"] if model is not None else 0.0))
    return statistics.fmean(lost)


def floor_of(table: Table, scenarios: Sequence[Scenario], size: int) -> float:
    """Mean regret of the best `size` models of the whole table."""
    found = choose(regrets_of(scenarios, list(table.values()), (ACCURACY,)).values, size)
    assert found.exact
    return found.regret


def niches_of(scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
    """The scenarios as niches."""
    return [{"name": s.slug, "bounds": {one.name: [None, one.limit] for one in s.constraints()}} for s in scenarios]


def places_of(scenarios: Sequence[Scenario], size: int) -> dict[str, Any]:
    """The scenarios as places."""
    places = [
        {"name": s.slug, "limits": [f"{one.name}{one.relation}{one.limit!r}" for one in s.constraints()]}
        for s in scenarios
    ]
    return {"places": places, "size": min(size, len(places))}


STRATEGIES: Mapping[str, Callable[[Sequence[Scenario]], tuple[str, dict[str, Any]]]] = {
    "random": lambda scenarios: ("random", {}),
    "gp": lambda scenarios: ("gp", {}),
    "scenarios": lambda scenarios: ("scenarios", places_of(scenarios, 3)),
    "bop_elites": lambda scenarios: ("bop_elites", {"niches": niches_of(scenarios)}),
    "map_elites": lambda scenarios: ("map_elites", {"niches": niches_of(scenarios)}),
}


def shown(values: Sequence[float]) -> str:
    """Mean and its standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{statistics.fmean(values):6.3f} ± {error:.3f}"


def main() -> None:
    """Print one table for each quantile."""
    data = Path(os.environ.get("SEARCHITECT_DATA", "../shared")) / "benchmarks"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--devices", choices=tuple(DEVICES), default="hw")
    parser.add_argument("--dataset", default="cifar100")
    parser.add_argument("--quantiles", type=float, nargs="+", default=[0.1, 0.25, 0.5])
    parser.add_argument("--strategies", nargs="+", default=["random", "gp", "bop_elites", "scenarios"])
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--size", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--noise", type=float, default=0.2)
    asked = parser.parse_args()
    if not asked.data.is_dir():
        print(f"skipped: there is no folder {asked.data}")
        return
    table = read(asked.data, asked.devices, asked.dataset)
    print(
        f"{asked.dataset}, {asked.devices}, {asked.evaluations} evaluations, {asked.size} models, {asked.seeds} seeds"
    )
    for quantile in asked.quantiles:
        scenarios = scenarios_at(table, DEVICES[asked.devices], quantile)
        print(f"limits at quantile {quantile:g}; floor {floor_of(table, scenarios, asked.size):.3f}")
        print(f"{'family':<14} {'one search':>16} {'separate':>16} {'ratio':>7} {'median':>7}")
        for name in asked.strategies:
            one, apart = [], []
            for n in range(asked.first, asked.first + asked.seeds):
                seed = derive(n, "portfolio benchmark")
                strategy, options = STRATEGIES[name](scenarios)
                done = run(strategy, options, table, scenarios, asked.evaluations, seed, asked.noise)
                one.append(mean_regret(handed_over(done, table, scenarios, asked.size), table, scenarios))
                models: list[Key | None] = []
                for scenario in scenarios:
                    strategy, options = STRATEGIES[name]((scenario,))
                    own = derive(seed, scenario.name)
                    share = asked.evaluations // len(scenarios)
                    done = run(strategy, options, table, (scenario,), share, own, asked.noise)
                    models += handed_over(done, table, (scenario,), 1)
                apart.append(mean_regret(models, table, scenarios))
            ratio = statistics.fmean(one) / statistics.fmean(apart)
            middle = statistics.median(one) / statistics.median(apart)
            print(f"{name:<14} {shown(one):>16} {shown(apart):>16} {ratio:7.2f} {middle:7.2f}", flush=True)


if __name__ == "__main__":
    main()
