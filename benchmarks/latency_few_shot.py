"""Few-shot latency on a new device: rank correlation after 50 measured networks, one device left out at a time.

Rows of HW-NAS-Bench: CIFAR-100, the other devices of the table as known ones; cells without a path from input to
output are left out (their latency is noise). Rows of HELP: the choices in `predictors/few_shot.py` were made on these,
with devices of the same family (GPU, CPU, phone) left out together; none was made on HW-NAS-Bench.

Columns: an additive table alone (ridge on decisions), the known device that ranks the measured networks best, the
few-shot predictor without known devices and with them (mean and worst draw); then the error of the last: root mean
square of log latency, as a factor, and how often the truth lay within the 95 % interval. All see the same networks,
drawn at random, and are scored on 3,000 others.

    python benchmarks/latency_few_shot.py [--samples 50] [--repeats 20] [--tables hw,help] [--all-cells] [--data DIR]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from searchitect.predictors.decision_features import decision_features
from searchitect.predictors.few_shot import Factors, FewShot
from searchitect.predictors.ridge import Ridge
from searchitect.spaces import SearchSpace
from searchitect.tabular import open_benchmark

SHARED = Path(__file__).parents[2] / "shared"
TARGETS = {"raspi4": 0.93, "edgegpu": 0.93, "fpga": 0.99, "edgetpu": 0.75}
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
LEAST_MS = 1e-3
TESTED = 3000


class Table:
    """Latencies of one table, as arrays.

    Attributes:
        features, widths: of all networks, in groups.
        usable: networks that compute anything.
        latency: device -> milliseconds, NaN where there is none.
    """

    def __init__(self, name: str, data: Path) -> None:
        benchmark: Any = open_benchmark(name, data)
        self.members = list(benchmark.members())
        space = SearchSpace.of(benchmark.space)
        self.features, self.widths = decision_features(space, self.members)
        self.usable = np.ones(len(self.members), dtype=bool)
        if name.startswith("nasbench201"):
            live = np.stack([on_a_path(list(dict(a.items()).values())) for a in self.members])
            self.usable = live.any(axis=1)
            totals = live.reshape(len(live), len(EDGES), -1).sum(axis=1)
            self.features = np.concatenate([self.features, live, totals], axis=1)
            self.widths = (*self.widths, live.shape[1], totals.shape[1])
        rows = [benchmark.measure(a) for a in self.members]
        names = {n for row in rows for n in row if n.endswith("latency_ms")}
        self.latency = {
            n.removesuffix("_latency_ms"): np.maximum([row.get(n, np.nan) for row in rows], LEAST_MS)
            for n in sorted(names)
        }


def on_a_path(operations: Sequence[Any]) -> np.ndarray:
    """Which operation of a cell of NAS-Bench-201 runs on which edge, where an edge lies on a path through the cell."""
    kinds = ("skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    there, back = {0}, {3}
    for (a, b), operation in zip(EDGES, operations, strict=True):
        there |= {b} if operation != "none" and a in there else set()
    for (a, b), operation in reversed(list(zip(EDGES, operations, strict=True))):
        back |= {a} if operation != "none" and b in back else set()
    live = np.zeros((len(EDGES), len(kinds)))
    for place, ((a, b), operation) in enumerate(zip(EDGES, operations, strict=True)):
        if operation in kinds and a in there and b in back:
            live[place, kinds.index(operation)] = 1.0
    return live.ravel()


def family(device: str) -> str:
    if any(word in device for word in ("1080", "2080", "titan")):
        return "gpu"
    return "cpu" if "silver" in device or "gold" in device else "phone"


def correlations(table: Table, device: str, known: Sequence[str], samples: int, seed: int) -> list[float]:
    """The columns of one row, for one draw of networks."""
    rng, truth = np.random.default_rng(seed), table.latency[device]
    usable = np.flatnonzero(table.usable & np.isfinite(truth))
    rng.shuffle(usable)
    taken, tested = usable[:samples], usable[samples : samples + TESTED]
    known_ms = np.stack([table.latency[name] for name in known], axis=1)
    factors = Factors.of(known_ms[table.usable])

    def score(latency: np.ndarray) -> float:
        return float(spearmanr(latency, truth[tested]).statistic)

    decisions = table.features[:, : table.widths[0]]
    ridge = Ridge(pairs=0.0).fit(decisions[taken], truth[taken], 0)
    best = max(known, key=lambda name: spearmanr(table.latency[name][taken], truth[taken]).statistic)
    alone = FewShot(table.widths).fit(table.features[taken], truth[taken])
    model = FewShot(table.widths, factors).fit(table.features[taken], truth[taken], known_ms[taken])
    mean, sd = model.predict(table.features[tested], known_ms[tested])
    row = [score(ridge.predict(decisions[tested])[0]), score(table.latency[best][tested])]
    row += [score(alone.predict(table.features[tested])[0]), score(mean)]
    error = mean - np.log(truth[tested])
    return [*row, float(np.exp(np.sqrt(np.square(error).mean()))), float((np.abs(error) <= 1.96 * sd).mean())]


def report(table: Table, devices: Sequence[str], known_to: Callable[[str], list[str]], options: Any) -> None:
    for device in devices:
        draws = [
            correlations(table, device, known_to(device), options.samples, seed) for seed in range(options.repeats)
        ]
        mean, low = np.mean(draws, axis=0), np.min(draws, axis=0)
        wanted = TARGETS.get(device)
        shown = "" if wanted is None else f"  wanted {wanted:.2f}{'' if mean[3] >= wanted else ' !'}"
        cells = "".join(f"{value:>10.3f}" for value in mean[:4])
        print(f"{device:<24}{cells}{low[3]:>10.3f}{mean[4]:>10.2f}{mean[5]:>9.0%}{shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--tables", default="hw,help")
    parser.add_argument("--all-cells", action="store_true", help="cells without a path as well")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEARCHITECT_DATA", SHARED)))
    options = parser.parse_args()
    headers = ("additive", "device", "alone", "few-shot", "worst", "factor", "in 95%")
    for name in options.tables.split(","):
        where = {"hw": "nasbench201_hardware/cifar100", "help": "nasbench201_latency/cifar10"}
        table = Table(where[name], options.data)
        table.usable |= options.all_cells
        print(f"\n{where[name]}: {options.samples} measured networks, {options.repeats} draws")
        print(f"{'left out':<24}" + "".join(f"{header:>{9 if header == 'in 95%' else 10}}" for header in headers))
        if name == "hw":
            complete = [n for n, ms in table.latency.items() if np.isfinite(ms).all()]
            report(table, list(table.latency), lambda d, all_=complete: [n for n in all_ if n != d], options)
        else:
            copies = {"pixel3", "raspi4", "fpga", "eyeriss"}
            devices = [n for n in table.latency if n not in copies]
            report(table, devices[::3], lambda d, all_=devices: [n for n in all_ if family(n) != family(d)], options)


if __name__ == "__main__":
    main()
