"""One elastic supernet for four size limits, against four separate searches that together get twice its total cost.

Cost is processor time. The supernet's: training by the sandwich rule, choosing a subnet for every
limit on validation data, and training each of the four on for a while from its inherited weights. A separate search is
`sa.search` with its limit: its recipe is searched too, nothing is spent on random search, one seed is confirmed. The
test split is opened once for each of the eight models, at the end.

    python benchmarks/elastic_limits.py FOLDER [--epochs 4] [--tuning 6] [--seed 0] [--jobs 2]
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

import searchitect as sa
from searchitect.evaluation import Context
from searchitect.evaluators.supernet_evaluator import SupernetEvaluator
from searchitect.tasks import metrics
from searchitect.training import predict, train

LIMITS = (25_000, 50_000, 100_000, 200_000)
TRIALS = 60
SPACE = sa.catalog.get(
    "plain_cnn",
    stages=(3, 3),
    depths=(2, 1, 3),
    widths=(32, 16, 24, 48, 64),
    kernels=(3,),
    convolutions=("plain",),
    stems=(24, 8, 16),
    reductions=("max",),
    activations=("relu",),
    dropouts=(0.0,),
    augmentations=("none",),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", default=os.environ.get("SEARCHITECT_DATA", "../shared/datasets") + "/fashion_mnist"
    )
    parser.add_argument("--epochs", type=int, default=4, help="of the supernet")
    parser.add_argument("--tuning", type=int, default=6, help="epochs of each chosen subnet alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="separate searches at the same time; one core each")
    options = parser.parse_args()
    if not Path(options.folder).exists():
        print(f"skipped: there is no folder {options.folder}")
        return
    torch.set_num_threads(1)
    task = sa.task(options.folder)
    began = spent()
    shared = elastic(task, options.epochs, options.tuning, options.seed)
    cost = spent() - began
    print(f"supernet and its four subnets: {cost:.0f} s of processor time", flush=True)
    given = 2 * cost / len(LIMITS)
    rows = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        found = [pool.submit(separate, options.folder, limit, given, options.seed) for limit in LIMITS]
        for limit, (model, parameters), alone in zip(LIMITS, shared, found, strict=True):
            rows.append((limit, accuracy(model, task), parameters, *alone.result()))
    print(f"{'limit':>9} {'supernet':>9} {'parameters':>11} {'separate':>9} {'parameters':>11} {'seconds':>8}")
    for limit, ours, size, theirs, own, seconds in rows:
        print(f"{limit:>9,} {ours:>9.4f} {size:>11,.0f} {theirs:>9.4f} {own:>11,.0f} {seconds:>8.0f}")
    total = sum(row[-1] for row in rows)
    print(f"cost: supernet {cost:.0f} s, separate {total:.0f} s ({total / cost:.2f} times)")


def elastic(task: Any, epochs: int, tuning: int, seed: int) -> list[tuple[Any, float]]:
    """Train the supernet, choose a subnet for every limit and train it on; return models and their parameters."""
    recipe = sa.Recipe(
        epochs=epochs, learning_rate=4e-3, schedule="cosine", warmup=0.05, weight_decay=1e-2, batch_size=128
    )
    start = time.perf_counter()

    def report(epoch: int, figures: Any) -> None:
        print(f"  epoch {epoch}: largest {figures['accuracy']:.4f}, {time.perf_counter() - start:.0f} s", flush=True)

    trained = sa.train_supernet(task, SPACE, method="sandwich", recipe=recipe, seed=seed, report=report)
    tuned = recipe.updated({"epochs": tuning, "learning_rate": 2e-3, "warmup": 0.0, "batch_size": 64})
    models = []
    for limit in LIMITS:
        architecture, said = chosen(trained, limit, seed)
        model = trained.scores.model(architecture)
        train(model, task, tuned, context=Context(seed=seed))
        models.append((model, trained.evaluate(architecture)["parameters"]))
        print(f"  parameters <= {limit:,}: shared weights say {said:.4f}", flush=True)
    return models


def chosen(trained: Any, limit: int, seed: int) -> tuple[Any, float]:
    """The best of an evolution by shared weights among the architectures within the limit."""
    shared = SupernetEvaluator(trained.supernet, trained.task, trained.recipe)
    study = sa.Study(
        trained.space,
        objectives=["accuracy"],
        constraints=[f"parameters<={limit}"],
        facts=shared.check,
        budget=TRIALS,
        seed=seed,
    )
    for _ in range(TRIALS):
        trial = study.ask()
        if trial is None:
            break
        study.tell(trial, **shared.evaluate(trial.proposal, Context(seed=0)))
    assert study.best is not None
    return study.best.architecture, study.best.measurements["accuracy"]


def separate(folder: str, limit: int, seconds: float, seed: int) -> tuple[float, float, float]:
    """One search for one limit in a process of its own; test accuracy, parameters, seconds of processor time."""
    torch.set_num_threads(1)
    began = spent()
    result = sa.search(
        folder,
        SPACE,
        constraints=[f"parameters<={limit}"],
        budget=f"{seconds:.0f}s",
        workers=0,
        random_search=False,
        confirm_seeds=1,
        seed=seed,
        store="memory:",
        name=f"limit_{limit}",
    )
    assert result.best is not None
    return result.test["accuracy"], result.best.measurements["parameters"], spent() - began


def accuracy(model: Any, task: Any) -> float:
    """On the test split."""
    return float(
        metrics.compute(["accuracy"], "classification", predict(model, task.test), task.test.targets)["accuracy"]
    )


def spent() -> float:
    """Seconds of processor time of this process; nothing here starts workers of its own."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
