"""The official layout of NATS-Bench, written here as its interface documents it; the genuine files were not at hand."""

from __future__ import annotations

import bz2
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from searchitect import tabular
from searchitect.cli.application import app
from searchitect.errors import TaskError
from searchitect.tabular.nats import import_nats, rows_of

CELLS = [
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
]


def run(seed: int, epochs: int, sets: tuple[str, ...], base: float) -> dict[str, Any]:
    """One `ResultsCount`, as its `state_dict` writes it."""
    accuracies = {f"{name}@{e}": np.float64(base + e + seed / 1000) for name in sets for e in range(epochs)}
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": dict.fromkeys(range(epochs), 50.0),
        "train_acc5es": None,
        "train_losses": dict.fromkeys(range(epochs), 1.0),
        "train_times": dict.fromkeys(range(epochs), 2.0),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": CELLS[0], "class_num": 10},
        "params": 0.1,
        "flop": 15.5,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.01],
        "eval_names": list(sets),
        "eval_acc1es": accuracies,
        "eval_times": {},
        "eval_losses": {},
    }


def results(index: int, epochs: int) -> dict[str, Any]:
    """One `ArchResults`: CIFAR-10 twice, once on half of the training set; seeds differ between data sets."""
    base = 10.0 * index
    runs = {("cifar10-valid", seed): run(seed, epochs, ("x-valid", "ori-test"), base) for seed in (777, 888)}
    runs |= {("cifar10", 777): run(777, epochs, ("ori-test",), base + 5)}
    for name in ("cifar100", "ImageNet16-120"):
        runs |= {(name, 777): run(777, epochs, ("x-valid", "x-test", "ori-test"), base + 1)}
    seeds: dict[str, list[int]] = {}
    for name, seed in runs:
        seeds.setdefault(name, []).append(seed)
    return {"arch_index": index, "arch_str": CELLS[index], "all_results": runs, "dataset_seed": seeds}


def saved(path: Path, value: Any) -> None:
    path.write_bytes(bz2.compress(pickle.dumps(value, protocol=4)))


@pytest.fixture
def simple(tmp_path: Path) -> Path:
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    saved(folder / "meta.pickle.pbz2", {"meta_archs": CELLS, "evaluated_indexes": {0, 1, 2}, "total_archs": 3})
    for index in range(3):
        saved(folder / f"{index:06d}.pickle.pbz2", {"12": results(index, 4), "200": results(index, 6)})
    return folder


def test_every_figure_is_of_its_own_run_and_split(simple: Path) -> None:
    row = list(rows_of(simple))[1]
    assert row["op_edge_0_2"] == "nor_conv_1x1"
    assert row["cifar10_valid_accuracy_percent"] == pytest.approx(10 + 5 + (0.777 + 0.888) / 2)  # mean over seeds
    assert row["cifar10_test_accuracy_percent"] == pytest.approx(15 + 5 + 0.777)  # trained on the full training set
    assert row["cifar100_test_accuracy_percent"] == pytest.approx(11 + 5 + 0.777)
    assert row["cifar10_valid_accuracy_12_epochs_percent"] == pytest.approx(10 + 3 + (0.777 + 0.888) / 2)
    assert row["cifar10_train_seconds"] == 12.0
    assert row["cifar10_train_seconds_12_epochs"] == 8.0
    assert (row["params_million_cifar10"], row["flops_million_cifar10"]) == (0.1, 15.5)


def test_the_imported_table_is_a_benchmark(simple: Path, tmp_path: Path) -> None:
    assert import_nats(simple, tmp_path / "nats.parquet") == 3
    benchmark = tabular.open_benchmark(f"{tmp_path / 'nats.toml'}/cifar100")
    assert benchmark.cost_unit == "seconds"
    assert set(benchmark.signals) == {"valid", "valid12", "test"}
    best = max(benchmark.measure(a)[benchmark.truth] for a in benchmark.members())
    assert best == pytest.approx(21 + 5 + 0.777)


def test_one_file_gives_the_same_rows_as_the_folder(simple: Path, tmp_path: Path) -> None:
    whole = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    infos = {index: {"12": results(index, 4), "200": results(index, 6)} for index in range(3)}
    saved(whole, {"meta_archs": CELLS, "arch2infos": infos, "evaluated_indexes": {0, 1, 2}})
    assert list(rows_of(whole)) == list(rows_of(simple))


def test_the_size_space_gives_widths(tmp_path: Path) -> None:
    saved(tmp_path / "meta.pickle.pbz2", {"meta_archs": ["8:16:64:8:32"]})
    saved(tmp_path / "000000.pickle.pbz2", {"01": results(0, 1), "90": results(0, 3)})
    [row] = rows_of(tmp_path)
    assert [row[f"width_{place}"] for place in range(5)] == [8, 16, 64, 8, 32]


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({}, "names no architectures"),
        ({"meta_archs": [1]}, "names no architectures"),
        ({"meta_archs": ["a", "a"]}, "twice"),
        ({"meta_archs": CELLS}, "holds no results"),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, meta: Any, message: str) -> None:
    saved(tmp_path / "meta.pickle.pbz2", meta)
    with pytest.raises(TaskError, match=message):
        list(rows_of(tmp_path))


def test_the_command_imports(simple: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "nats.parquet"
    ran = CliRunner().invoke(app, ["tabular", "import", str(simple), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    assert "3 architectures" in ran.output
    assert out.is_file()
    assert out.with_suffix(".toml").is_file()
