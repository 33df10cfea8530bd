from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from searchitect import deploy
from searchitect.errors import ExportError, TaskError
from tests.deploy.conftest import Exported
from tests.deploy.families import ConvNet, Perceptron

ROWS = """name,colour,age,height,income,member
Ada,red,36,1.7,,yes
Bob,purple,,1.8,3,no
"""


def test_a_table_gives_labels_and_probabilities_whatever_the_order_of_its_columns(
    table: Exported, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text(ROWS)
    rows = deploy.predict_file(table.folder, tmp_path / "new.csv", space=Perceptron)
    loaded = deploy.load(table.folder, space=Perceptron)
    raw = (np.array([[36, 1.7, np.nan], [np.nan, 1.8, 3]], np.float32), np.array([[0, 1], [-1, 0]]))
    assert [row["prediction"] for row in rows] == loaded.predict(*raw).tolist()
    for row, shares in zip(rows, loaded.probabilities(*raw), strict=True):
        assert row["probabilities"] == pytest.approx(dict(zip(("no", "yes"), shares.tolist(), strict=True)), abs=1e-6)
    assert json.loads(json.dumps(rows)) == rows


def test_a_regression_gives_values_in_the_unit_of_the_targets(regression: Exported, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("a,b,c,d\n0.5,0,0,0\n")
    (row,) = deploy.predict_file(regression.folder, tmp_path / "new.csv", space=Perceptron)
    assert set(row) == {"prediction"}
    assert 50_000 < row["prediction"] < 450_000


def test_images_in_an_npz_file_give_labels(small_images: Exported, tmp_path: Path) -> None:
    pixels = small_images.case.sample[0]
    np.savez(tmp_path / "new.npz", X=pixels)
    rows = deploy.predict_file(small_images.folder, tmp_path / "new.npz", space=ConvNet)
    expected = deploy.load(small_images.folder, space=ConvNet).predict(pixels)
    assert [row["prediction"] for row in rows] == expected.tolist()


def test_a_file_without_the_columns_is_an_error(table: Exported, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("age,height\n1,2\n")
    with pytest.raises(TaskError, match="income"):
        deploy.predict_file(table.folder, tmp_path / "new.csv", space=Perceptron)


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no architecture\.json"):
        deploy.predict_file(tmp_path, tmp_path / "new.csv")
