"""One elastic supernet for four size limits, against four separate searches that together get twice its total cost.

Cost is processor time, and so is a budget: whoever else uses the machine takes nothing from a search. The supernet's:
training by the sandwich rule, choosing a subnet for every limit on validation data, and training each of the four on
for a while from its inherited weights. Subnets are judged in two rounds: one population for all limits on a part of the
validation data, the best few of every limit on all of it. A separate search is `sa.search` in the same space with its
limit: its recipe is searched too, nothing is spent on random search, one seed is confirmed. The test split is opened
once for each of the eight models, at the end.

    python benchmarks/elastic_limits.py FOLDER [--epochs 4] [--tuning 110] [--seed 0] [--jobs 2] [--fraction 1.0]
"""

from __future__ import annotations

import argparse
import copy
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import searchitect as sa
from searchitect.evaluation import Context
from searchitect.seeding import derive, stream
from searchitect.supernet.scoring import SharedScores
from searchitect.tasks import metrics, with_preprocessing
from searchitect.tasks.task import ArraySplit, Split
from searchitect.training import predict, train
from searchitect.trial import Fidelity

LIMITS = (25_000, 50_000, 100_000, 200_000)
DRAWN, FIRST, ROUNDS, BRED, LAST = 500, 16, 2, 8, 4
"""Architectures drawn for all limits and judged for each, rounds of mutation, mutants of each for each limit, and how
many are judged on everything."""

PART, BATCHES = 1_000, 6
"""Validation images and calibration batches of the first judgement."""

SPACE = sa.catalog.get(
    "plain_cnn",
    stages=(3, 3),
    depths=(1, 2),
    widths=(24, 8, 16, 32),
    kernels=(3,),
    convolutions=("plain",),
    stems=(16, 24),
    reductions=("average",),
    activations=("relu",),
    dropouts=(0.0,),
    augmentations=("none", "shift", "flip"),
    growth=2.0,
    smallest=3,
)
"""What larger images start with by default (decision 0016), its sizes alone, down to the smallest limit."""

RECIPE = sa.Recipe(learning_rate=4e-3, schedule="cosine", warmup=0.05, batch_size=128)
TUNED = sa.Recipe(learning_rate=3e-3, schedule="cosine", warmup=0.05, batch_size=64, augmentation="flip")


@dataclass(frozen=True)
class Row:
    accuracy: float
    parameters: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", default=os.environ.get("SEARCHITECT_DATA", "../shared/datasets") + "/fashion_mnist"
    )
    parser.add_argument("--epochs", type=int, default=4, help="of the supernet")
    parser.add_argument("--tuning", type=float, default=110.0, help="seconds for which each chosen subnet trains on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes; one core each")
    parser.add_argument(
        "--fraction", type=float, default=1.0, help="of the training examples, for a trial of the script"
    )
    parser.add_argument(
        "--on-validation", action="store_true", help="report validation accuracy; leave the test closed"
    )
    options = parser.parse_args()
    if not Path(options.folder).exists():
        print(f"skipped: there is no folder {options.folder}")
        return
    torch.set_num_threads(1)
    by_processor_time()
    task = opened(options)
    pool = ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn"), initializer=by_processor_time)
    with tempfile.TemporaryDirectory() as folder, pool:
        began = spent()
        chosen = elastic(task, options, Path(folder))
        cost = spent() - began
        print(f"shared weights and choice: {cost:.0f} s of processor time", flush=True)
        tuned = [pool.submit(tune, options, Path(folder) / str(limit), architecture) for limit, architecture in chosen]
        shared = [found.result() for found in tuned]
        cost += sum(row.seconds for row in shared)
        print(f"with training on: {cost:.0f} s", flush=True)
        alone = [pool.submit(separate, options, limit, 2 * cost / len(LIMITS)) for limit in LIMITS]
        print(f"{'limit':>9} {'supernet':>9} {'parameters':>11} {'separate':>9} {'parameters':>11} {'seconds':>8}")
        total = 0.0
        for limit, ours, theirs in zip(LIMITS, shared, (found.result() for found in alone), strict=True):
            left, right = f"{ours.accuracy:>9.4f} {ours.parameters:>11,.0f}", f"{theirs.accuracy:>9.4f}"
            print(f"{limit:>9,} {left} {right} {theirs.parameters:>11,.0f} {theirs.seconds:>8.0f}", flush=True)
            total += theirs.seconds
    print(f"cost: supernet {cost:.0f} s, separate {total:.0f} s ({total / cost:.2f} times)")


def by_processor_time() -> None:
    """Let the clocks of this process tell its processor time. Before the first search: it looks for its clock once."""
    time.monotonic = time.perf_counter = time.process_time


def opened(options: argparse.Namespace) -> sa.Task:
    task = sa.task(options.folder, seed=options.seed)
    if options.fraction < 1.0:
        task = replace(task, train=some(task.train, round(options.fraction * len(task.train))))
    return replace(task, test=task.validation) if options.on_validation else task


def some(split: Split, count: int) -> ArraySplit:
    """Every n-th example."""
    places = np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(np.int64)
    return ArraySplit(split.read(places), split.targets[places])


