"""Any table becomes a benchmark by a few lines; what would give wrong numbers is refused with a sentence that helps."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from searchitect.errors import ConfigError, EvaluationError, SearchitectError, TaskError
from searchitect.spaces import SearchSpace
from searchitect.tabular.pool import PoolSpace
from searchitect.trial import Fidelity
from tests.tabular.tables import BRIEF, at, grid, opened


def test_five_lines_are_enough(tmp_path: Path) -> None:
    benchmark = opened(tmp_path, grid())
    space = SearchSpace.of(benchmark.space)
    assert space.size() == len(benchmark) == 6
    assert not isinstance(space, PoolSpace)
    assert dict(benchmark.signals) == {"valid": "valid_accuracy"}
    assert str(benchmark.objective(benchmark.truth)) == "maximize test_accuracy"
    member = at(benchmark, depth=2, op="pool")
    assert benchmark.measure(member) == {"valid_accuracy": 0.6, "test_accuracy": 0.75, "train_seconds": 21.0}
    assert (benchmark.cost(member), benchmark.cost_unit) == (21.0, "seconds")
    assert benchmark.check(member) == ()


def test_a_table_without_some_combinations_is_a_pool(tmp_path: Path) -> None:
    columns = {name: cells[:-1] for name, cells in grid().items()}
    benchmark = opened(tmp_path, columns)
    space = SearchSpace.of(benchmark.space)
    assert isinstance(space, PoolSpace)
    assert {space.sample(random.Random(seed)) for seed in range(200)} == set(benchmark.members())
    from searchitect.spaces import Architecture

    outside = Architecture(space.digest, {"depth": 2, "op": "skip"})
    assert benchmark.check(outside) == ("the table does not hold this architecture",)
    with pytest.raises(EvaluationError, match="does not hold"):
        benchmark.measure(outside)


def test_complete_is_checked(tmp_path: Path) -> None:
    columns = {name: cells[:-1] for name, cells in grid().items()}
    with pytest.raises(TaskError, match="holds 5 of 6 architectures"):
        opened(tmp_path, columns, BRIEF + "complete = true")


WRONG_TABLES: list[tuple[dict[str, Any], str]] = [
    ({"depth": [1, 1, 1, 2, 2, 1], "op": ["conv", "pool", "skip"] * 2}, r"rows 3 and 6 of .* are both .*\"depth\":1"),
    ({"depth": [1, 1, "", 2, 2, 2]}, "decision 'depth' is missing in row 3"),
    ({"depth": [1, 1, "one", 2, 2, 2], "x": [1] * 6}, None),  # texts are options too
    ({"valid_accuracy": [0.5, "", 0.3, 0.7, 0.6, 0.2]}, "valid_accuracy is missing in 1 of 6 rows, first in row 2 of"),
    ({"valid_accuracy": [0.5, "nan", 0.3, 0.7, 0.6, 0.2]}, "valid_accuracy is missing in 1 of 6"),
    ({"valid_accuracy": [0.5, "inf", 0.3, 0.7, 0.6, 0.2]}, "infinite"),
    ({"valid_accuracy": [0.5, "bad", 0.3, 0.7, 0.6, 0.2]}, "row 2 .* has 'bad' as valid_accuracy, expected a number"),
    ({"valid_accuracy": [50, 40, 30, 7000, 60, 20]}, "out of its unit's range"),
    ({"valid_accuracy": [0.5, 0.4, 0.3, 70, 60, 20]}, "mixes fractions"),
    ({"train_seconds": [1, 2, -1, 3, 4, 5]}, "train_seconds is -1 in row 3 of .*table.csv .*, below 0"),
]


@pytest.mark.parametrize(("change", "message"), WRONG_TABLES)
def test_a_wrong_table_is_refused(tmp_path: Path, change: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert len(opened(tmp_path, grid() | change)) == 6
        return
    with pytest.raises(TaskError, match=message) as caught:
        opened(tmp_path, grid() | change)
    assert caught.value.hint


WRONG_WORDS: list[tuple[str, str, str]] = [
    ('signal = "valid_accuracy"', 'signal = "valid_acuracy"', "did you mean 'valid_accuracy'"),
    ('decisions = ["depth", "op"]', 'decisions = ["dept", "op"]', "did you mean 'depth'"),
    ('decisions = ["depth", "op"]', 'decision = ["depth"]', "did you mean 'decisions'"),
    ('cost = "train_seconds"', 'cost = "train_second"', "did you mean 'train_seconds'"),
    ('truth = "test_accuracy"', "truth = 3", "truth is a text"),
    ('table = "table.csv"', 'table = "tabel.csv"', "is not beside its description"),
    ('table = "table.csv"', "", "does not say 'table'"),
    ('decisions = ["depth", "op"]', "", "which columns are decisions"),
    ('signal = "valid_accuracy"', "", "no signal"),
    ('cost = "train_seconds"', 'cost = { per_epoch = "train_seconds" }', "needs the epochs"),
    ('cost = "train_seconds"', 'decisions = "x"', "no TOML"),
    ('cost = "train_seconds"', "where = { depth = 7 }", "the column holds 1, 2"),
    ('cost = "train_seconds"', 'replicates = "seed"', "no column 'seed'"),
    ('cost = "train_seconds"', 'directions = { valid_accuracy = "up" }', "maximize or minimize"),
    ('cost = "train_seconds"', 'measurements = ["train_*", "nothing_*"]', "nothing_"),
    ('decisions = ["depth", "op"]', "decisions = { depth = { options = [1, 3] }, op = {} }", "which is no option"),
    ('cost = "train_seconds"', 'units = { valid_acuracy = "percent" }', "did you mean 'valid_accuracy'"),
    ('cost = "train_seconds"', 'units = { valid_accuracy = "percents" }', "fraction"),
    ('cost = "train_seconds"', 'units = { valid_accuracy = "percent" }', "called percent"),
    ('decisions = ["depth", "op"]', 'decisions = { depth = { kind = "float" }, op = {} }', "choice, integer or real"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG_WORDS)
def test_a_wrong_description_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SearchitectError) as caught:
        opened(tmp_path, grid(), BRIEF.replace(old, new))
    assert message in str(caught.value)


def test_a_direction_that_the_name_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    columns = {("quality" if name == "valid_accuracy" else name): cells for name, cells in grid().items()}
    text = BRIEF.replace("valid_accuracy", "quality")
    with pytest.raises(ConfigError, match="cannot tell") as caught:
        opened(tmp_path, columns, text)
    assert 'quality = "maximize"' in str(caught.value.hint)
    benchmark = opened(tmp_path, columns, text + 'directions = { quality = "minimize" }')
    assert benchmark.objective("quality").direction == "minimize"


def test_rows_without_signal_can_be_dropped(tmp_path: Path) -> None:
    columns = grid() | {"valid_accuracy": [0.5, "", 0.3, 0.7, 0.6, 0.2]}
    assert len(opened(tmp_path, columns, BRIEF + 'missing = "drop"')) == 5


def test_a_seed_column_makes_replicates_and_the_truth_their_mean(tmp_path: Path) -> None:
    columns = {name: [*cells, *cells] for name, cells in grid().items()}
    columns["seed"] = [1] * 6 + [0] * 6
    columns["test_accuracy"] = [*grid()["test_accuracy"], *(0.2 for _ in range(6))]
    columns["valid_accuracy"] = [*grid()["valid_accuracy"], *(0.1 for _ in range(6))]
    benchmark = opened(tmp_path, columns, BRIEF + 'replicates = "seed"')
    member = at(benchmark, depth=2, op="pool")
    assert [benchmark.measure(member, replicate=r)["valid_accuracy"] for r in range(3)] == [0.1, 0.6, 0.1]
    assert benchmark.truth == "test_accuracy_mean"
    assert benchmark.measure(member)["test_accuracy_mean"] == pytest.approx((0.75 + 0.2) / 2)
    columns["seed"] = [0] * 12
    with pytest.raises(TaskError, match="one architecture with one seed"):
        opened(tmp_path, columns, BRIEF + 'replicates = "seed"')


EPOCHS = """
table = "table.csv"
decisions = ["depth", "op"]
cost = "train_seconds"
truth = "acc_percent"
signals = { valid = "acc_percent", early = { measurement = "acc_percent", epochs = 3 } }
measurements = { acc_percent = "acc_after_{epochs}_percent", params = "params" }
"""


def with_epochs() -> dict[str, list[Any]]:
    kept = {name: cells for name, cells in grid().items() if "accuracy" not in name}
    more = {f"acc_after_{n}_percent": [10 * n + i for i in range(6)] for n in (1, 3, 9)}
    return kept | more | {"params": [5] * 6}


def test_columns_by_epoch_are_fidelities(tmp_path: Path) -> None:
    benchmark = opened(tmp_path, with_epochs(), EPOCHS)
    member = at(benchmark, depth=1, op="pool")
    assert (benchmark.epochs, benchmark.fidelities) == (9, (1, 3))
    assert benchmark.measure(member)["acc_percent"] == 91
    assert benchmark.measure(member)["acc_percent_at_3_epochs"] == 31
    assert benchmark.measure(member, Fidelity(epochs=3)) == {"acc_percent": 31, "params": 5}
    assert benchmark.signal_fidelities == {"early": Fidelity(epochs=3)}
    assert benchmark.cost(member, Fidelity(epochs=3)) == pytest.approx(11 / 3)
    with pytest.raises(EvaluationError, match="nothing after 2 epochs") as caught:
        benchmark.measure(member, Fidelity(epochs=2))
    assert caught.value.hint == "recorded: 1, 3"
    with pytest.raises(EvaluationError, match="full resolution"):
        benchmark.measure(member, Fidelity(data_fraction=0.5))


def test_lists_by_epoch_are_curves_and_their_seconds_add_up(tmp_path: Path) -> None:
    columns = grid()
    columns["loss_by_epoch"] = [f"[3.0, 2.0, {1 + i / 10}]" for i in range(6)]
    columns["seconds_by_epoch"] = ["[2.0, 1.0, 3.0]"] * 6
    text = BRIEF.replace('"valid_accuracy"', '"loss_by_epoch"').replace('"train_seconds"', '"seconds_by_epoch"')
    benchmark = opened(tmp_path, columns, text)
    member = at(benchmark, depth=1, op="skip")
    assert benchmark.measure(member)["loss_by_epoch"] == 1.2
    assert benchmark.measure(member, Fidelity(epochs=2))["loss_by_epoch"] == 2.0
    assert [benchmark.cost(member, Fidelity(epochs=n)) for n in (1, 2, 3)] == [2.0, 3.0, 6.0]


def test_a_cost_per_epoch_is_multiplied(tmp_path: Path) -> None:
    text = BRIEF.replace(
        'cost = "train_seconds"', 'epochs = 5\ncost = { per_epoch = "train_seconds", unit = "epoch × s" }'
    )
    benchmark = opened(tmp_path, grid(), text)
    member = at(benchmark, depth=1, op="conv")
    assert (benchmark.cost(member), benchmark.cost(member, Fidelity(epochs=2))) == (50.0, 20.0)
    assert benchmark.cost_unit == "epoch × s"


def test_conditional_columns_exist_where_their_parent_says(tmp_path: Path) -> None:
    columns = {
        "op": ["conv", "conv", "pool", "pool", "skip"],
        "kernel": [3, 5, 99, 99, ""],
        "pooling": ["", "junk", "max", "avg", ""],
        "valid_accuracy": [0.1, 0.2, 0.3, 0.4, 0.5],
    }
    text = """
