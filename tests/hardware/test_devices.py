import json

import pytest

import searchitect as sa
from searchitect.errors import ConfigError
from searchitect.hardware.devices import device, device_from_json, device_names

BOARD = """
about = "a board"
runtime = "ONNX Runtime"
arithmetic = "float32"
flops_per_second = 1e9
bytes_per_second = 1e9
operation_seconds = 1e-5
power_watts = 2
error_factor = 2.0
"""


def test_the_profiles_of_the_issue_are_there_and_say_what_they_are():
    assert set(device_names()) >= {"mcu_256kb", "raspberry_pi_4", "phone", "edge_gpu", "this_machine"}
    for name in device_names():
        found = sa.device(name)
        assert found.name == name
        assert found.flops_per_second > 0
        assert found.error_factor > 1
    mcu = sa.device("mcu_256kb")
    assert (mcu.memory_bytes, mcu.flash_bytes, mcu.arithmetic) == (256_000, 1_000_000, "int8")


def test_a_profile_of_ones_own_is_read_from_its_path(tmp_path):
    path = tmp_path / "my-board.toml"
    path.write_text(BOARD)
    found = device(str(path))
    assert (found.name, found.power_watts, found.memory_bytes) == ("my_board", 2, None)
    assert device_from_json(found.to_json()) == found
    assert device(found) is found


def test_a_device_differs_from_another_by_its_digest():
    assert sa.device("phone").digest() == sa.device("phone").digest()
    assert sa.device("phone").digest() != sa.device("edge_gpu").digest()


def test_an_unknown_device_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'raspberry_pi_4'"):
        sa.device("raspberry_pi4")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("power_wats = 3", "did you mean 'power_watts'"),
        ("power_watts = nan", "power_watts must be a number"),
        ("power_watts = -1", "power_watts must be positive"),
        ("memory_bytes = 1.5", "memory_bytes must be a whole number"),
        ('arithmetic = "int4"', "float32 or int8"),
        ("error_factor = 0.5", "a factor from 1 to 1000"),
        ('name = "My Board"', "lower-case letters"),
        ("threads = true", "threads must be a number"),
        ("power_watts = [", "is no TOML file"),
    ],
)
def test_a_wrong_field_is_refused_with_what_would_do(tmp_path, line, message):
    path = tmp_path / "board.toml"
    field = line.split(" ")[0]
    kept = [row for row in BOARD.splitlines() if not row.startswith(f"{field} ")]
    path.write_text("\n".join([*kept, line]))
    with pytest.raises(ConfigError, match=message):
        device(path)


def test_a_missing_field_is_named_with_an_example(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(BOARD.replace("power_watts = 2", ""))
    with pytest.raises(ConfigError, match="'power_watts' is missing") as caught:
        device(path)
    assert "write power_watts = 5.5" in str(caught.value)


def test_files_that_are_no_device_are_refused(tmp_path):
    huge, listed, absent = tmp_path / "huge.toml", tmp_path / "list.json", tmp_path / "absent.toml"
    huge.write_text("#" * 200_000)
    listed.write_text(json.dumps([1]))
    with pytest.raises(ConfigError, match="has 200,000 bytes"):
        device(huge)
    with pytest.raises(ConfigError, match="holds no device but a list"):
        device(listed)
    with pytest.raises(ConfigError, match="cannot be read"):
        device(absent)