def elastic(task: sa.Task, options: argparse.Namespace, folder: Path) -> list[tuple[int, sa.Architecture]]:
    """Train the supernet and choose a subnet for every limit; their weights are left in the folder."""
    start = time.perf_counter()

    def report(epoch: int, figures: Any) -> None:
        print(f"  epoch {epoch}: largest {figures['accuracy']:.4f}, {time.perf_counter() - start:.0f} s", flush=True)

    recipe = RECIPE.updated({"epochs": options.epochs})
    trained = sa.train_supernet(task, SPACE, method="sandwich", recipe=recipe, seed=options.seed, report=report)
    found = []
    for limit, (architecture, said) in zip(LIMITS, best(trained, options.seed), strict=True):
        model = trained.scores.model(architecture)
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / str(limit))
        print(f"  parameters <= {limit:,}: shared weights say {said:.4f}", flush=True)
        found.append((limit, architecture))
    return found


def best(trained: Any, seed: int) -> list[tuple[sa.Architecture, float]]:
    """The best architecture within each limit by shared weights: many judged roughly, few of them on everything."""
    space, task, recipe = trained.supernet.space, trained.task, trained.recipe
    part = replace(task, validation=some(task.validation, PART))
    rough, whole = (SharedScores(trained.supernet, own, recipe, n) for own, n in ((part, BATCHES), (task, 20)))
    rng, judged = stream(seed, "limits"), dict[str, tuple[float, int, sa.Architecture]]()

    @cache
    def size(architecture: sa.Architecture) -> int:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in space.build(architecture, task.spec).parameters())

    def judge(architecture: sa.Architecture) -> None:
        if architecture.text not in judged:
            judged[architecture.text] = (rough(architecture)["accuracy"], size(architecture), architecture)

    def leading(limit: int, number: int = LAST) -> list[sa.Architecture]:
        """One population serves all limits."""
        within = [entry for entry in judged.values() if entry[1] <= limit]
        return [entry[2] for entry in sorted(within, key=lambda entry: -entry[0])[:number]]

    pool = [trained.own(space.sample(rng)) for _ in range(DRAWN)]
    for limit in LIMITS:
        fitting = [a for a in pool if limit / 2 < size(a) <= limit]
        for architecture in {*fitting[: FIRST // 2], *sorted(fitting, key=size)[-FIRST // 2 :]}:
            judge(architecture)
    for _ in range(ROUNDS):
        for limit in LIMITS:
            parents = leading(limit)
            mutants = (trained.own(space.mutate(rng.choice(parents), rng)) for _ in range(10 * BRED))
            for architecture in islice((m for m in mutants if limit / 2 < size(m) <= limit), BRED):
                judge(architecture)
    print(f"  {len(judged)} subnets judged on {PART} images", flush=True)
    final = {a.text: (a, whole(a)["accuracy"]) for limit in LIMITS for a in leading(limit)}
    return [max((final[a.text] for a in leading(limit)), key=lambda pair: pair[1]) for limit in LIMITS]


def tune(options: argparse.Namespace, weights: Path, architecture: sa.Architecture) -> Row:
    """Train a subnet on from its inherited weights for about the seconds it may, and test it."""
    torch.set_num_threads(1)
    task, space = opened(options), sa.SearchSpace.of(SPACE)
    began = spent()
    known = {**space.default().decisions, **architecture.decisions}
    whole = space.decide(lambda path, decision: known[path])
    model = with_preprocessing(task.preprocessing, space.build(whole, task.spec))
    model.load_state_dict(load_file(weights))
    context, probe = Context(seed=derive(options.seed, "tuned")), copy.deepcopy(model)
    took = []
    for share in (0.05, 0.1, 0.2):  # the first pays for what only a first training costs
        before = spent()
        train(probe, task, TUNED, fidelity=Fidelity(epochs=1, data_fraction=share), context=context)
        took.append(spent() - before)
    # Judging after an epoch takes as long however short the epoch is.
    epoch = took[1] + 9 * max(0.0, took[2] - took[1])
    epochs = max(1, round(options.tuning / epoch))
    train(model, task, TUNED, fidelity=Fidelity(epochs=epochs), context=context)
    seconds = spent() - began
    print(f"  {epochs} epochs of training on in {seconds:.0f} s", flush=True)
    return Row(accuracy(model, task), sum(p.numel() for p in model.parameters()), seconds)


def separate(options: argparse.Namespace, limit: int, seconds: float) -> Row:
    """One search for one limit in a process of its own."""
    torch.set_num_threads(1)
    task = opened(options)
    began = spent()
    result = sa.search(
        task,
        SPACE,
        constraints=[f"parameters<={limit}"],
        budget=f"{seconds:.0f}s",
        workers=0,
        random_search=False,
        confirm_seeds=1,
        seed=options.seed,
        store="memory:",
        name=f"limit_{limit}",
    )
    assert result.best is not None
    return Row(result.test["accuracy"], result.best.measurements["parameters"], spent() - began)


def accuracy(model: Any, task: sa.Task) -> float:
    """On the test split."""
    assert task.test is not None
    found = metrics.compute(["accuracy"], task.spec.kind, predict(model, task.test), task.test.targets)
    return float(found["accuracy"])


def spent() -> float:
    """Seconds of processor time of this process; nothing here starts workers of its own but the pool."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
