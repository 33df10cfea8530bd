"""Results made by hand: what a finished study on digits could look like, and odd ones."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Mapping
from typing import Any

from searchitect.objectives import Constraint, Objective
from searchitect.result import Best, Result
from searchitect.spaces.architecture import Architecture
from searchitect.study.finalists import Finalist
from searchitect.study.verdict import Verdict
from searchitect.trial import Proposal, Trial, TrialState

ACCURACY = Objective("accuracy", "maximize")
SIZE = Objective("parameters", "minimize")
LIMIT = Constraint("parameters", "<=", 60_000)
LABELS = tuple(str(i) for i in range(10))


def architecture(rng: random.Random) -> Architecture:
    decisions: dict[str, Any] = {"stem": rng.choice([16, 32, 64]), "blocks.length": rng.randint(1, 3)}
    for i in range(decisions["blocks.length"]):
        decisions[f"blocks.{i}.kernel"] = rng.choice([3, 5])
        decisions[f"blocks.{i}.width"] = rng.choice([16, 32, 64])
        decisions[f"blocks.{i}.activation"] = rng.choice(["relu", "gelu", "silu"])
    decisions["pool"] = rng.choice(["Average", "Max"])
    if decisions["pool"] == "Max":
        decisions["pool.Max.size"] = rng.choice([2, 3])
    decisions |= {"learning_rate": 10 ** rng.uniform(-4, -1), "optimizer": rng.choice(["sgd", "adamw"])}
    return Architecture("abc", decisions)


def quality(point: Architecture) -> float:
    """A made-up accuracy that depends on the decisions."""
    rate = math.log10(float(point.get("learning_rate", 1e-3)))  # type: ignore[arg-type]
    depth = int(point.get("blocks.length", 1))  # type: ignore[call-overload]
    return 0.99 - 0.03 * (rate + 2.4) ** 2 - 0.02 / depth - (0.012 if point.get("pool") == "Max" else 0.0)


def trial(number: int, phase: str, rng: random.Random, point: Architecture | None = None, **changes: Any) -> Trial:
    point = architecture(rng) if point is None else point
    accuracy = min(0.9972, max(0.1, quality(point) + rng.gauss(0, 0.003)))
    size = float(500 * sum(v for k, v in point.items() if k.endswith(".width")) + 400)  # type: ignore[misc]
    reports = tuple(
        (epoch, {"accuracy": accuracy * (1 - math.exp(-0.4 * epoch - 1)), "loss": math.exp(-0.3 * epoch)})
        for epoch in range(1, 21)
    )
    values = {"accuracy": accuracy, "log_loss": 1.2 * (1 - accuracy), "parameters": size, "flops": size * 64.0}
    values["peak_memory_bytes"] = size * 6
    fields: dict[str, Any] = {"measurements": values, "reports": reports, "clock": {"seconds": rng.uniform(0.4, 1.8)}}
    made = Trial(number, Proposal(point), TrialState.COMPLETE, point.digest(), 1000 + number, phase, **fields)
    return dataclasses.replace(made, **changes)


def trials_of_a_study(count: int = 60, seed: int = 0) -> list[Trial]:
    """Search, random and confirmation trials, among them failed, pruned, infeasible and reused ones."""
    rng = random.Random(seed)
    found: list[Trial] = []
    for number in range(count):
        phase = "search" if number < 0.6 * count else "random"
        item = trial(number, phase, rng)
        if number % 13 == 5:
            reason = f"the loss became NaN in epoch {number % 7 + 1}"
            item = dataclasses.replace(item, state=TrialState.FAILED, measurements={}, reason=reason)
        elif number % 17 == 7:
            item = dataclasses.replace(item, state=TrialState.PRUNED, reason="below the median at epoch 5")
        elif number % 19 == 11:
            broken = "parameters 71,400 break parameters<=60000"
            item = dataclasses.replace(
                item, state=TrialState.INFEASIBLE, measurements={}, reason=broken, clock={}, reports=()
            )
        elif number % 23 == 17:
            item = dataclasses.replace(found[0], number=number, phase=phase, reused=0, clock={})
        found.append(item)
    return found


def finished(count: int = 60, objectives: tuple[Objective, ...] = (ACCURACY,), seed: int = 0) -> Result:
    """A study with confirmation, random search, baselines and an opened test split."""
    rng = random.Random(seed + 1)
    trials = trials_of_a_study(count, seed)
    finalists = []
    for arm in ("search", "random"):
        done = [t for t in trials if t.phase == arm and t.is_complete and LIMIT.holds(t.measurements)]
        won = max(done, key=lambda t: t.measurements["accuracy"])
        again = [trial(len(trials) + i, "confirm", rng, won.architecture) for i in range(3)]
        trials += again
        values = tuple(t.measurements["accuracy"] for t in again)
        mean = {"accuracy": sum(values) / 3, "parameters": won.measurements["parameters"]}
        numbers = tuple(t.number for t in again)
        finalists.append(
            Finalist(arm, won.number, won.architecture, won.key, numbers, mean, {"accuracy": 0.0021}, values)
        )
    best = max((t for t in trials if t.number in finalists[0].trials), key=lambda t: t.measurements["accuracy"])
    return Result(
        study="digits-2",
        seed=0,
        manifest=manifest(),
        trials=tuple(trials),
        objectives=objectives,
        constraints=(LIMIT,),
        finalists=tuple(finalists),
        best=Best(best.architecture, best.number, best.measurements, finalists[0].mean, finalists[0].std),
        front=tuple(sorted((t for t in trials if t.is_complete), key=lambda t: t.measurements["parameters"])[:4]),
        test={"accuracy": 0.9861, "log_loss": 0.0489, "f1_macro": 0.9858},
        test_models={
            "search": {"metrics": {"accuracy": 0.9843, "log_loss": 0.05}, "std": {"accuracy": 0.0016}, "seeds": 3},
            "random": {"metrics": {"accuracy": 0.9815, "log_loss": 0.07}, "std": {"accuracy": 0.0029}, "seeds": 3},
            "logistic_regression": {"metrics": {"accuracy": 0.9611}, "std": {}, "seeds": 1},
            "rbf_svm": {"metrics": {"accuracy": 0.9889}, "std": {}, "seeds": 1},
            "gradient_boosting": {"metrics": {"accuracy": 0.9694}, "std": {}, "seeds": 1},
        },
        baselines={"rbf_svm": {"accuracy": 0.9861}, "logistic_regression": {"accuracy": 0.9583}},
        confusion=confusion(10, rng),
        labels=LABELS,
        verdict=Verdict(
            "no_difference",
            "The search did not measurably help: +0.0028 accuracy against random search at equal cost (95 % interval "
            "−0.0031 to +0.0087, on the test split). The model (0.9861) is not measurably different from an untuned "
            "rbf svm (0.9889).",
            0.0028,
            (-0.0031, 0.0087),
        ),
        stopped_by="budget",
        seconds=88.4,
        ledger={"search": 62.0, "random": 41.3, "confirm": 22.9},
        counts={"complete": count - 9, "failed": 4, "pruned": 3, "infeasible": 2, "running": 0, "reused": 1},
        files=("architecture.json", "load_model.py", "model.safetensors", "model.onnx", "report.html"),
        warnings=("two workers shared one core, so times are longer than on a quiet machine",),
    )


def manifest() -> Mapping[str, Any]:
    return {
        "study": "digits-2",
        "space": {"name": "plain_cnn", "digest": "9f" * 16, "source_digest": "4a" * 16, "description": {}},
        "strategy": {"name": "regularized_evolution", "options": {}},
        "seed": 0,
        "settings": {
            "objectives": ["maximize accuracy"],
            "constraints": ["parameters<=60000"],
            "fidelity": {"epochs": 12, "data_fraction": 1.0, "resolution": 1.0},
            "budget": 90.0,
        },
        "details": {
            "task": {
                "name": "digits",
                "metrics": ["accuracy", "log_loss"],
                "labels": list(LABELS),
                "digest": "be" * 16,
                "sizes": {"train": 1149, "validation": 288, "test": 360},
            }
        },
        "recorded": {},
        "clock": {
            "created": "2030-02-01T10:00:00+00:00",
            "versions": {"python": "3.11.7", "searchitect": "0.1.0", "torch": "2.13.0", "numpy": "2.3.1"},
        },
    }


def empty(**changes: Any) -> Result:
    """A study that has just begun: a manifest and nothing else."""
    bare = Result(
        study="new",
        seed=0,
        manifest={"study": "new", "settings": {}, "details": {}, "recorded": {}},
        trials=(),
        objectives=(ACCURACY,),
        constraints=(),
        finalists=(),
        best=None,
        front=(),
        test={},
        test_models={},
        baselines={},
        confusion=(),
        labels=(),
        verdict=Verdict("not_compared", "The study is not finished: no winner has been confirmed yet."),
        stopped_by="unfinished",
        seconds=0.0,
        ledger={},
        counts={},
    )
    return dataclasses.replace(bare, **changes)


def confusion(classes: int, rng: random.Random) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(rng.randint(30, 38) if i == j else int(rng.random() < 0.06) * rng.randint(1, 2) for j in range(classes))
        for i in range(classes)
    )