table = "table.csv"
decisions = ["op", "kernel", "pooling"]
signal = "valid_accuracy"
complete = true
[when]
kernel = { op = "conv" }
pooling = { op = ["pool"] }
"""
    benchmark = opened(tmp_path, columns, text)
    assert SearchSpace.of(benchmark.space).size() == 5
    assert benchmark.measure(at(benchmark, **{"op": "conv", "op.conv.kernel": 5}))["valid_accuracy"] == 0.2
    assert benchmark.measure(at(benchmark, op="skip"))["valid_accuracy"] == 0.5
    with pytest.raises(ConfigError, match="op is never 'cnv'"):
        opened(tmp_path, columns, text.replace('"conv"', '"cnv"'))


def test_a_condition_that_was_not_said_is_named_in_the_hint(tmp_path: Path) -> None:
    columns = {"depth": [1, 2, 1], "op": ["conv", "conv", "pool"], "kernel": [3, 5, ""], "valid_loss": [1, 2, 3]}
    text = 'table = "table.csv"\ndecisions = ["depth", "op", "kernel"]\nsignal = "valid_loss"\n'
    with pytest.raises(TaskError, match="'kernel' is missing in row 3") as caught:
        opened(tmp_path, columns, text)
    line = '"kernel" = { "op" = ["conv"] }'
    assert str(caught.value.hint).endswith(f"[when] {line}")
    assert len(opened(tmp_path, columns, f"{text}[when]\n{line}\n")) == 3


def test_a_column_of_lists_is_a_decision_for_each_place(tmp_path: Path) -> None:
    columns = {"ops": ["[0, 1]", "[1, 1]", "[0, 0]", "[1, 0]", "[1]", "[0]"], "valid_error": [4, 3, 6, 5, 2, 1]}
    text = 'table = "table.csv"\ndecisions = ["ops"]\nsignal = "valid_error"\ncomplete = true\n'
    benchmark = opened(tmp_path, columns, text)
    member = at(benchmark, **{"ops.length": 2, "ops.0": 1, "ops.1": 0})
    assert benchmark.measure(member) == {"valid_error": 5}
    with pytest.raises(TaskError, match="write flat lists"):
        opened(tmp_path, columns | {"ops": ["[[0]]", "[[1]]", "[[2]]", "[[3]]", "[[4]]", "[[5]]"]}, text)
    with pytest.raises(ConfigError, match="their options are what they hold"):
        opened(tmp_path, columns, text.replace('["ops"]', "{ ops = { options = [0, 1] } }"))


def test_a_decimal_comma_is_told(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="expected a number") as caught:
        opened(tmp_path, grid() | {"valid_accuracy": ["0,5", "0,4", "0,3", "0,7", "0,6", "0,2"]})
    assert caught.value.hint == "write decimals with a point"


def test_repeats_ignore_what_lies_beyond_their_length(tmp_path: Path) -> None:
    columns = {
        "n": [1, 1, 2, 2, 2, 2],
        "width_1": [8, 16, 8, 8, 16, 16],
        "width_2": ["", 77, 8, 16, 8, 16],
        "valid_loss": [6, 5, 4, 3, 2, 1],
    }
    text = """
