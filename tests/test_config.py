"""Text to objects: durations, budgets, spaces by name or file, settings files."""

from __future__ import annotations

import pickle
from pathlib import Path

import cloudpickle
import pytest
from hypothesis import given, strategies as st

from searchitect.config import (
    MAX_FILE,
    Budget,
    RunSettings,
    load_space,
    parse_budget,
    parse_duration,
    parse_memory,
    parse_options,
    read_settings,
)
from searchitect.errors import ConfigError, SpaceError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("5min", 300.0),
        ("2h", 7200.0),
        ("1h30m", 5400.0),
        ("1 h 30 min", 5400.0),
        ("0.5h", 1800.0),
        ("250ms", 0.25),
        ("1d", 86400.0),
        (" 90S ", 90.0),
        (12, 12.0),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read_as_seconds(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "fast", "90", "5 parsecs", "s", "-5min", "5min!", "1h-30m", "1.2.3s", "0s", 0, -1, float("inf"), True]
)
def test_anything_else_is_no_duration(text: str | float) -> None:
    with pytest.raises(ConfigError, match="duration") as caught:
        parse_duration(text)
    assert "5min" in str(caught.value)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(1, 59))
def test_hours_minutes_and_seconds_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


def test_a_budget_is_time_or_trials() -> None:
    assert parse_budget("500trials") == parse_budget("500 Trials") == Budget(trials=500)
    assert parse_budget("1trial") == Budget(trials=1)
    assert parse_budget("1h30m") == parse_budget(5400) == Budget(seconds=5400.0)
    assert parse_budget(None) == Budget()
    with pytest.raises(ConfigError, match="no trials"):
        parse_budget("0trials")


SPACE = """
import neighbour
import searchitect as sa

class NotASpace:
    pass

@sa.space
class Net:
    width: int = sa.choice(8, 16)
    depth: int = sa.integer(1, neighbour.DEEPEST)
"""


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("DEEPEST = 3\n")
    path = tmp_path / "my_space.py"
    path.write_text(SPACE)
    return path


def test_a_class_in_a_file_is_a_space_and_its_file_may_import_its_neighbours(space_file: Path) -> None:
    from searchitect.spaces import SearchSpace

    found = load_space(f"{space_file}:Net")
    assert found.__name__ == "Net"
    assert SearchSpace.of(found).size() == 6


def test_a_class_from_a_file_travels_by_value(space_file: Path) -> None:
    """A worker process could not import the made-up module name, so the bytes must hold the class itself."""
    found = load_space(f"{space_file}:Net")
    packed = cloudpickle.dumps(found)
    assert len(packed) > 500
    assert pickle.loads(packed).__name__ == "Net"  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("suffix", "kind", "expected"),
    [
        (":Nets", ConfigError, "has no class 'Nets'"),
        (":NotASpace", SpaceError, "NotASpace"),
        ("", ConfigError, "which class in"),
    ],
)
def test_a_wrong_class_is_explained(space_file: Path, suffix: str, kind: type[Exception], expected: str) -> None:
    with pytest.raises(kind, match=expected):
        load_space(f"{space_file}{suffix}")


