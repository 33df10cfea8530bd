"""docs/files.md says what is true: its programs run, its documents have the keys of the real ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from searchitect import deploy
from tests.deploy.conftest import Exported
from tests.deploy.families import Perceptron

PAGE = Path(__file__).parents[2] / "docs" / "files.md"


def block(header: str) -> str:
    found = re.search(rf"^```{re.escape(header)}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"docs/files.md has no block {header!r}"
    return found.group(1)


def run(header: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    exec(compile(block(header), str(PAGE), "exec"), names)
    return names


def test_the_program_that_serves_a_table_answers_like_the_model(
    table: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    names = run("python table", table.folder, monkeypatch)
    raw = (np.array([[36, 1.7, np.nan]], np.float32), np.array([[0, 1]]))
    with torch.inference_mode():
        expected = table.case.model(*map(torch.tensor, raw)).numpy()
    np.testing.assert_allclose(names["scores"], expected, atol=1e-6)


def test_the_program_that_serves_images_answers_like_the_model(
    small_images: Exported, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    names = run("python images", small_images.folder, monkeypatch)
    assert capsys.readouterr().out == "pixels tensor(uint8) ['batch', 1, 8, 8]\n"
    with torch.inference_mode():
        best = small_images.case.model(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).argmax(1)
    assert names["answers"] == [small_images.case.task.labels[i] for i in best]


def test_the_program_that_loads_the_folder_runs(table: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    program = block("python").replace("space=None", "space=Perceptron")
    monkeypatch.chdir(table.folder)
    exec(program, {"Perceptron": Perceptron})


@pytest.mark.parametrize("name", [deploy.ARCHITECTURE, deploy.MEASUREMENTS, deploy.ENVIRONMENT])
def test_the_documents_shown_have_the_keys_of_the_real_ones(table: Exported, name: str) -> None:
    shown, real = json.loads(block(f"json {name}")), json.loads((table.folder / name).read_text("utf-8"))
    assert list(shown) == list(real)
    for key in ("space", "architecture", "task", "parity", "platform"):
        if key in shown:
            assert set(shown[key]) == set(real[key]), key
    if name == deploy.ARCHITECTURE:
        assert set(shown["task"]["preprocessing"]) == set(real["task"]["preprocessing"])


def test_every_file_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in deploy.ALL_FILES if f"| `{name}` |" not in page] == []
