"""One folder of files per kind of task, written once: an ONNX export takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from searchitect import deploy
from tests.deploy import families
from tests.deploy.families import Case


@dataclass(frozen=True)
class Exported:
    case: Case
    folder: Path
    written: deploy.Written


def _export(case: Case, folder: Path) -> Exported:
    return Exported(case, folder, deploy.write_files(folder, **case.arguments()))


@pytest.fixture(scope="session")
def small_images(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    case = families.case(families.ConvNet, families.image_task(8), channels_last=True, skip=False)
    return _export(case, tmp_path_factory.mktemp("small_images"))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    case = families.case(families.ConvNet, families.image_task(28, channels=3), skip=True)
    return _export(case, tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _export(families.case(families.Perceptron, families.table_task()), tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    case = families.case(families.Perceptron, families.regression_task())
    return _export(case, tmp_path_factory.mktemp("regression"))


@pytest.fixture(params=["small_images", "images", "table", "regression"])
def exported(request: pytest.FixtureRequest) -> Exported:
    return request.getfixturevalue(request.param)
