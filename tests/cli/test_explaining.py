"""`searchitect explain`: from a study or a table to a page, five sentences, JSON, TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import searchitect as sa
from searchitect.cli import main

Run = Callable[..., tuple[int, str, str]]


@sa.space
class Planted:
    depth: int = sa.choice(1, 2, 3, 4)
    pool: str = sa.choice("max", "average")
    width: int = sa.choice(8, 16, 24, 32, 48)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    sa.search(
        space=Planted, evaluate=lambda i, c: {"accuracy": 0.1 * i.depth + 0.001 * (i.pool == "max")}, trials=30,
        objectives=["accuracy"], strategy="random", store=folder / "store.db", folder=folder / "run", name="planted",
    )  # fmt: skip
    return folder / "store.db"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*typed: object) -> tuple[int, str, str]:
        code = main(["explain", *map(str, typed)])
        said = capsys.readouterr()
        return int(code or 0), said.out, said.err

    return call


def test_it_says_five_sentences_and_names_the_page(run: Run, store: Path, tmp_path: Path) -> None:
    code, out, _ = run("planted", "--store", store, "--out", tmp_path / "why.html")
    assert code == 0
    lines = out.splitlines()
    assert [line[:2] for line in lines[:5]] == ["1.", "2.", "3.", "4.", "5."]
    assert "depth matters most" in lines[1]
    assert lines[-1] == f"page: {tmp_path / 'why.html'}"
    assert (tmp_path / "why.html").is_file()
    assert (tmp_path / "why.json").is_file()


def test_json_is_the_document_and_nothing_else(run: Run, store: Path) -> None:
    code, out, _ = run("planted", "--store", store, "--json", "--no-model")
    assert code == 0
    assert json.loads(out)["importances"]["everywhere"]["decisions"][0]["name"] == "depth"


def test_it_speaks_chinese(run: Run, store: Path, tmp_path: Path) -> None:
    _, out, _ = run("planted", "--store", store, "--lang", "zh", "--no-model", "--out", tmp_path / "why.html")
    assert "最重要" in out


def test_a_table_needs_no_study(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("--benchmark", "planted/additive/4x3", "--out", tmp_path / "table.html")
    assert code == 0
    assert "of this table" in out
    assert (tmp_path / "table.html").is_file()


def test_runs_for_tensorboard_are_written_beside(run: Run, store: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    arguments = ("planted", "--store", store, "--no-model", "--out", tmp_path / "x.html")
    code, out, _ = run(*arguments, "--tensorboard", tmp_path / "tb")
    assert code == 0
    assert "tensorboard --logdir" in out
    assert list((tmp_path / "tb" / "trials").iterdir())


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ((), "name a study or a table"),
        (("planted", "--benchmark", "digits_bench"), "name a study or a table"),
        (("nothing",), "nothing"),
        (("planted", "999"), "no trial 999"),
        (("planted", "--lang", "fr"), "'fr'"),
        (("planted", "--objective", "latency_ms"), "latency_ms"),
        (("planted", "--limit", "cost"), "cost"),
        (("planted", "--gradients", "nowhere"), "nowhere"),
        (("planted", "--method", "grad_cam"), "no trained model"),
    ],
)
def test_a_wrong_wish_is_one_sentence(run: Run, store: Path, typed: tuple[str, ...], said: str) -> None:
    code, _, err = run(*typed, *(("--store", store) if typed else ()))
    assert code in (1, 2)
    assert said in err
    assert "Traceback" not in err
