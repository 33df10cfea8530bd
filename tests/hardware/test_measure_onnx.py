from __future__ import annotations

import ast
import csv
import hashlib
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from searchitect.errors import EvaluationError
from searchitect.hardware import machine_lock, measure_onnx
from searchitect.hardware.measure_onnx import (
    COLUMNS,
    MeasuringError,
    find_models,
    interleaved,
    main,
    measure_models,
    passes_of,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SCRIPT = Path(measure_onnx.__file__)


def model_bytes(width: int = 8, *, dtype: int = 1, shape: tuple[object, ...] = ("batch", 4)) -> bytes:
    """A linear layer from 4 features, cast from the type of the input."""
    helper = onnx.helper
    weight = helper.make_tensor("weight", 1, (4, width), np.ones(4 * width, np.float32))
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=1), helper.make_node("MatMul", ["f", "weight"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info("y", 1, ("batch", width))],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "architecture", f"digest-{width}"
    return bytes(model.SerializeToString())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, width in (("small", 8), ("large", 16)):
        run = tmp_path / "models" / name
        run.mkdir(parents=True)
        (run / "model.onnx").write_bytes(model_bytes(width))
    return tmp_path / "models"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_folder_of_run_folders_becomes_a_table_with_the_documented_columns(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "latencies.csv"
    assert main([str(folder), "--out", str(out), "--repeats", "60", "--device", "a board"]) == 0
    rows = read(out)
    assert tuple(rows[0]) == COLUMNS
    assert [row["model"] for row in rows] == ["large/model.onnx", "small/model.onnx"]
    for row, width in zip(rows, (16, 8), strict=True):
        times = [float(value) for value in row["times_ms"].split()]
        assert len(times) == int(row["repeats"]) == 60
        assert all(math.isfinite(value) and value > 0 for value in times)
        assert float(row["median_ms"]) == pytest.approx(statistics.median(times), rel=1e-4)
        assert float(row["iqr_ms"]) == pytest.approx(float(row["q3_ms"]) - float(row["q1_ms"]), rel=1e-3, abs=1e-9)
        assert row["sha256"] == hashlib.sha256(model_bytes(width)).hexdigest()
        assert row["architecture"] == f"digest-{width}"
        assert row["device"] == "a board"
        assert row["threads"] == "1"
        assert row["runtime"].startswith("onnxruntime ")


def test_every_column_is_explained_where_the_file_begins() -> None:
    text = measure_onnx.__doc__ or ""
    assert [column for column in COLUMNS if column not in text] == []


def test_the_file_runs_alone_with_nothing_of_this_package_and_no_torch(folder: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    board.mkdir()
    (board / "measure_onnx.py").write_bytes(SCRIPT.read_bytes())
    # Whatever would import torch, filelock or the package fails: the names lead to broken modules.
    for name in ("torch", "searchitect", "filelock"):
        (board / f"{name}.py").write_text("raise ImportError('not on this board')")
    command = [sys.executable, "measure_onnx.py", str(folder), "--out", "out.csv", "--repeats", "5"]
    done = subprocess.run(command, cwd=board, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(read(board / "out.csv")) == 2


def test_run_as_a_module_it_loads_no_torch() -> None:
    code = (
        "import sys, runpy; sys.argv = ['measure', 'absent.onnx']\n"
        "try: runpy.run_module('searchitect.hardware.measure_onnx', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 2\n"
        "print([name for name in ('torch', 'filelock', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_an_older_python_reads_the_file() -> None:
    ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize(("dtype", "shape"), [(2, ("batch", 4)), (7, (1, 4)), (10, ("batch", 4)), (9, ("batch", 4))])
def test_examples_are_made_for_pixels_codes_half_precision_and_booleans(dtype: int, shape: tuple[object, ...]) -> None:
    once, _ = passes_of(model_bytes(dtype=dtype, shape=shape))
    [scores] = once()  # type: ignore[misc]
    assert scores.shape == (1, 8)


def test_a_file_that_is_no_model_is_told_and_the_others_are_measured(folder: Path) -> None:
    (folder / "broken.onnx").write_bytes(b"no model")
    measured, refused = measure_models(find_models([str(folder)]), repeats=5)
    assert len(measured) == 2
    assert [name for name, _ in refused] == ["broken.onnx"]
    assert "\n" not in refused[0][1]


@pytest.mark.parametrize(("arguments", "words"), [(["absent.onnx"], "does not exist"), (["."], "holds no .onnx")])
def test_nothing_to_measure_is_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_counts_must_be_positive(folder: Path) -> None:
    with pytest.raises(MeasuringError, match="0 and 1"):
        measure_models(find_models([str(folder)]), repeats=0)


def test_a_table_that_cannot_be_written_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    assert main([str(folder), "--out", str(tmp_path / "absent" / "latencies.csv"), "--repeats", "1"]) == 2


def test_the_lock_of_the_machine_is_one_for_both_kinds_of_measuring(folder: Path) -> None:
    with machine_lock(), pytest.raises(MeasuringError, match=r"another process has measured latency for 0\.1 s"):
        measure_models(find_models([str(folder)]), repeats=1, lock_seconds=0.1)
    code = (
        "import sys, time; from searchitect.hardware.measure_onnx import _locked\n"
        "with _locked(5): print('held', flush=True); sys.stdin.readline()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(EvaluationError, match="another process"), machine_lock(timeout=0.1):
            pass
        holder.communicate("\n", timeout=30)
    with machine_lock(timeout=5):
        pass


def spin(seconds: float) -> Callable[[], None]:
    def once() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    return once


def test_passes_are_taken_in_turn_and_every_one_as_often() -> None:
    calls: list[str] = []
    times = interleaved([lambda: calls.append("a"), lambda: calls.append("b")], repeats=13, warm_up=2)
    assert [len(own) for own in times] == [13, 13]
    assert calls[:4] == ["a", "a", "b", "b"]
    # Rounds of 1 + 5, 1 + 5 and 1 + 3 passes of each
    assert [sorted(set(calls[start : start + 12])) for start in (4, 16)] == [["a", "b"], ["a", "b"]]
    assert calls.count("a") == calls.count("b") == 2 + 6 + 6 + 4


def test_milliseconds_are_milliseconds() -> None:
    [times] = interleaved([spin(0.002)], repeats=9, warm_up=0)
    assert 2.0 <= statistics.median(times) < 6.0


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users")
def test_the_lock_lies_in_a_file_of_the_user() -> None:
    assert str(os.getuid()) in measure_onnx.lock_file().name
