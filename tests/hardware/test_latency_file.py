import pytest

from searchitect.errors import ConfigError
from searchitect.hardware.latency_file import read_latencies
from searchitect.hardware.measure_onnx import Measured, write_latencies


def table(tmp_path, text):
    path = tmp_path / "latencies.csv"
    path.write_text(text)
    return path


def test_what_measure_writes_is_read_back(tmp_path):
    times = (1.0, 1.1, 0.9, 1.0, 5.0)
    path = tmp_path / "latencies.csv"
    write_latencies(path, [Measured("a/model.onnx", "ab" * 32, "d1", "onnxruntime 1.2", 4, "now", times)], "pi")
    (row,) = read_latencies(path)
    assert (row.model, row.sha256, row.architecture, row.device) == ("a/model.onnx", "ab" * 32, "d1", "pi")
    assert (row.runtime, row.threads, row.median_ms, row.times_ms) == ("onnxruntime 1.2", 4, 1.0, times)
    assert 0 < row.log_sd < 0.2


def test_a_table_of_two_columns_will_do(tmp_path):
    rows = read_latencies(table(tmp_path, "model,median_ms\na.onnx,3.5\n"))
    assert [(row.model, row.median_ms, row.log_sd) for row in rows] == [("a.onnx", 3.5, 0.0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,median_ms\na,1\nb,nan\n", "line 3: median_ms must be a positive number of milliseconds, got 'nan'"),
        ("model,median_ms\na,-1\n", "line 2: median_ms must be a positive number"),
        ("model,median_ms\na,inf\n", "got 'inf'"),
        ("model,median_ms\na,\n", "got ''"),
        ("model,median_ms,times_ms\na,1,1 nan 2\n", "times_ms must be a positive number"),
        ("model,median\na,1\n", "has no column 'median_ms'; it has: model, median"),
        ("", "has no column 'model'"),
        ("model,median_ms\n", "holds no measured model"),
        ("model,median_ms,sha256\na,1,xyz\n", "64 hexadecimal digits"),
        ("model,median_ms,threads\na,1,two\n", "threads must be a whole number"),
    ],
)
def test_what_is_no_table_of_latencies_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_latencies(table(tmp_path, text))


def test_a_file_that_is_absent_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="searchitect measure"):
        read_latencies(tmp_path / "absent.csv")
