import json
import math
import random

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.hardware.calibration import calibrated
from searchitect.hardware.devices import device, device_from_json
from searchitect.hardware.latency_file import MeasuredModel
from searchitect.hardware.operations import Operation, Work
from searchitect.hardware.predicting import Roofline, predictor_for
from searchitect.hardware.probes import Probe, matched, read_probes, write_note

PI = sa.device("raspberry_pi_4")


def network(seed):
    rng = random.Random(seed)
    kinds = [("convolution", 4e6, 2e5), ("grouped_convolution", 3e5, 2e5), ("norm", 1e4, 1e5), ("matmul", 2e5, 4e5)]
    operations = tuple(
        Operation(kind, flops * rng.uniform(0.2, 2), size * rng.uniform(0.2, 2))
        for kind, flops, size in kinds
        for _ in range(rng.randint(1, 8))
    )
    return Work(operations, f"digest-{seed}")


def truth(work):
    """A board whose grouped convolutions are slow: not what the profile says."""
    slow = {"convolution": 3e9, "grouped_convolution": 2e8, "norm": 1e9, "matmul": 2e9}
    return sum(1e3 * o.flops / slow[o.kind] + 0.02 for o in work.operations)


def rows(count, noise=0.02):
    luck = random.Random(1)
    works = [network(seed) for seed in range(count)]
    return [(MeasuredModel(f"{n}.onnx", truth(w) * math.exp(luck.gauss(0, noise))), w) for n, w in enumerate(works)]


def errors(of, count=60):
    predictor = predictor_for(of)
    found = []
    for seed in range(1000, 1000 + count):
        work = network(seed)
        prediction = predictor.predict(work)
        found.append((prediction.mean - math.log(truth(work)), prediction.sd))
    return found


def test_thirty_networks_make_a_device_known_that_the_profile_describes_wrongly():
    board = calibrated(PI, rows(30), name="board")
    assert board.name == "board"
    before, after = errors(PI), errors(board)
    assert sum(abs(e) for e, _ in after) < 0.2 * sum(abs(e) for e, _ in before)
    assert sum(abs(e) for e, _ in after) / len(after) < 0.05
    assert sum(abs(e) < 1.96 * sd for e, sd in after) >= 0.85 * len(after)
    quality = board.calibration.quality()
    assert quality.additivity.passes
    assert quality.error_factor < 1.1
    assert quality.rank_correlation > 0.95


def test_an_architecture_that_was_measured_is_answered_by_its_measurement():
    measured = rows(12)
    board = calibrated(PI, measured)
    found = predictor_for(board).predict(measured[3][1])
    assert found.source == "measured"
    assert found.median == pytest.approx(measured[3][0].median_ms)
    assert predictor_for(board).predict(network(999)).source == "calibrated"


def test_a_calibration_is_plain_json_and_comes_back_the_same(tmp_path):
    board = calibrated(PI, rows(12), name="board")
    path = tmp_path / "board.json"
    path.write_text(json.dumps(board.to_json()))
    again = device(path)
    assert again.digest() == board.digest()
    work = network(77)
    assert predictor_for(again).predict(work) == predictor_for(board).predict(work)


def test_known_devices_may_be_calibrated_themselves():
    first = calibrated(PI, rows(20), name="first")
    second = calibrated(PI, rows(12), name="second", references=[first])
    assert sum(abs(e) for e, _ in errors(second)) / 60 < 0.05
    again = device_from_json(json.loads(json.dumps(second.to_json())))
    assert predictor_for(again).predict(network(5)) == predictor_for(second).predict(network(5))


def test_nine_networks_are_too_few_and_repeats_do_not_count():
    with pytest.raises(ConfigError, match="needs 10 to 2,000 different networks, got 9"):
        calibrated(PI, rows(9) * 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(features=["other"]), "other features than this version"),
        (lambda d: d["networks"].pop(), "holds 10 to 2,000 networks"),
        (lambda d: d["networks"][0].update(median_ms=math.nan), "network 1: expected 2 finite numbers"),
        (lambda d: d["networks"][0].update(median_ms=0), "median_ms must be positive"),
        (lambda d: d["networks"][0].update(features=[1]), "expected 21 finite numbers"),
        (lambda d: d.update(references=7), "at most 64 devices"),
    ],
)
def test_a_calibration_that_was_tampered_with_is_refused(change, message):
    document = json.loads(json.dumps(calibrated(PI, rows(10)).to_json()))
    change(document["calibration"])
    with pytest.raises(ConfigError, match=message):
        device_from_json(document)


def probes(count=3):
    return [Probe(f"{n}.onnx", f"{n:064x}", network(n)) for n in range(count)]


def test_probes_are_written_and_read(tmp_path):
    write_note(tmp_path, probes(), {"space": "mlp"})
    assert read_probes(tmp_path) == tuple(probes())


def test_measured_rows_find_their_probes_by_hash_or_by_name():
    found, others = matched(
        [MeasuredModel("x/y.onnx", 1.0, f"{1:064x}"), MeasuredModel("d/2.onnx", 2.0), MeasuredModel("z.onnx", 3.0)],
        probes(),
        "l.csv",
    )
    assert [(row.median_ms, work.architecture) for row, work in found] == [(1.0, "digest-1"), (2.0, "digest-2")]
    assert others == ["z.onnx"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (MeasuredModel("other.onnx", 1.0), "is of other models: none of its 1 is among the 3 networks"),
        (MeasuredModel("1.onnx", 1.0, "f" * 64), "1.onnx is another file by now"),
    ],
)
def test_a_table_of_other_models_is_refused(row, message):
    with pytest.raises(ConfigError, match=message):
        matched([row], probes(), "l.csv")


def test_a_table_of_two_devices_is_refused():
    two = [MeasuredModel("1.onnx", 1.0, device="pi"), MeasuredModel("2.onnx", 1.0, device="phone")]
    with pytest.raises(ConfigError, match="measured on 2 devices: phone, pi"):
        matched(two, probes(), "l.csv")


def test_notes_that_are_none_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="name the folder that `searchitect measure --models-for` wrote"):
        read_probes(tmp_path)
    (tmp_path / "probes.json").write_text('{"models": [{"operations": [["conv", 1, 2]]}]}')
    with pytest.raises(ConfigError, match="model 1: an operation is"):
        read_probes(tmp_path)


def test_the_profile_stays_as_it_was():
    calibrated(PI, rows(10))
    assert predictor_for(sa.device("raspberry_pi_4")) == Roofline(PI)
