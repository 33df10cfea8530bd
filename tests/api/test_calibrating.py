import json
import math

import pytest

import searchitect as sa
from searchitect import api
from searchitect.errors import ConfigError
from searchitect.hardware.predicting import Roofline, predictor_for
from searchitect.hardware.probes import Probe, read_probes, write_note
from tests.hardware.test_calibration import network, truth


@pytest.fixture
def folder(tmp_path):
    works = [network(seed) for seed in range(16)]
    write_note(tmp_path, [Probe(f"{n}.onnx", f"{n:064x}", work) for n, work in enumerate(works)], {})
    return tmp_path


def table(folder, change=lambda n, ms: ms, device="board"):
    lines = ["model,sha256,device,threads,median_ms"]
    for n, probe in enumerate(read_probes(folder)):
        lines.append(f"{probe.file},{probe.sha256},{device},2,{change(n, truth(probe.work))}")
    path = folder / "latencies.csv"
    path.write_text("\n".join(lines))
    return path


def test_a_table_of_latencies_makes_a_device_that_a_search_knows(folder):
    out = folder / "my-board.json"
    made = sa.calibrate(table(folder), folder, device="raspberry_pi_4", out=out)
    assert (made.name, made.threads, made.memory_bytes) == ("my_board", 2, sa.device("raspberry_pi_4").memory_bytes)
    again = sa.device(out)
    assert again == made
    new = network(500)
    error = abs(predictor_for(again).predict(new).mean - math.log(truth(new)))
    assert error < 0.15
    assert error < abs(Roofline(sa.device("raspberry_pi_4")).predict(new).mean - math.log(truth(new)))


def test_the_report_says_how_well_the_device_is_known(folder):
    report = api.calibrate_with_report(table(folder), folder, device="phone", name="board")
    assert report.lines[0] == "board: 16 networks measured (board, 2 threads)"
    assert report.document["additivity"]["passes"]
    assert report.document["error_factor"] < 1.3
    assert "costs add up" in report.lines[2]
    json.dumps(report.document)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "fone"}, "did you mean 'phone'"),
        ({"name": "My Board"}, "lower-case letters"),
        ({"out": "device.toml"}, "a calibrated device is a JSON file"),
        ({"references": ["phonee"]}, "did you mean 'phone'"),
    ],
)
def test_wrong_words_are_refused(folder, settings, message):
    with pytest.raises(ConfigError, match=message):
        sa.calibrate(table(folder), folder, **({"device": "phone"} | settings))


def test_a_latency_that_is_no_number_names_its_line(folder):
    path = table(folder, change=lambda n, ms: "nan" if n == 4 else ms)
    with pytest.raises(ConfigError, match="line 6: median_ms must be a positive number"):
        sa.calibrate(path, folder, device="phone")


def test_a_table_of_other_models_is_refused(folder):
    path = table(folder)
    path.write_text(path.read_text().replace("000", "abc"))
    with pytest.raises(ConfigError, match="another file by now"):
        sa.calibrate(path, folder, device="phone")
