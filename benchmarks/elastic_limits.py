"""One elastic supernet for four size limits, against four separate searches that together get twice its total cost.

Cost is processor time, and so is a budget: whoever else uses the machine takes nothing from a search. The supernet's:
training by the sandwich rule, choosing subnets on validation data, and training these alone from fresh weights (from
inherited ones they end lower: Ash and Adams, "On warm-starting neural network training", 2020). Subnets are judged in
two rounds: one population for all limits on a part of the validation data, the best few of every limit on all of it.
What counts is accuracy after so many seconds of training, so that only the cheaper ones are looked at. Two limits get a
model of their own: the larger is trained first and teaches the smaller. For each of the four that model is handed over
which is best on validation data among those that keep the limit. A separate search is `sa.search` in the same space
with its limit: its recipe is searched too, nothing is spent on random search, one seed is confirmed. The test split is
opened once for each model, at the end.

How subnets are chosen and trained (a third of the operations, a teacher, temperature 4, labels a tenth, fresh weights)
was decided on CIFAR-10 in grey at 28 × 28, and their recipe on five classes of it that are about as easy as
Fashion-MNIST. What finding it took is not in the cost; `--same-recipe` gives it to the separate searches too.

    python benchmarks/elastic_limits.py FOLDER [--epochs 2] [--tuning 560] [--seed 0] [--jobs 2] [--same-recipe]
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
from searchitect.hardware.counting import count_flops
from searchitect.seeding import derive, isolated, stream
from searchitect.spaces.fixing import fix, training_defaults
from searchitect.supernet.scoring import SharedScores
from searchitect.supernet.teaching import train_taught
from searchitect.tasks import metrics, with_preprocessing
from searchitect.tasks.task import ArraySplit, Split
from searchitect.training import predict, train
from searchitect.trial import Fidelity

LIMITS = (25_000, 50_000, 100_000, 200_000)
SERVED = {25_000: 0.5, 100_000: 0.5}
"""Limits that get a model of their own, and its share of the seconds for training."""

AFFORDABLE = 1 / 3
"""Share of the architectures drawn that are cheap enough: what counts is accuracy after so many seconds."""

FULL = 0.6
"""Share of its limit that a subnet takes at least."""

DRAWN, FIRST, ROUNDS, BRED, LAST = 300, 16, 1, 8, 4
"""Architectures drawn, judged for each limit, rounds of mutation, mutants of each for each limit, and how many are
judged on everything."""

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
TUNED = sa.Recipe(
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    schedule="cosine",
    warmup=0.05,
    batch_size=64,
    label_smoothing=0.1,
    augmentation="flip",
)
"""How the chosen subnets are trained, all alike."""


@dataclass(frozen=True)
class Row:
    accuracy: float
    parameters: float
    seconds: float
    validation: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", default=os.environ.get("SEARCHITECT_DATA", "../shared") + "/datasets/fashion_mnist"
    )
    parser.add_argument("--epochs", type=int, default=2, help="of the supernet")
    parser.add_argument(
        "--tuning", type=float, default=560.0, help="seconds for which the chosen subnets train, in all"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes; one core each")
    parser.add_argument(
        "--fraction", type=float, default=1.0, help="of the training examples, for a trial of the script"
    )
    parser.add_argument(
        "--same-recipe", action="store_true", help="separate searches know the recipe too, and search sizes alone"
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
        chosen = elastic(task, options)
        cost = spent() - began
        print(f"shared weights and choice: {cost:.0f} s of processor time", flush=True)
        tuned = trained(pool, options, chosen, Path(folder) / "teacher")
        cost += sum(row.seconds for row in tuned)
        print(f"with training: {cost:.0f} s", flush=True)
        shared = [handed_over(tuned, limit) for limit in LIMITS]
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


def elastic(task: sa.Task, options: argparse.Namespace) -> list[tuple[int, sa.Architecture]]:
    """Train the supernet and choose a subnet for every limit that is served."""
    start = time.perf_counter()

    def report(epoch: int, figures: Any) -> None:
        print(f"  epoch {epoch}: largest {figures['accuracy']:.4f}, {time.perf_counter() - start:.0f} s", flush=True)

    recipe = RECIPE.updated({"epochs": options.epochs})
    trained = sa.train_supernet(task, SPACE, method="sandwich", recipe=recipe, seed=options.seed, report=report)
    found = []
    for limit, (architecture, said) in zip(SERVED, best(trained, options.seed), strict=True):
        print(f"  parameters <= {limit:,}: shared weights say {said:.4f}: {architecture.text}", flush=True)
        found.append((limit, architecture))
    return found


def best(trained: Any, seed: int) -> list[tuple[sa.Architecture, float]]:
    """The best architecture within each limit by shared weights: many judged roughly, few of them on everything."""
    space, task, recipe = trained.supernet.space, trained.task, trained.recipe
    part = replace(task, validation=some(task.validation, PART))
    rough, whole = (SharedScores(trained.supernet, own, recipe, n) for own, n in ((part, BATCHES), (task, 20)))
    rng, judged = stream(seed, "limits"), dict[str, tuple[float, int, sa.Architecture]]()

    @cache
    def counts(architecture: sa.Architecture) -> tuple[int, int]:
        """Parameters and operations."""
        with torch.device("meta"):
            model = space.build(architecture, task.spec)
        return sum(parameter.numel() for parameter in model.parameters()), count_flops(model, task.spec.inputs)

    def size(architecture: sa.Architecture) -> int:
        return counts(architecture)[0]

    def fits(architecture: sa.Architecture, limit: int) -> bool:
        """Not much smaller than it may be, and cheap enough."""
        parameters, operations = counts(architecture)
        return FULL * limit < parameters <= limit and operations <= affordable

    def judge(architecture: sa.Architecture) -> None:
        if architecture.text not in judged:
            judged[architecture.text] = (rough(architecture)["accuracy"], size(architecture), architecture)

    def leading(limit: int, number: int = LAST) -> list[sa.Architecture]:
        """One population serves all limits."""
        within = [entry for entry in judged.values() if FULL * limit < entry[1] <= limit]
        return [entry[2] for entry in sorted(within, key=lambda entry: -entry[0])[:number]]

    pool = [trained.own(space.sample(rng)) for _ in range(DRAWN)]
    affordable = float(np.quantile([counts(architecture)[1] for architecture in pool], AFFORDABLE))
    for limit in SERVED:
        fitting = [a for a in pool if fits(a, limit)]
        for architecture in {*fitting[: FIRST // 2], *sorted(fitting, key=size)[-FIRST // 2 :]}:
            judge(architecture)
    for _ in range(ROUNDS):
        for limit in SERVED:
            parents = leading(limit)
            mutants = (trained.own(space.mutate(rng.choice(parents), rng)) for _ in range(10 * BRED))
            for architecture in islice((m for m in mutants if fits(m, limit)), BRED):
                judge(architecture)
    print(f"  {len(judged)} subnets judged on {PART} images", flush=True)
    final = {a.text: (a, whole(a)["accuracy"]) for limit in SERVED for a in leading(limit)}
    return [max((final[a.text] for a in leading(limit)), key=lambda pair: pair[1]) for limit in SERVED]


def trained(
    pool: ProcessPoolExecutor, options: argparse.Namespace, chosen: list[tuple[int, sa.Architecture]], weights: Path
) -> list[Row]:
    """All chosen subnets trained: the largest alone, the others taught by it."""
    *others, (limit, largest) = chosen
    first = pool.submit(train_one, options, largest, options.tuning * SERVED[limit], weights).result()
    taught = [
        pool.submit(train_one, options, architecture, options.tuning * SERVED[limit], weights, largest)
        for limit, architecture in others
    ]
    return [*(found.result() for found in taught), first]


def handed_over(rows: list[Row], limit: int) -> Row:
    """The best on validation data of those within a limit."""
    return max((row for row in rows if row.parameters <= limit), key=lambda row: row.validation)


def built(architecture: sa.Architecture, task: sa.Task, seed: int) -> Any:
    """With fresh weights."""
    space = sa.SearchSpace.of(SPACE)
    known = {**space.default().decisions, **architecture.decisions}
    whole = space.decide(lambda path, decision: known[path])
    with isolated(seed):
        return with_preprocessing(task.preprocessing, space.build(whole, task.spec))


def train_one(
    options: argparse.Namespace,
    architecture: sa.Architecture,
    may_take: float,
    weights: Path,
    teacher: sa.Architecture | None = None,
) -> Row:
    """Train a subnet for about the seconds it may, and test it; the weights in the file are those of the teacher."""
    torch.set_num_threads(1)
    task = opened(options)
    began = spent()
    context = Context(seed=derive(options.seed, "trained"))
    model = built(architecture, task, context.seed)
    probe = copy.deepcopy(model)
    took = []
    for share in (0.05, 0.1, 0.3):  # the first pays for what only a first training costs
        before = spent()
        train(probe, task, TUNED, fidelity=Fidelity(epochs=1, data_fraction=share), context=context)
        took.append(spent() - before)
    before = spent()
    accuracy(probe, task.validation, task)
    # Preparing and judging take as long however short the epoch is.
    epoch = 5.0 * max(0.0, took[2] - took[1]) + spent() - before
    recipe = TUNED.updated({"epochs": max(1, round((may_take - (spent() - began)) / epoch))})
    if teacher is None:
        train(model, task, recipe, context=context)
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, weights)
    else:
        knowing = built(teacher, task, context.seed)
        knowing.load_state_dict(load_file(weights))
        train_taught(model, knowing, task, recipe, seed=context.seed)
    validation = accuracy(model, task.validation, task)
    seconds, parameters = spent() - began, sum(p.numel() for p in model.parameters())
    print(
        f"  {parameters:,} parameters: {recipe.epochs} epochs in {seconds:.0f} s, validation {validation:.4f}",
        flush=True,
    )
    return Row(accuracy(model, task.test, task), parameters, seconds, validation)


def separate(options: argparse.Namespace, limit: int, seconds: float) -> Row:
    """One search for one limit in a process of its own."""
    torch.set_num_threads(1)
    task = opened(options)
    began = spent()
    result = sa.search(
        task,
        sizes_alone() if options.same_recipe else SPACE,
        recipe=TUNED if options.same_recipe else None,
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
    print(f"  alone, parameters <= {limit:,}: {result.best.architecture.text}", flush=True)
    return Row(result.test["accuracy"], result.best.measurements["parameters"], spent() - began)


def sizes_alone() -> type:
    """The space without its training decisions: the recipe is the one it is given."""
    cls = fix(SPACE, training_defaults(SPACE))
    return sa.space(type(cls.__name__, (cls,), {"recipe": lambda self, base: base, "__doc__": cls.__doc__}))


def accuracy(model: Any, split: Split | None, task: sa.Task) -> float:
    assert split is not None
    found = metrics.compute(["accuracy"], task.spec.kind, predict(model, split), split.targets)
    return float(found["accuracy"])


def spent() -> float:
    """Seconds of processor time of this process; nothing here starts workers of its own but the pool."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
