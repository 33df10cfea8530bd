"""Hill climbing by morphisms beside regularised evolution and random search, at equal total epochs of training.

python benchmarks/morphisms.py [DATA] [--examples 2000] [--trainings 14] [--epochs 6] [--seeds 3] [--jobs 2]

DATA is a folder, by default Fashion-MNIST, of which every n-th example is trained on and half as many validate; or
`digits`. Every method may spend the same sum of epochs, audits included. Reported are medians over the seeds: what the
best trial by validation has (its own weights, inherited or not) on the test split, and what its architecture reaches
there trained from scratch for one full training. A lineage that was merely trained longer loses the second comparison.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from safetensors.torch import load_file

import searchitect as sa
from searchitect.evaluation import Context, trial_folder
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.building import build
from searchitect.evaluators.inheriting import WEIGHTS
from searchitect.seeding import derive
from searchitect.tasks import metrics, with_preprocessing
from searchitect.tasks.task import ArraySplit, Split
from searchitect.training import predict
from searchitect.trial import Fidelity, Proposal

METHODS = ("hill_climbing", "regularized_evolution", "random")


@dataclass(frozen=True)
class Row:
    method: str
    trials: int
    epochs: float
    validation: float
    delivered: float
    scratch: float
    seconds: float
    note: str


def search(method: str, options: argparse.Namespace, seed: int) -> Row:
    task, space = opened(options)
    began = time.process_time()
    evaluator = TrainingEvaluator(space, task, sa.Recipe(epochs=options.epochs))
    full, most = Fidelity(epochs=options.epochs), options.trainings * options.epochs
    with tempfile.TemporaryDirectory() as folder, sa.Study(
        space, strategy=method, objectives=["accuracy"], seed=seed, fidelity=full, budget=options.trainings
    ) as study:  # fmt: skip
        spent = 0.0
        while spent < most:
            trial = study.ask()
            if trial is None:
                break
            own = Path(folder) / trial_folder(trial.number)
            own.mkdir()
            measured = evaluator.evaluate(trial.proposal, Context(trial.seed, folder=own, number=trial.number))
            study.tell(trial, **measured)
            spent += measured["epochs"]
        best = study.best
        assert best is not None
        state = load_file(Path(folder) / trial_folder(best.number) / WEIGHTS)
        delivered = tested(space, task, best.architecture, state)
        again = Path(folder) / "scratch"
        again.mkdir()
        proposal = Proposal(best.architecture, full, replicate=1)
        evaluator.evaluate(proposal, Context(derive(seed, "scratch"), folder=again))
        scratch = tested(space, task, best.architecture, load_file(again / WEIGHTS))
        belief = study.belief()
        note = belief.note if belief is not None else ""
        seconds = time.process_time() - began
        return Row(method, len(study.trials), spent, best.measurements["accuracy"], delivered, scratch, seconds, note)


def tested(space: sa.SearchSpace, task: sa.Task, architecture: sa.Architecture, state: dict) -> float:
    model = with_preprocessing(task.preprocessing, build(space, architecture, task.spec))
    model.load_state_dict(state)
    scores = predict(model.eval(), task.test, device="cpu")
    return metrics.compute(("accuracy",), task.spec.kind, scores, task.test.targets)["accuracy"]


def some(split: Split, count: int) -> ArraySplit:
    """Every n-th example."""
    places = np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(np.int64)
    return ArraySplit(split.read(places), split.targets[places])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "data", nargs="?", default=os.environ.get("SEARCHITECT_DATA", "../shared") + "/datasets/fashion_mnist"
    )
    parser.add_argument("--examples", type=int, default=2_000, help="trained on; half as many validate")
    parser.add_argument("--trainings", type=int, default=14, help="full trainings that each method may spend")
    parser.add_argument("--epochs", type=int, default=6, help="of a full training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--space", default=None, help="by default the catalogue's choice for the data")
    parser.add_argument("--jobs", type=int, default=2, help="searches at the same time; one core each")
    options = parser.parse_args()
    task, _ = opened(options)
    sizes = f"{len(task.train):,} + {len(task.validation):,} examples, {len(task.test):,} for the test"
    print(f"{task.name}: {sizes}; {options.trainings} trainings of {options.epochs} epochs each")
    print(f"{'method':<22} {'seed':>6} {'trials':>7} {'epochs':>7} {'validation':>11} {'delivered':>10} {'scratch':>8}")
    rows: list[Row] = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        # Interleaved, so that a machine that slows down slows all methods.
        coming = [(seed, pool.submit(search, m, options, seed)) for seed in range(options.seeds) for m in METHODS]
        for seed, found in coming:
            rows.append(found.result())
            show(rows[-1:], str(seed))
    for method in METHODS:
        show([row for row in rows if row.method == method], "median")


def opened(options: argparse.Namespace) -> tuple[sa.Task, sa.SearchSpace]:
    torch.set_num_threads(1)
    task = sa.task(options.data)
    train, validation = some(task.train, options.examples), some(task.validation, options.examples // 2)
    chosen = sa.catalog.default_for(task.spec) if options.space is None else sa.catalog.get(options.space)
    return replace(task, train=train, validation=validation), sa.SearchSpace.of(chosen)


def show(rows: list[Row], seed: str) -> None:
    columns = zip(*[(r.trials, r.epochs, r.validation, r.delivered, r.scratch, r.seconds) for r in rows], strict=True)
    trials, epochs, *accuracies, seconds = (statistics.median(column) for column in columns)
    shown = " ".join(f"{value:>{width}.4f}" for value, width in zip(accuracies, (11, 10, 8), strict=True))
    note = rows[0].note if len(rows) == 1 else ""
    print(f"{rows[0].method:<22} {seed:>6} {trials:>7.0f} {epochs:>7.0f} {shown}  {seconds:.0f} s  {note}", flush=True)


if __name__ == "__main__":
    main()
