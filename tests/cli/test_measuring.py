from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from searchitect.cli.application import app

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three networks of a space, written by the command itself."""
    folder = tmp_path_factory.mktemp("board") / "networks"
    command = ["measure", "--models-for", "mlp", "--task", "iris", "--count", "3", "--out", str(folder), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["models"]) == 3
    return folder


def test_networks_to_be_measured_elsewhere_come_with_their_keys_and_work(networks: Path) -> None:
    note = json.loads((networks / "probes.json").read_text())
    assert {model["file"] for model in note["models"]} == {path.name for path in networks.glob("*.onnx")}
    assert len(set(note["keys"].values())) == 3
    flops = [sum(operation[1] for operation in model["operations"]) for model in note["models"]]
    assert flops == sorted(flops)
    assert flops[-1] > 1.2 * flops[0]


def test_a_folder_becomes_a_table_whose_rows_name_the_architectures(networks: Path, tmp_path: Path) -> None:
    table = tmp_path / "latencies.csv"
    command = ["measure", str(networks), "--out", str(table), "--repeats", "59", "--device", "this board"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    note = json.loads((networks / "probes.json").read_text())
    assert [row["architecture"] for row in rows] == [model["architecture"] for model in note["models"]]
    assert [row["sha256"] for row in rows] == [model["sha256"] for model in note["models"]]
    assert {row["device"] for row in rows} == {"this board"}
    assert all(len(row["times_ms"].split()) == 59 for row in rows)
    assert "network-001.onnx" in result.stdout


def test_a_model_that_cannot_run_is_named_and_the_others_are_measured(networks: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    command = ["measure", str(broken), str(networks / "network-001.onnx"), "--out", str(tmp_path / "l.csv"), "--json"]
    result = CliRunner().invoke(app, [*command, "--repeats", "5"])
    document = json.loads(result.stdout)
    assert len(document["measured"]) == 1
    assert list(document["refused"]) == [broken.as_posix()]
    alone = CliRunner().invoke(app, ["measure", str(broken), "--out", str(tmp_path / "m.csv")])
    assert alone.exit_code != 0
    assert "no model could be measured" in alone.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which models?"),
        (["absent"], "does not exist"),
        (["--models-for", "mlp", "x.onnx"], "measures none"),
        (["--models-for", "mpl"], "did you mean 'mlp'"),
        (["--models-for", "mlp", "--count", "0"], "at least one network"),
        (["{networks}", "--repeats", "0"], "at least one repeat"),
        (["{networks}", "--device", "a\nb"], "printable"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(arguments: list[str], words: str, networks: Path, tmp_path: Path) -> None:
    filled = [argument.replace("{networks}", str(networks)) for argument in arguments]
    result = CliRunner().invoke(app, ["measure", *filled, "--out", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output
