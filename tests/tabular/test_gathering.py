"""A table with one row for each epoch is the same benchmark as the one with lists by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from searchitect.errors import EvaluationError, SearchitectError
from searchitect.tabular.evaluator import TableEvaluator
from searchitect.tabular.table_benchmark import TableBenchmark
from searchitect.trial import Fidelity
from tests.tabular.tables import at, opened

LONG = """
table = "table.csv"
decisions = ["depth", "op"]
epochs = "epoch"
signal = "valid_accuracy"
truth = "test_accuracy"
cost = "epoch_seconds"
"""
ROWS = ["epoch,depth,op,valid_accuracy,test_accuracy,params,epoch_seconds"]
ROWS += [
    f"{epoch},{depth},{op},0.{epoch}{depth},{f'0.{depth}' if epoch == 3 else ''},{10 * depth},{9 - epoch}"
    for epoch in (3, 1, 2)  # the order of the rows means nothing
    for depth in (1, 2)
    for op in ("conv", "pool")
]


def table(*lines: str) -> dict[str, list[str]]:
    head, *cells = (line.split(",") for line in lines)
    return {name: [row[place] for row in cells] for place, name in enumerate(head)}


def changed(old: str, new: str) -> dict[str, list[str]]:
    assert any(line.startswith(old) for line in ROWS)
    return table(*(new + line.removeprefix(old) if line.startswith(old) else line for line in ROWS))


def answers(benchmark: TableBenchmark) -> dict[str, Any]:
    found: dict[str, Any] = {"epochs": benchmark.epochs, "fidelities": benchmark.fidelities, "on": benchmark.continues}
    for member in benchmark.members():
        for epochs in (1, 2, 3):
            fidelity = Fidelity(epochs=epochs)
            figures = benchmark.measure(member, fidelity), benchmark.cost(member, fidelity)
            found[f"{member.text} {epochs}"] = figures
    return found


def test_rows_of_epochs_are_what_lists_by_epoch_are(tmp_path: Path) -> None:
    long = opened(tmp_path, table(*ROWS), LONG)
    lists: dict[str, list[Any]] = {"depth": [1, 1, 2, 2], "op": ["conv", "pool"] * 2, "params": [10, 10, 20, 20]}
    lists["valid_accuracy"] = [str([round(0.1 * n + 0.01 * depth, 2) for n in (1, 2, 3)]) for depth in lists["depth"]]
    lists |= {"test_accuracy": [0.1, 0.1, 0.2, 0.2], "epoch_seconds": ["[8, 7, 6]"] * 4}
    same = opened(tmp_path, lists, LONG.replace('epochs = "epoch"', 'measurements = ["params", "epoch_seconds"]'))
    assert answers(long) == answers(same)
    member = at(long, depth=2, op="pool")
    assert long.measure(member) == {"valid_accuracy": 0.32, "test_accuracy": 0.2, "params": 20, "epoch_seconds": 6}
    assert long.measure(member, Fidelity(epochs=2))["valid_accuracy"] == 0.22
    assert [long.cost(member, Fidelity(epochs=n)) for n in (1, 2, 3)] == [8, 15, 21]
    assert long.continues
    assert TableEvaluator(long).recorded_epochs == (1, 2, 3)


def test_some_epochs_are_what_columns_by_epoch_are(tmp_path: Path) -> None:
    columns = table(*ROWS)
    columns["epoch"] = [{"1": "12", "2": "50", "3": "200"}[cell] for cell in columns["epoch"]]
    benchmark = opened(tmp_path, columns, LONG)
    member = at(benchmark, depth=1, op="conv")
    assert (benchmark.epochs, benchmark.fidelities, benchmark.continues) == (200, (12, 50), False)
    assert benchmark.measure(member, Fidelity(epochs=50))["valid_accuracy"] == 0.21
    assert [benchmark.cost(member, Fidelity(epochs=n)) for n in (12, 50, 200)] == [8, 15, 21]
    with pytest.raises(EvaluationError, match="nothing after 13 epochs"):
        benchmark.measure(member, Fidelity(epochs=13))
    early = 'signals = { valid = "valid_accuracy", early = { measurement = "valid_accuracy", epochs = 12 } }'
    benchmark = opened(tmp_path, columns, LONG.replace('signal = "valid_accuracy"', early))
    assert benchmark.measure(member)["valid_accuracy_at_12_epochs"] == 0.11


def test_epochs_may_count_from_zero(tmp_path: Path) -> None:
    columns = table(*ROWS)
    columns["epoch"] = [str(int(cell) - 1) for cell in columns["epoch"]]
    text = LONG.replace('"epoch"', '{ column = "epoch", first = 0 }')
    assert answers(opened(tmp_path, columns, text)) == answers(opened(tmp_path, table(*ROWS), LONG))


def test_a_shorter_training_ends_where_its_rows_end(tmp_path: Path) -> None:
    lines = [line for line in ROWS if not line.startswith("3,1,conv")]
    lines = [line.replace("2,1,conv,0.21,", "2,1,conv,0.21,0.7") for line in lines]
    benchmark = opened(tmp_path, table(*lines), LONG)
    member = at(benchmark, depth=1, op="conv")
    assert benchmark.measure(member) == {"valid_accuracy": 0.21, "test_accuracy": 0.7, "params": 10, "epoch_seconds": 7}
    assert benchmark.cost(member) == 15
    columns = table(*lines)
    columns["epoch"] = [{"1": "12", "2": "50", "3": "200"}.get(cell, cell) for cell in columns["epoch"]]
    with pytest.raises(SearchitectError, match="valid_accuracy is missing in 1 of 4 trainings"):
        opened(tmp_path, columns, LONG)  # a figure after 50 epochs is none after 200
    assert len(opened(tmp_path, columns, LONG + 'missing = "drop"')) == 3


def test_rows_that_seem_repeated_are_said_to_be_epochs_perhaps(tmp_path: Path) -> None:
    text = LONG.replace('epochs = "epoch"', "").replace('truth = "test_accuracy"', "")
    with pytest.raises(SearchitectError, match="holds 4 architectures more than once") as caught:
        opened(tmp_path, table(*ROWS), text)
    assert 'epochs = "epoch" where rows are epochs of one training' in str(caught.value.hint)


def test_a_figure_of_every_second_epoch_is_kept(tmp_path: Path) -> None:
    benchmark = opened(tmp_path, changed("2,2,pool,0.22", "2,2,pool,"), LONG)
    member = at(benchmark, depth=2, op="pool")
    assert benchmark.measure(member)["valid_accuracy"] == 0.32
    assert "valid_accuracy" not in benchmark.measure(member, Fidelity(epochs=2))


def test_seeds_are_trainings_of_their_own(tmp_path: Path) -> None:
    columns = {name: [*cells, *cells] for name, cells in table(*ROWS).items()}
    columns["seed"] = ["7"] * 12 + ["3"] * 12
    columns["valid_accuracy"][12:] = ["0.5"] * 11 + ["0.6"]
    benchmark = opened(tmp_path, columns, LONG + 'replicates = "seed"')
    member = at(benchmark, depth=1, op="pool")
    assert benchmark.replicates == 2
    assert [benchmark.measure(member, replicate=n)["valid_accuracy"] for n in (0, 1)] == [0.5, 0.31]
    assert benchmark.measure(member, Fidelity(epochs=1), 1)["valid_accuracy"] == 0.11
    columns["seed"] = ["3"] * 24
    with pytest.raises(SearchitectError, match="rows 5 and 17 .* epoch 1 of .*conv.* with seed 3"):
        opened(tmp_path, columns, LONG + 'replicates = "seed"')


def test_a_cost_that_only_grows_must_be_called_a_sum_or_not(tmp_path: Path) -> None:
    columns = table(*ROWS)
    columns["epoch_seconds"] = [str(10 * int(cell)) for cell in columns["epoch"]]
    with pytest.raises(SearchitectError, match="spent so far, or since the row before") as caught:
        opened(tmp_path, columns, LONG)
    assert 'cost = { column = "epoch_seconds", cumulative = true }' in str(caught.value.hint)
    for cumulative, costs in (("true", [10, 20, 30]), ("false", [10, 30, 60])):
        text = LONG.replace('"epoch_seconds"', f'{{ column = "epoch_seconds", cumulative = {cumulative} }}')
        benchmark = opened(tmp_path, columns, text)
        member = at(benchmark, depth=1, op="conv")
        assert [benchmark.cost(member, Fidelity(epochs=n)) for n in (1, 2, 3)] == costs
        assert benchmark.cost_unit == "seconds"


def test_a_cost_that_all_rows_repeat_is_that_of_the_full_training(tmp_path: Path) -> None:
    columns = table(*ROWS) | {"epoch_seconds": ["30"] * 12}
    benchmark = opened(tmp_path, columns, LONG)
    member = at(benchmark, depth=1, op="conv")
    assert (benchmark.cost(member), benchmark.cost(member, Fidelity(epochs=1))) == (30, 10)
    benchmark = opened(tmp_path, columns, LONG.replace('"epoch_seconds"', '{ per_epoch = "epoch_seconds" }'))
    assert (benchmark.cost(member), benchmark.cost(member, Fidelity(epochs=1))) == (90, 30)


def test_lists_may_be_called_cumulative_too(tmp_path: Path) -> None:
    columns = {"depth": [1, 2], "valid_loss": ["[3, 2]", "[2, 1]"], "seconds": ["[1, 3]", "[2, 4]"]}
    text = 'table = "table.csv"\ndecisions = ["depth"]\nsignal = "valid_loss"\n'
    text += 'cost = { column = "seconds", cumulative = true }'
    benchmark = opened(tmp_path, columns, text)
    assert [benchmark.cost(at(benchmark, depth=2), Fidelity(epochs=n)) for n in (1, 2)] == [2, 4]


def test_a_text_in_a_list_is_told_with_its_row(tmp_path: Path) -> None:
    columns = {"depth": [1, 2], "valid_loss": ["[3, 2, 1, 1]", '[3, 2, 1, "low"]']}
    with pytest.raises(SearchitectError, match="row 2 .* has 'low' as valid_loss, expected a number"):
        opened(tmp_path, columns, 'table = "table.csv"\ndecisions = ["depth"]\nsignal = "valid_loss"\n')


WRONG = [
    ("3,2,pool", ",2,pool", "epoch is missing in row 4"),
    ("3,2,pool", "nan,2,pool", "epoch is missing in row 4"),
    ("3,2,pool", "2.5,2,pool", "row 4 .* has '2.5' as epoch, expected a whole number"),
    ("3,2,pool", "0,2,pool", "row 4 .* has 0 as epoch, expected 1 to"),
    ("3,2,pool", "-1,2,pool", "row 4 .* has -1 as epoch"),
    ("3,2,pool", "last,2,pool", "has '3' as epoch, expected a whole number"),
    ("3,2,pool", "1,2,pool", r"rows 4 and 8 of .* are both epoch 1 of .*\"depth\": 2, \"op\": \"pool\""),
    ("2,2,pool,0.22", "2,2,pool,7000", "out of its unit's range"),
    ("2,2,pool,0.22", "2,2,pool,bad", "row 12 .* has 'bad' as valid_accuracy, expected a number"),
    ("2,2,pool,0.22,,20,7", "2,2,pool,0.22,,20,", "epoch_seconds is missing in row 12"),
    ("2,2,pool,0.22,,20,7", "2,2,pool,0.22,,20,-1", "is -1 in row 12 of .*, below 0"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_a_wrong_row_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SearchitectError, match=message) as caught:
        opened(tmp_path, changed(old, new), LONG)
    assert caught.value.hint


WORDS = [
    ('"epoch"', '"epcoh"', "did you mean 'epoch'"),
    ('"epoch"', "true", "epochs is a whole number or text or table"),
    ('"epoch"', '{ column = "epoch", first = 2 }', "counts from 1 or from 0"),
    ('"epoch"', "{ first = 0 }", "a whole number or a column"),
    ('"epoch"', '{ column = "epoch", last = 3 }', "epochs has no 'last'"),
    ('epochs = "epoch"', "", 'epochs = "epoch" where rows are epochs of one training'),
    ('["depth", "op"]', '["depth", "op", "epoch"]', "a decision and as the epochs"),
    ('["depth", "op"]', '["depth", "op", "valid_accuracy"]', "has rows of two epochs"),
    ('"epoch"', '"epoch"\nreplicates = true', "replicates = true does not say which rows"),
    ('"epoch"', '"epoch"\nmeasurements = { a = "a_{epochs}" }', "no column like"),
    ('"epoch"', '"epoch"\nmeasurements = { a = { 3 = "params" } }', "one row for each epoch"),
    ('"epoch_seconds"', '{ per_epoch = "epoch_seconds" }', "differs between epochs"),
    ('"epoch_seconds"', '{ column = "epoch_seconds", cumulative = true }', "falls from 8 to 7 in rows 5 and 9"),
    ('"epoch_seconds"', '{ column = "epoch_seconds", cumulative = 1 }', "cost is a column"),
]


@pytest.mark.parametrize(("old", "new", "message"), WORDS)
def test_a_wrong_description_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SearchitectError) as caught:
        opened(tmp_path, table(*ROWS), LONG.replace(old, new))
    assert message in str(caught.value)
