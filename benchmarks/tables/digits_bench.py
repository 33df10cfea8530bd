"""Train every architecture of a small complete space on scikit-learn's digits, three seeds each: the table.

    python benchmarks/tables/digits_bench.py train ROWS.jsonl      # about an hour on one core; killed, it goes on
    python benchmarks/tables/digits_bench.py write ROWS.jsonl      # latencies, then the parquet file in the package

1,248 architectures: 2 stems × (12 + 144) ways of one or two stages × 2 reductions × 2 activations. The data are halved
more evenly than usual (train 755, validation 503, test 539), so that architectures differ by more than one example.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

import searchitect as sa
from searchitect.evaluation import Context
from searchitect.evaluators.building import build
from searchitect.hardware import count_flops, count_parameters, latency_ms
from searchitect.nn import POOLINGS, classifier, conv_unit
from searchitect.seeding import derive, isolated
from searchitect.tasks import metrics, with_preprocessing
from searchitect.training import predict, train

SEEDS = 3
OUT = Path(__file__).parents[2] / "src" / "searchitect" / "tabular" / "data" / "digits_bench.parquet"
RECIPE = sa.Recipe(epochs=12, learning_rate=1e-2, best_epoch=False, mixed_precision="off")


@sa.space
class Stage:
    width: int = sa.choice(8, 16, 32)
    kernel: int = sa.choice(3, 5)
    convolution: str = sa.choice("plain", "separable")


@sa.space
class DigitsNet:
    stem: int = sa.choice(8, 16)
    stages: tuple[Stage, ...] = sa.repeat(Stage, 1, 2)
    reduction: str = sa.choice("max", "average")
    activation: str = sa.choice("relu", "gelu")

    def build(self, task: sa.TaskSpec) -> nn.Module:
        channels, size = task.inputs[0], task.inputs[1]
        parts: list[nn.Module] = [conv_unit(channels, self.stem, 3, activation=self.activation)]
        channels = self.stem
        for stage in self.stages:
            parts.append(POOLINGS[self.reduction](2))
            size //= 2
            parts.append(
                conv_unit(channels, stage.width, stage.kernel, kind=stage.convolution, activation=self.activation)
            )
            channels = stage.width
        return nn.Sequential(*parts, classifier((channels, size, size), task.outputs))


def digits() -> Any:
    return sa.task("digits", seed=0, test_fraction=0.3, validation_fraction=0.4)


def model_of(architecture: sa.Architecture, task: Any, seed: int) -> nn.Module:
    with isolated(derive(seed, "weights")):
        return with_preprocessing(task.preprocessing, build(DigitsNet, architecture, task.spec))


def row(architecture: sa.Architecture, task: Any, seed: int) -> dict[str, Any]:
    """Train one architecture with one seed, and measure it."""
    model = model_of(architecture, task, seed)
    start = time.process_time()  # one thread, so its own seconds: a busy machine does not lengthen them much
    outcome = train(model, task, RECIPE, context=Context(seed=seed))
    seconds = time.process_time() - start
    out: dict[str, Any] = {**architecture.decisions, "seed": seed}
    out["valid_accuracy_by_epoch"] = [entry["accuracy"] for entry in outcome.history]
    out["valid_loss_by_epoch"] = [entry["loss"] for entry in outcome.history]
    scores = metrics.compute(["accuracy"], task.spec.kind, predict(model, task.test), task.test.targets)
    out["test_accuracy"] = scores["accuracy"]
    out["train_seconds"] = seconds
    out["parameters"] = count_parameters(model.body)
    out["flops"] = count_flops(model.body, task.spec.inputs)
    return out


def unfinished(done: int) -> Iterator[tuple[sa.Architecture, int]]:
    pairs = [(a, seed) for a in sa.SearchSpace.of(DigitsNet).enumerate() for seed in range(SEEDS)]
    yield from pairs[done:]


def train_all(rows: Path) -> None:
    torch.set_num_threads(1)
    task = digits()
    lines = rows.read_text().splitlines() if rows.exists() else []
    with rows.open("a") as file:
        for architecture, seed in unfinished(len(lines)):
            file.write(json.dumps(row(architecture, task, seed)) + "\n")
            file.flush()


def write(rows: Path) -> None:
    """Time one forward pass of each architecture and write the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    torch.set_num_threads(1)
    task = digits()
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    example = (torch.zeros(1, *task.spec.inputs, dtype=torch.uint8),)
    for index, architecture in enumerate(sa.SearchSpace.of(DigitsNet).enumerate()):
        median = latency_ms(model_of(architecture, task, 0).body.eval(), (example[0].float(),), seconds=0.1).median_ms
        for entry in found[index * SEEDS : (index + 1) * SEEDS]:
            entry["latency_ms"] = median
    columns = {name.replace(".", "_"): [entry.get(name) for entry in found] for name in longest(found)}
    table = pa.table({name: pa.array(values, type=kind_of(pa, values)) for name, values in columns.items()})
    notes = {
        "about": __doc__ or "",
        "recipe": repr(RECIPE),
        "versions": f"torch {torch.__version__}, scikit-learn {version('scikit-learn')}, searchitect {sa.__version__}",
        "machine": f"{platform.machine()}, one torch thread",
    }
    OUT.parent.mkdir(exist_ok=True)
    pq.write_table(table.replace_schema_metadata(notes), OUT, compression="zstd", compression_level=19)
    print(f"{OUT.name}: {table.num_rows:,} rows, {OUT.stat().st_size:,} bytes")


def longest(found: list[dict[str, Any]]) -> list[str]:
    """All column names, in the order of the space: the longest row has them all."""
    return list(max(found, key=len))


def kind_of(pa: Any, values: list[Any]) -> Any:
    """Floats are kept with 32 bits; counts as integers; words as text."""
    known = next(value for value in values if value is not None)
    if isinstance(known, list):
        return pa.list_(pa.float32())
    if isinstance(known, str):
        return pa.string()
    return pa.int64() if isinstance(known, int) else pa.float32()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("step", choices=["train", "write"])
    parser.add_argument("rows", type=Path)
    options = parser.parse_args()
    {"train": train_all, "write": write}[options.step](options.rows)


if __name__ == "__main__":
    main()
