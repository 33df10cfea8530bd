from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest
import torch
from torch import nn

from searchitect import deploy
from searchitect.deploy import onnx_file
from searchitect.errors import ExportError, MissingExtraError
from tests.deploy import families
from tests.deploy.conftest import Exported

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")


def session(exported: Exported) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(exported.folder / deploy.ONNX, providers=["CPUExecutionProvider"])


def answers(exported: Exported, raw: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    runtime = session(exported)
    return runtime.run(None, {entry.name: array for entry, array in zip(runtime.get_inputs(), raw, strict=True)})


@pytest.mark.parametrize("examples", [1, 2, 7, 30])
def test_the_file_answers_like_the_model_on_raw_inputs_of_any_batch_size(exported: Exported, examples: int) -> None:
    raw = tuple(array[:examples] for array in exported.case.sample)
    with torch.inference_mode():
        expected = exported.case.model(*map(torch.tensor, raw)).numpy()
    got = answers(exported, raw)[0]
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_the_recorded_parity_is_that_of_the_sample(exported: Exported) -> None:
    parity = exported.written.parity
    assert parity is not None
    assert parity.examples == min(len(exported.case.sample[0]), 64)
    with torch.inference_mode():
        expected = exported.case.model(*map(torch.tensor, exported.case.sample)).numpy()
    difference = np.abs(answers(exported, exported.case.sample)[0] - expected).max()
    assert difference <= parity.max_abs_difference * 1.01
    assert parity.relative_difference < parity.tolerance
    recorded = json.loads((exported.folder / deploy.MEASUREMENTS).read_text())["parity"]
    assert recorded == parity.to_json()


def test_inputs_have_the_raw_types_and_names(small_images: Exported, table: Exported, regression: Exported) -> None:
    described = [[(e.name, e.type, e.shape) for e in session(item).get_inputs()] for item in (small_images, table)]
    assert described == [
        [("pixels", "tensor(uint8)", ["batch", 1, 8, 8])],
        [("numeric", "tensor(float)", ["batch", 3]), ("codes", "tensor(int64)", ["batch", 2])],
    ]
    assert [entry.name for entry in session(table).get_outputs()] == ["scores", "probabilities"]
    assert [entry.name for entry in session(regression).get_outputs()] == ["values"]


def test_probabilities_are_the_softmax_of_the_scores(table: Exported) -> None:
    scores, probabilities = answers(table, table.case.sample)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        np.log(probabilities[:, 1] / probabilities[:, 0]), scores[:, 1] - scores[:, 0], atol=1e-5
    )


def test_missing_values_and_unknown_categories_are_answered(table: Exported) -> None:
    raw = (np.full((1, 3), np.nan, np.float32), np.array([[-1, 99]]))
    with torch.inference_mode():
        expected = table.case.model(*map(torch.tensor, raw)).numpy()
    np.testing.assert_allclose(answers(table, raw)[0], expected, atol=1e-6)


def test_regression_answers_in_the_unit_of_the_targets(regression: Exported) -> None:
    values = answers(regression, regression.case.sample)[0]
    assert values.shape == (30, 1)
    assert 100_000 < values.mean() < 400_000


def test_everything_is_in_one_valid_file_without_paths_of_this_machine(exported: Exported) -> None:
    data = (exported.folder / deploy.ONNX).read_bytes()
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    assert not any(path.suffix == ".data" for path in exported.folder.iterdir())
    assert b"site-packages" not in data
    assert b".py" not in data


def test_the_metadata_name_labels_inputs_and_architecture(table: Exported) -> None:
    notes = session(table).get_modelmeta().custom_metadata_map
    assert json.loads(notes["labels"]) == ["no", "yes"]
    assert json.loads(notes["inputs"])["codes"] == {"dtype": "int64", "shape": ["batch", 2]}
    assert notes["architecture"] == table.case.architecture.digest()


def test_a_file_that_disagrees_is_refused_and_the_exporter_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    case = families.case(families.Perceptron, families.regression_task())
    make = onnx_file._graph

    def shifted(model: nn.Module, sample: object, classification: bool) -> object:
        with torch.no_grad():
            model.output_mean += 20  # 0.008 % of a price, but more of what tells one price from another
        proto = make(model, sample, classification)
        with torch.no_grad():
            model.output_mean -= 20
        return proto

    monkeypatch.setattr(onnx_file, "_graph", shifted)
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(ExportError, match="disagrees with the model"), redirect_stdout(out), redirect_stderr(err):
        onnx_file.make_onnx(case.model, case.sample, classification=False, notes={})
    assert (out.getvalue(), err.getvalue(), *capfd.readouterr()) == ("", "", "", "")


@pytest.mark.parametrize(
    ("scores", "scale"),
    [
        ([[1.0, -3.0], [0.0, 2.0]], 5.0),  # how far apart they lie
        ([[1000.0], [1001.0]], 10.01),  # at least a hundredth of the largest
        ([[250.0]], 250.0),  # one example alone lies apart from nothing
        ([[0.0], [0.0]], 1e-6),
    ],
)
def test_differences_are_measured_by_how_far_the_scores_lie_apart(scores: list[list[float]], scale: float) -> None:
    assert onnx_file._scale(np.array(scores)) == pytest.approx(scale)


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"searchitect\[onnx\]"):
        onnx_file.make_onnx(nn.Identity(), (np.zeros((1, 2), np.float32),), classification=False, notes={})


def test_weights_beyond_what_one_file_holds_are_refused_before_the_work() -> None:
    with torch.device("meta"):
        model = nn.Linear(30_000, 20_000)
    with pytest.raises(ExportError, match=r"2\.4 GB"):
        onnx_file.make_onnx(model, (np.zeros((1, 30_000), np.float32),), classification=False, notes={})