def test_the_nearest_class_and_the_nearest_file_are_named(space_file: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'Net'"):
        load_space(f"{space_file}:Nett")
    with pytest.raises(ConfigError, match=r"did you mean 'my_space\.py'"):
        load_space(f"{space_file.parent / 'my_spaces.py'}:Net")


def test_a_file_that_raises_is_explained_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("x = 1\n\nraise RuntimeError('not today')\n")
    with pytest.raises(SpaceError, match=r"broken\.py, line 3: RuntimeError: not today"):
        load_space(f"{path}:Net")


def test_a_catalogue_name_is_a_space_and_a_wrong_one_is_answered_with_the_nearest() -> None:
    from searchitect.spaces import SearchSpace

    assert SearchSpace.of(load_space("plain_cnn")).size() > 1
    with pytest.raises(ConfigError, match="did you mean 'plain_cnn'"):
        load_space("plane_cnn")


def test_a_file_of_layers_is_a_space(tmp_path: Path) -> None:
    from searchitect.spaces import SearchSpace

    path = tmp_path / "layers.json"
    path.write_text('{"layers": ["conv", "pool", "fc"], "length": [2, 4]}')
    assert SearchSpace.of(load_space(str(path))).size() > 1
    with pytest.raises(ConfigError, match="there is no file"):
        load_space(str(tmp_path / "absent.toml"))


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_settings_file_fills_the_settings(tmp_path: Path) -> None:
    lines = (
        'task = "digits"',
        'budget = "5min"',
        'objective = ["accuracy", "parameters"]',
        "[recipe]",
        'optimizer = "sgd"',
    )
    assert read_settings(_written(tmp_path, "\n".join(lines))) == RunSettings(
        task="digits", budget="5min", objective=("accuracy", "parameters"), recipe={"optimizer": "sgd"}
    )


def test_what_is_given_later_wins() -> None:
    settings = RunSettings().updated({"trials": 5, "seed": 3}).updated({"trials": 7})
    assert (settings.trials, settings.seed) == (7, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trails = 5", "no setting 'trails'[^?]*did you mean 'trials'"),
        ("trials = 'five'", "trials must be a positive whole number, got 'five'"),
        ("trials = 0", "trials must be a positive whole number, got 0"),
        ("trials = true", "trials must be a positive whole number, got True"),
        ("workers = -1", "workers must be a whole number from 0, got -1"),
        ("seed = 1.5", "seed must be a whole number"),
        ("deterministic = 'yes'", "deterministic must be true or false"),
        ("objective = 'accuracy'", "objective must be a list of texts"),
        ("budget = true", "budget must be a text such as '5min'"),
        ("recipe = 3", "recipe must be a table"),
        ("trials = = 5", "is no TOML file"),
    ],
)
def test_a_wrong_line_names_the_file_and_what_was_expected(tmp_path: Path, text: str, expected: str) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(ConfigError, match=f"(?s){path}.*{expected}"):
        read_settings(path)


def test_a_missing_a_binary_and_a_huge_settings_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        read_settings(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no TOML file"):
        read_settings(tmp_path / "binary.toml")
    with pytest.raises(ConfigError, match="a settings file has at most"):
        read_settings(_written(tmp_path, "#" * (MAX_FILE + 1)))


def test_every_setting_has_a_stated_type() -> None:
    from searchitect.config import _WANTED

    assert set(_WANTED) == set(RunSettings.names())


def test_options_are_numbers_lists_truths_or_texts():
    read = parse_options(["size=20", "rate=0.5", "model=trees", "exact=false", "ids=[1, 2]", " kind = none "])
    assert read == {"size": 20, "rate": 0.5, "model": "trees", "exact": False, "ids": [1, 2], "kind": "none"}


@pytest.mark.parametrize(("texts", "problem"), [(["size"], "cannot be read"), (["a=1", "a=2"], "is given twice")])
def test_an_option_of_another_form_is_refused(texts, problem):
    with pytest.raises(ConfigError, match=f"{problem}\n.*write NAME=VALUE"):
        parse_options(texts)


def test_options_of_the_strategy_are_a_table_in_a_file(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('strategy = "genetic"\nwarm_start = ["old"]\n[option]\npopulation_size = 20\n')
    settings = read_settings(file)
    assert (settings.option, settings.warm_start) == ({"population_size": 20}, ("old",))


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("2GB", 2_000_000_000),
        ("512MB", 512_000_000),
        (" 1.5 gib ", 3 << 29),
        ("20000 kB", 20_000_000),
        ("1TB", 10**12),
        ("64MiB", 64 << 20),
        (123_456_789, 123_456_789),
    ],
)
def test_a_size_is_read_as_bytes(given: str | int, count: int) -> None:
    assert parse_memory(given) == count


@pytest.mark.parametrize("given", ["", "2", "GB", "2G", "-2GB", "2GB!", "1GB2MB", "2 ells", "1kB", 0, True, 2.5, None])
def test_anything_else_is_no_size(given: object) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_memory(given)  # type: ignore[arg-type]
    assert caught.value.hint == "write 2GB, 512MB or 1.5GiB"


def test_a_budget_may_be_an_energy() -> None:
    assert parse_budget("2kWh") == parse_budget("2000 Wh") == Budget(joules=7.2e6)
    assert parse_budget("300kJ") == parse_budget("0.3MJ") == parse_budget("300000J") == Budget(joules=3e5)
    with pytest.raises(ConfigError, match="no energy leaves nothing"):
        parse_budget("0Wh")
    with pytest.raises(ConfigError, match="cannot read the budget '2kW'\n.*2kWh"):
        parse_budget("2kW")