table = "table.csv"
complete = true
signal = "valid_loss"
[[repeats]]
name = "stages"
length = "n"
items = { width = "width_{i}" }
"""
    benchmark = opened(tmp_path, columns, text)
    member = at(benchmark, **{"stages.length": 2, "stages.0.width": 8, "stages.1.width": 16})
    assert benchmark.measure(member)["valid_loss"] == 3
    assert benchmark.objective("valid_loss").direction == "minimize"


def test_architecture_strings_are_read_by_a_pattern(tmp_path: Path) -> None:
    columns = {"arch": ["a~0|b~1", "a~0|c~1", "b~0|b~1", "b~0|c~1"], "score": [1, 2, 3, 4]}
    text = 'table = "table.csv"\nsignal = "score"\narchitecture = { column = "arch", pattern = "{x}~0|{y}~1" }'
    benchmark = opened(tmp_path, columns, text)
    assert SearchSpace.of(benchmark.space).size() == 4
    assert benchmark.measure(at(benchmark, x="b", y="c"))["score"] == 4


def test_variants_fill_in_words(tmp_path: Path) -> None:
    text = BRIEF.replace("valid_accuracy", "{split}_accuracy").replace(
        "truth", "[variants]\nsplit = ['valid', 'test']\n#"
    )
    text = "\n".join(sorted(text.splitlines(), key=lambda line: line.startswith(("[", "split"))))
    assert dict(opened(tmp_path, grid(), text, "/test").signals) == {"valid": "test_accuracy"}
    with pytest.raises(ConfigError, match="no variant 'tset'"):
        opened(tmp_path, grid(), text, "/tset")


def test_a_join_adds_the_columns_of_another_table(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("op,latency_ms\nconv,3\npool,2\n", "utf-8")
    text = BRIEF + 'measurements = ["latency_ms"]\n[[joins]]\ntable = "more.csv"\non = "op"\n'
    benchmark = opened(tmp_path, grid(), text)
    assert benchmark.measure(at(benchmark, depth=1, op="pool"))["latency_ms"] == 2
    assert "latency_ms" not in benchmark.measure(at(benchmark, depth=1, op="skip"))  # nothing was measured there
    (tmp_path / "more.csv").write_text("op,latency_ms\nconv,3\nconv,2\n", "utf-8")
    with pytest.raises(TaskError, match="'conv' stands in rows 1 and 2 of"):
        opened(tmp_path, grid(), text)


def test_numbers_of_many_values_are_integers_and_reals(tmp_path: Path) -> None:
    columns = {
        "width": list(range(10, 210, 10)),
        "rate": [0.001 * 1.3**i for i in range(20)],
        "valid_accuracy": [i / 20 for i in range(20)],
    }
    text = """
