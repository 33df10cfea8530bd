"""Do shared weights rank as training alone does? Kendall's τ on `digits_bench`, whose every architecture was trained.

    python benchmarks/supernet_ranks.py                      # spos and fairnas, 3 seeds each, 200 architectures
    python benchmarks/supernet_ranks.py --epochs 30 --tune   # other architectures: to choose a recipe by

A supernet is trained on the training split of the table's own task; an architecture's shared score is its validation
accuracy, the truth its test accuracy alone, mean of the table's 3 seeds. One step of fairnas takes 3 paths, so spos is
also shown with 3 times the epochs, at equal cost. `alone` is what one training of 12 epochs says of the other two.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

import searchitect as sa
from searchitect.nn import POOLINGS, choose, classifier, conv_unit
from searchitect.seeding import stream
from searchitect.supernet import load, open_build
from searchitect.supernet.ranks import kendall_tau, tau_interval
from searchitect.supernet.scoring import SharedScores
from searchitect.supernet.training import train_supernet
from searchitect.tabular import open_benchmark

RECIPE = sa.Recipe(learning_rate=1e-2, best_epoch=False, mixed_precision="off")
"""As the table's own, but for the epochs."""


@sa.space
class Stage:
    width: int = sa.choice(8, 16, 32)
    kernel: int = sa.choice(3, 5)
    convolution: str = sa.choice("plain", "separable")

    def build(self, net: Any, channels: int) -> nn.Module:
        pool = choose(net.reduction, {kind: partial(POOLINGS[kind], 2) for kind in ("max", "average")})
        unit = conv_unit(channels, self.width, self.kernel, kind=self.convolution, activation=net.activation)
        return nn.Sequential(pool, unit)


@sa.space
class DigitsNet:
    """The space of the table, its pooling within the stage, so that it can be built open."""

    stem: int = sa.choice(8, 16)
    stages: tuple[Stage, ...] = sa.repeat(Stage, 1, 2)
    reduction: str = sa.choice("max", "average")
    activation: str = sa.choice("relu", "gelu")

    def build(self, task: sa.TaskSpec) -> nn.Module:
        parts: list[nn.Module] = [conv_unit(task.inputs[0], self.stem, 3, activation=self.activation)]
        channels = self.stem
        for stage in self.stages:
            parts.append(stage.build(self, channels))
            channels = stage.width
        return nn.Sequential(*parts, classifier((channels, *task.inputs[1:]), task.outputs))


@dataclass(frozen=True)
class Row:
    """One trained supernet, judged."""

    name: str
    seed: int
    tau: float
    interval: tuple[float, float]
    top_half: float
    seconds: float
    shared: float

    def text(self) -> str:
        low, high = self.interval
        span = f"[{low:.3f}, {high:.3f}]"
        return (
            f"{self.name:<18} {self.seed:>4} {self.tau:>7.3f} {span:>16} {self.top_half:>9.3f} {self.shared:>12.3f} "
            f"{self.seconds:>9.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30, help="of fairnas, and of spos at equal steps")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--architectures", type=int, default=200)
    parser.add_argument("--learning-rate", type=float, default=RECIPE.learning_rate)
    parser.add_argument("--tune", action="store_true", help="judge on architectures that are never reported")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = sa.task("digits", seed=0, test_fraction=0.3, validation_fraction=0.4)
    table, chosen = open_benchmark("digits_bench"), _chosen(options.architectures, options.tune)
    truth = [statistics.fmean(row["test_accuracy"] for row in _rows(table, a)) for a in chosen]
    alone = [table.measure(a)["valid_accuracy"] for a in chosen]
    print(f"{len(chosen)} architectures; alone: tau {kendall_tau(alone, truth):.3f}")
    print(f"{'method':<18} seed     tau    95 % interval  top half  mean shared   train s")
    for name, method, factor in (("spos", "spos", 1), ("spos, 3x epochs", "spos", 3), ("fairnas", "fairnas", 1)):
        recipe = RECIPE.updated({"epochs": factor * options.epochs, "learning_rate": options.learning_rate})
        rows = [_judged(name, method, recipe, seed, task, chosen, truth) for seed in range(options.seeds)]
        print(f"{name:<18} mean {statistics.fmean(row.tau for row in rows):>7.3f}", flush=True)


def _chosen(count: int, tune: bool) -> list[sa.Architecture]:
    """Random architectures of the table; those for tuning are never among those that are reported."""
    everything = sorted(open_benchmark("digits_bench").members(), key=lambda a: a.text)
    stream(0, "supernet ranks").shuffle(everything)
    half = len(everything) // 2
    return everything[:half][:count] if tune else everything[half:][:count]


def _rows(table: Any, architecture: sa.Architecture) -> list[Any]:
    return [table.measure(architecture, replicate=seed) for seed in range(table.replicates)]


def _judged(
    name: str,
    method: str,
    recipe: sa.Recipe,
    seed: int,
    task: sa.Task,
    chosen: list[sa.Architecture],
    truth: list[float],
) -> Row:
    supernet = open_build(DigitsNet, task.spec, seed=seed)
    begin = time.process_time()
    train_supernet(supernet, load(task), method=method, recipe=recipe, seed=seed)
    seconds = time.process_time() - begin
    scores, space = SharedScores(supernet, task, recipe), supernet.space
    shared = [scores(space.decide(lambda path, form, a=a: a[path]))["accuracy"] for a in chosen]
    best = sorted(range(len(chosen)), key=lambda i: -truth[i])[: len(chosen) // 2]
    row = Row(
        name,
        seed,
        kendall_tau(shared, truth),
        tau_interval(shared, truth),
        kendall_tau([shared[i] for i in best], [truth[i] for i in best]),
        seconds,
        statistics.fmean(shared),
    )
    print(row.text(), flush=True)
    return row


if __name__ == "__main__":
    main()
