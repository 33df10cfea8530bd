"""Searches under the tightest latency limits: HW-NAS-Bench on the cells of NAS-Bench-201, CIFAR-100, one device a row.

The limit is the 10 % quantile of the device's latency over all cells that have one. What breaks it is rejected before
any training, free of cost, for every strategy alike; figures count evaluations (trainings). Told: test accuracy after
200 epochs, with noise of the given standard deviation; shown: the true value of the best observed after 50, 100 and 200
evaluations (mean ± std over seeds), and after how many evaluations an architecture within 0.1 of the exhaustive best
had been evaluated (median, 90 %). "ok": that mean after 200 evaluations lies within 0.1 of the exhaustive best.

`--devices help` takes HELP's table and devices instead, on which choices are made; those that it copied from
HW-NAS-Bench are left out.

    python benchmarks/device_search.py [--seeds 30] [--noise 0] [--devices a,b|help] [--strategies LIST] [--jobs 2]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np

from searchitect.strategies import STRATEGIES
from searchitect.tabular import open_benchmark
from searchitect.tabular.comparing import compare

SHARED = Path(__file__).parents[2] / "shared"
TABLE = "nasbench201_hardware/cifar100"
DEVICES = ("edgegpu", "edgetpu", "raspi4", "pixel3", "fpga", "eyeriss")
HELP = "nasbench201_latency/cifar100"
HELP_DEVICES = ("titanx_batch_256", "gpu_2080ti_batch_256", "gold_6240", "silver_4210r", "samsung_s7")
AT = (50, 100, 200)
QUANTILE, WITHIN = 0.10, 0.1


def limit_of(benchmark: Any, device: str) -> str:
    """The tightest limit of a device, as a constraint; a hair above the quantile, which is a measured cell's own."""
    name = f"{device}_latency_ms"
    found = [measured[name] for a in benchmark.members() if name in (measured := benchmark.measure(a))]
    if not found:
        raise SystemExit(f"{benchmark.name} holds no {name}; devices: {', '.join((*DEVICES, *HELP_DEVICES))}")
    return f"{name}<={float(np.quantile(found, QUANTILE)) * (1 + 1e-9):.9g}"


def peers() -> str:
    if "optuna" not in STRATEGIES or importlib.util.find_spec("optuna") is None:
        return ""
    return ",optuna(sampler=TPESampler)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--devices", default=",".join(DEVICES))
    parser.add_argument("--strategies", default="auto,random,regularized_evolution" + peers())
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    table, devices = (HELP, HELP_DEVICES) if options.devices == "help" else (TABLE, options.devices.split(","))
    benchmark: Any = open_benchmark(table, options.data)
    print(f"{table}: told test accuracy with noise of sd {options.noise:g}; {options.seeds} seeds")
    headers = ("limit ms", "cells", "best", *map(str, AT), "near", "90 %")
    print(f"{'device':<22}{'strategy':<28}" + "".join(f"{h:>14}" for h in headers))
    for device in devices:
        rows_of(benchmark, table, device, options)


def rows_of(benchmark: Any, table: str, device: str, options: argparse.Namespace) -> None:
    """Print the rows of one device."""
    limit = limit_of(benchmark, device)
    name, _, number = limit.partition("<=")
    cells = sum(benchmark.measure(a).get(name, np.inf) <= float(number) for a in benchmark.members())
    document = compare(
        table,
        options.strategies,
        trials=AT[-1],
        seeds=options.seeds,
        signal="test",
        noise=options.noise,
        within=WITHIN,
        jobs=options.jobs,
        data=options.data,
        constraints=[limit],
    ).document()
    best = document["optimum"]
    for row in document["rows"]:
        if row["error"] is not None:
            print(f"{device:<22}{row['strategy']:<28}failed: {row['error']}", flush=True)
            continue
        values = [row["at"][str(n)] for n in AT]
        near = row["queries_to_near"]
        shown = [f"{v['mean']:.2f} ± {v['std']:.2f}" for v in values]
        shown += [f">{AT[-1]}" if near[share] is None else f"{near[share]:g}" for share in ("median", "p90")]
        ok = " ok" if best - values[-1]["mean"] <= WITHIN else ""
        fields = [f"{float(number):.4g}", str(cells), f"{best:.2f}", *shown]
        print(f"{device:<22}{row['strategy']:<28}" + "".join(f"{f:>14}" for f in fields) + ok, flush=True)


if __name__ == "__main__":
    main()