table = "table.csv"
signal = "valid_accuracy"
[decisions]
width = {}
rate = { log = true, role = "architecture" }
"""
    benchmark = opened(tmp_path, columns, text)
    space = SearchSpace.of(benchmark.space)
    kinds = {decision.path: decision.kind for decision in space.decisions()}
    assert kinds == {"width": "integer", "rate": "real"}
    assert all(not benchmark.check(space.sample(random.Random(seed))) for seed in range(20))


def test_check_and_measure_take_microseconds(tmp_path: Path) -> None:
    benchmark = opened(tmp_path, grid())
    member = at(benchmark, depth=1, op="conv")
    start = time.process_time()
    for _ in range(10_000):
        benchmark.check(member)
        benchmark.measure(member)
    assert time.process_time() - start < 1.0  # a hundred microseconds each, on the busiest machine


def test_parquet_of_any_program_is_read(tmp_path: Path) -> None:
    """An index, dates, structures, words as categories, decimals and names with spaces are no obstacle."""
    import datetime
    from decimal import Decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    from searchitect.tabular import open_benchmark

    columns = {
        "Unnamed: 0": pa.array([0, 1, 2]),
        "__index_level_0__": pa.array([5, 6, 7]),
        "Block Type": pa.array(["a", "b", "c"]).dictionary_encode(),
        "Val Acc (%)": pa.array([Decimal("91.5"), Decimal("90.0"), Decimal("12.25")]),
        "when": pa.array([datetime.date(2020, 1, 1)] * 3),
        "more": pa.array([{"x": 1}] * 3),
        "ratio": pa.array([1.0, float("inf"), 2.0]),
        "params": pa.array([1, 2, 3], type=pa.int8()),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (tmp_path / "b.toml").write_text(
        'table = "t.parquet"\ndecisions = ["Block Type"]\nsignal = "Val Acc (%)"\n', "utf-8"
    )
    benchmark = open_benchmark(str(tmp_path / "b.toml"))
    measured = [dict(benchmark.measure(a)) for a in benchmark.members()]
    assert measured[0] == {"Val_Acc": 91.5, "params": 1.0}
    assert benchmark.objective("Val_Acc").direction == "maximize"


def test_two_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    columns = grid() | {"valid accuracy": [9] * 6}
    with pytest.raises(ConfigError, match="would both be called valid_accuracy"):
        opened(tmp_path, columns)


def test_columns_may_have_the_names_of_words_of_python(tmp_path: Path) -> None:
    columns = {"class": [1, 2], "build": [1, 1], "3x": ["a", "b"], "accuracy": [0.5, 0.6]}
    benchmark = opened(
        tmp_path, columns, 'table = "table.csv"\ndecisions = ["class", "build", "3x"]\nsignal = "accuracy"'
    )
    assert [dict(a.items()) for a in benchmark.members()] == [
        {"class_": 1, "build_": 1, "n3x": "a"},
        {"class_": 2, "build_": 1, "n3x": "b"},
    ]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    from searchitect.tabular import open_benchmark

    (tmp_path / "b.toml").write_text('table = "t.parquet"\ndecisions = ["a"]\nsignal = "accuracy"\n', "utf-8")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(TaskError, match="t.parquet as parquet"):
        open_benchmark(str(tmp_path / "b.toml"))


def test_rows_in_messages_are_those_of_the_file_also_where_rows_are_left_out_or_have_no_such_decision(
    tmp_path: Path,
) -> None:
    columns = {
        "space": ["old", "new", "new", "new"],
        "op": ["conv", "pool", "conv", "conv"],
        "kernel": [3, "", 5, ""],
        "valid_accuracy": [0.4, 0.5, 0.6, 0.7],
    }
    text = 'table = "table.csv"\ndecisions = ["op", "kernel"]\nsignal = "valid_accuracy"\nwhere = { space = "new" }\n'
    with pytest.raises(TaskError, match=r"'kernel' is missing in row 4 of .*csv \(counted from 1, below the header\)"):
        opened(tmp_path, columns, text + '[when]\nkernel = { op = "conv" }')
    arch = columns | {"arch": ["-", "a-1", "a-2", "a_3"]}
    text = text.replace("decisions = [", 'architecture = { column = "arch", pattern = "{x}-{y}" }\n#')
    with pytest.raises(TaskError, match="row 4 .* has 'a_3' as arch, which does not match the pattern"):
        opened(tmp_path, arch, text)


@pytest.mark.parametrize(
    ("cells", "message", "hint"),
    [
        ([91, 90, 89, 0.89, 88, 87], r"fractions \(0.89\) and per cent \(91\) in rows 4 and 1 of", "units"),
        ([91, 90, 9100, 50, 88, 87], "runs from 50 to 9100 in rows 4 and 3 of", "units"),
        ([0.5, 0.4, "71 %", 0.3, 0.2, 0.1], "row 3 .* has '71 %' as valid_accuracy", "the number alone"),
        ([0.5, 0.4, "0,7", 0.3, 0.2, 0.1], "row 3 .* has '0,7' as valid_accuracy", "decimals with a point"),
        ([0.5, 0.4, "n/a", 0.3, 0.2, 0.1], "row 3 .* has 'n/a' as valid_accuracy", "leave the cell empty"),
        ([0.5, 0.4, "inf", 0.3, 0.2, 0.1], "infinite number, in row 3", "leave the cell empty"),
    ],
)
def test_a_number_that_cannot_be_is_told_with_its_row_and_a_remedy(tmp_path, cells, message, hint) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        opened(tmp_path, grid() | {"valid_accuracy": cells})
    assert hint in str(caught.value.hint)
