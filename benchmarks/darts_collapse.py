"""The known failure of DARTS, and what avoids it: a small network of NAS-Bench-201 cells, few Fashion-MNIST images.

First-order DARTS as published, the same with guards, with selection by perturbation, and GDAS, over epochs: the mean
probability of skips and of convolutions, how many of six edges are which in the cells found, the accuracy of the
supernet and of the cell alone (shared weights), and, where the table is there, what NAS-Bench-201 says about the cells.
Images are averaged down to 14×14.

    python benchmarks/darts_collapse.py [FOLDER] [--table FILE] [--epochs 60] [--seeds 2] [--out docs/images]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch.nn import functional as F

import searchitect as sa
from searchitect.supernet.data import SharedData, load
from searchitect.supernet.gradient_methods import GradientSettings
from searchitect.supernet.gradient_result import GradientSearch, SearchEpoch, SearchRun
from searchitect.supernet.gradient_search import gradient_search
from searchitect.supernet.guards import Guards
from searchitect.training.batches import Batches, MemoryBatches

SKIP, CONVS = "skip_connect", ("nor_conv_1x1", "nor_conv_3x3")
ROWS: dict[str, dict[str, Any]] = {
    "DARTS as published": {"method": "darts", "guards": None, "selection": "magnitude"},
    "DARTS, guarded, perturbation": {"method": "darts", "guards": Guards(), "selection": "perturbation"},
    "DARTS, perturbation alone": {"method": "darts", "guards": None, "selection": "perturbation"},
    "GDAS, perturbation": {"method": "gdas", "guards": None, "selection": "perturbation"},
}


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    if not Path(options.folder).is_dir():
        print(f"skipped: there is no folder {options.folder}")
        return
    space = sa.catalog.get("nasbench201", cells=options.cells, channels=options.channels)
    task = sa.task(options.folder)
    data = halved(load(task, search_share=0.5, data_fraction=min(1.0, options.examples / len(task.train))))
    judge = published(options.table)
    recipe = GradientSettings().recipe.updated({"epochs": options.epochs})
    settings = GradientSettings(recipe=recipe, rate=options.rate, tune_epochs=1)
    print(f"{len(data.train)} + {len(data.search)} images, {options.epochs} epochs, {options.seeds} seeds")
    columns = f"{'p(skip)':>8} {'p(conv)':>8} {'skips':>6} {'convs':>6} {'mixed':>7} {'cell':>7}"
    print(f"{'search':<30} {columns} {'NB201 C10':>10} {'CPU s':>7}")
    curves: dict[str, list[list[float]]] = {}
    for name, words in ROWS.items():
        began = time.process_time()
        found = gradient_search(space, data, settings=settings, seeds=options.seeds, seed=options.seed, **words)
        curves[name] = [probability(run.progress, found, (SKIP,)) for run in found.runs]
        print(row(name, found, judge, time.process_time() - began), flush=True)
        for run in found.runs:
            print(f"    {sa.catalog.to_nats_string(run.architecture.decisions)}  {run.stopped or ''}", flush=True)
    if options.out is not None:
        draw(curves, Path(options.out) / "darts-collapse.svg")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    shared = os.environ.get("SEARCHITECT_DATA", "../shared")
    parser.add_argument("folder", nargs="?", default=f"{shared}/datasets/fashion_mnist")
    parser.add_argument("--table", default=f"{shared}/benchmarks/nas_bench_201")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--examples", type=int, default=2_000)
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=None, help="folder for the curves")
    return parser.parse_args()


def halved(data: SharedData) -> SharedData:
    """The same examples at half the resolution."""

    def half(batches: Batches) -> MemoryBatches:
        assert isinstance(batches, MemoryBatches)
        inputs = F.avg_pool2d(batches.inputs.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1).contiguous()
        return MemoryBatches(inputs, batches.targets)

    channels, height, width = data.spec.inputs
    spec = dataclasses.replace(data.spec, inputs=(channels, height // 2, width // 2))
    return SharedData(spec, half(data.train), half(data.search), half(data.validation))


def probability(progress: Sequence[SearchEpoch], found: GradientSearch, operations: Sequence[str]) -> list[float]:
    """The mean probability of some operations over all edges, epoch by epoch."""
    places = [(path, options.index(name)) for path, options in found.options.items() for name in operations]
    return [sum(e.probabilities[path][place] for path, place in places) / len(found.options) for e in progress]


def row(name: str, found: GradientSearch, judge: Callable[[SearchRun], float] | None, seconds: float) -> str:
    def mean(figure: Callable[[SearchRun], float]) -> float:
        return statistics.fmean(figure(run) for run in found.runs)

    def edges(operations: Sequence[str]) -> float:
        return mean(lambda run: sum(value in operations for value in run.architecture.decisions.values()))

    shares = [mean(lambda run, names=names: probability(run.progress, found, names)[-1]) for names in ((SKIP,), CONVS)]
    told = f"{mean(judge):.2f}" if judge else "–"
    figures = f"{shares[0]:>8.3f} {shares[1]:>8.3f} {edges((SKIP,)):>6.1f} {edges(CONVS):>6.1f}"
    gap = f"{mean(lambda run: run.gap.supernet):>7.3f} {mean(lambda run: run.gap.discretised):>7.3f}"
    return f"{name:<30} {figures} {gap} {told:>10} {seconds:>7.0f}"


def published(folder: str) -> Callable[[SearchRun], float] | None:
    """Test accuracy on CIFAR-10 after 200 epochs, percent, by the published table; None where it is not here."""
    path = Path(folder) / "table.parquet"
    if not path.is_file():
        return None
    import pyarrow.parquet as pq

    names = ("arch", "cifar10_test_accuracy_trained_without_valid_split_percent")
    columns = pq.read_table(path, columns=list(names)).to_pydict()
    known = dict(zip(columns[names[0]], columns[names[1]], strict=True))
    return lambda run: float(known[sa.catalog.to_nats_string(run.architecture.decisions)])


COLOURS = ("#d55e00", "#0072b2", "#009e73", "#56b4e9")  # Okabe & Ito: told apart by everybody
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM, LINE = 760, 420, 56, 44, 216, 48, 18
STEP = 0.1


def draw(curves: Mapping[str, Sequence[Sequence[float]]], path: Path) -> None:
    """Write the curves as a picture: one line per seed, one colour per search; searches with the same curves as one."""
    groups: dict[tuple[tuple[float, ...], ...], list[str]] = {}
    for name, runs in curves.items():
        groups.setdefault(tuple(tuple(curve) for curve in runs), []).append(name)
    epochs = max(len(curve) for runs in groups for curve in runs)
    ticks = 1 + max(int(max(curve) / STEP) for runs in groups for curve in runs)
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(epoch: int) -> float:
        return LEFT + across * (epoch - 1) / max(1, epochs - 1)

    def y(value: float) -> float:
        return TOP + up * (1 - value / (STEP * ticks))

    parts = [f'<text x="{LEFT}" y="24" font-size="16">Mean probability of a skip, NAS-Bench-201 cell</text>']
    for tick in range(ticks + 1):
        at = y(STEP * tick)
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + across}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{STEP * tick:.1f}</text>')
    for epoch in (1, *range(10, epochs + 1, 10)):
        parts.append(
            f'<line x1="{x(epoch):.1f}" x2="{x(epoch):.1f}" y1="{TOP + up}" y2="{TOP + up + 5}" stroke="#888"/>'
        )
        parts.append(f'<text x="{x(epoch):.1f}" y="{TOP + up + 20}" text-anchor="middle">{epoch}</text>')
    ends: list[float] = []
    for (runs, names), colour in sorted(
        zip(groups.items(), COLOURS, strict=False), key=lambda pair: -pair[0][0][0][-1]
    ):
        for curve in runs:
            points = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in enumerate(curve, 1))
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        # Each name stands where its curves end, below the name before.
        at = max(y(statistics.fmean(curve[-1] for curve in runs)) + 4, ends[-1] + 2 * LINE if ends else TOP)
        for line, name in enumerate([*names[:1], *(f"= {name}" for name in names[1:])]):
            ends.append(at + LINE * line)
            parts.append(f'<text x="{LEFT + across + 10}" y="{ends[-1]:.1f}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{LEFT + across / 2}" y="{HEIGHT - 8}" text-anchor="middle">epoch</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
    body = "\n".join(parts)
    path.write_text(f'{head}font-size="13">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n')


if __name__ == "__main__":
    main()
