"""Hill climbing by morphisms beside regularised evolution and random search, at equal total epochs of training.

python benchmarks/morphisms.py [DATA] [--trainings 20] [--epochs 10] [--seeds 3] [--space plain_cnn]

DATA is `digits` or a folder. Every method may spend the same sum of epochs, audits included. Reported are medians over
the seeds: what the best trial by validation has (its own weights, inherited or not) on the test split, and what its
architecture reaches there trained from scratch for one full training. A lineage that was merely trained longer loses
the second comparison.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

import searchitect as sa
from searchitect.evaluation import Context, trial_folder
from searchitect.evaluators import TrainingEvaluator
from searchitect.evaluators.building import build
from searchitect.evaluators.inheriting import WEIGHTS
from searchitect.seeding import derive
from searchitect.tasks import metrics, with_preprocessing
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
    note: str


def search(method: str, task: sa.Task, space: sa.SearchSpace, options: argparse.Namespace, seed: int) -> Row:
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
        return Row(method, len(study.trials), spent, best.measurements["accuracy"], delivered, scratch, note)


def tested(space: sa.SearchSpace, task: sa.Task, architecture: sa.Architecture, state: dict) -> float:
    model = with_preprocessing(task.preprocessing, build(space, architecture, task.spec))
    model.load_state_dict(state)
    scores = predict(model.eval(), task.test, device="cpu")
    return metrics.compute(("accuracy",), task.spec.kind, scores, task.test.targets)["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="digits")
    parser.add_argument("--trainings", type=int, default=20, help="full trainings that each method may spend")
    parser.add_argument("--epochs", type=int, default=10, help="of a full training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--space", default="plain_cnn")
    options = parser.parse_args()
    task, space = sa.task(options.data), sa.SearchSpace.of(sa.catalog.get(options.space))
    head = f"{'trials':>7} {'epochs':>7} {'validation':>11} {'delivered':>10} {'scratch':>8}"
    print(f"{'method':<22} {'seed':>6} {head}")
    rows: list[Row] = []
    for seed in range(options.seeds):
        for method in METHODS:  # interleaved, so that a machine that slows down slows all of them
            rows.append(search(method, task, space, options, seed))
            show(rows[-1:], str(seed))
    for method in METHODS:
        show([row for row in rows if row.method == method], "median")


def show(rows: list[Row], seed: str) -> None:
    columns = zip(*[(r.trials, r.epochs, r.validation, r.delivered, r.scratch) for r in rows], strict=True)
    trials, epochs, *accuracies = (statistics.median(column) for column in columns)
    shown = " ".join(f"{value:>{width}.4f}" for value, width in zip(accuracies, (11, 10, 8), strict=True))
    note = rows[0].note if len(rows) == 1 else ""
    print(f"{rows[0].method:<22} {seed:>6} {trials:>7.0f} {epochs:>7.0f} {shown}  {note}", flush=True)


if __name__ == "__main__":
    main()
