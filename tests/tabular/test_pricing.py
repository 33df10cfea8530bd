"""Trainings that were looked at every few epochs: what was recorded when, what it costs, what rungs make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import searchitect as sa
from searchitect.errors import ConfigError, SearchitectError
from searchitect.tabular import TableEvaluator
from searchitect.tabular.comparing import compare
from searchitect.tabular.table_benchmark import TableBenchmark
from searchitect.trial import Fidelity
from tests.tabular.tables import at, opened

TEXT = """
table = "table.csv"
decisions = ["depth", "width"]
signal = "acc"
truth = "test_acc"
cost = "seconds"
epochs = { every = 5 }
"""
COLUMNS = TEXT.replace('"acc"', '"acc_{epochs}"').replace("epochs = { every = 5 }", "continues = true")


def lists(seconds: str = "[20, 10, 15, 12]") -> dict[str, list[Any]]:
    """Sixteen architectures after 5, 10, 15 and 20 epochs; the deepest and widest is the best at each."""
    final = [0.4 + 0.1 * depth + 0.02 * width for depth in range(4) for width in range(4)]
    return {
        "depth": [depth for depth in range(4) for _ in range(4)],
        "width": list(range(4)) * 4,
        "acc": [f"[{0.5 * f:.3f}, {0.7 * f:.3f}, {0.9 * f:.3f}, {f:.3f}]" for f in final],
        "test_acc": [round(f - 0.01, 3) for f in final],
        "seconds": [seconds] * 16,
    }


def columns() -> dict[str, list[Any]]:
    """The same, one column for each time."""
    found = lists()
    curves = [[float(item) for item in cell.strip("[]").split(",")] for cell in found.pop("acc")]
    found |= {f"acc_{5 * (i + 1)}": [curve[i] for curve in curves] for i in range(4)}
    return found | {"seconds": [40] * 16}


def costs(benchmark: TableBenchmark) -> list[float]:
    member = at(benchmark, depth=0, width=0)
    return [benchmark.cost(member, Fidelity(epochs=epochs)) for epochs in (5, 10, 15, 20)]


def test_items_of_lists_stand_for_every_fifth_epoch(tmp_path: Path) -> None:
    benchmark = opened(tmp_path, lists(), TEXT)
    assert (benchmark.epochs, benchmark.fidelities, benchmark.continues) == (20, (5, 10, 15), True)
    member = at(benchmark, depth=3, width=3)
    assert [benchmark.measure(member, Fidelity(epochs=n))["acc"] for n in (5, 10, 20)] == [0.38, 0.532, 0.76]
    with pytest.raises(SearchitectError, match="recorded nothing after 3 epochs"):
        benchmark.measure(member, Fidelity(epochs=3))


def test_the_first_item_may_stand_for_another_epoch_and_0_is_before_the_training(tmp_path: Path) -> None:
    first = TEXT.replace("every = 5", "every = 5, first = FIRST")
    assert TableEvaluator(opened(tmp_path, lists(), first.replace("FIRST", "1"))).recorded_epochs == (1, 6, 11, 16)
    assert TableEvaluator(opened(tmp_path, lists(), first.replace("FIRST", "0"))).recorded_epochs == (5, 10, 15)


def test_lists_that_begin_with_empty_items_are_told_how_to_begin_later(tmp_path: Path) -> None:
    text = TEXT.replace("epochs = { every = 5 }\n", "").replace('cost = "seconds"\n', "")
    late = lists()
    with pytest.raises(SearchitectError, match="every list of acc in .* begins with a missing item") as caught:
        opened(tmp_path, late | {"acc": [cell.replace("[", "[nan, nan, ") for cell in late["acc"]]}, text)
    assert "epochs = { every = 1, first = 3 }" in str(caught.value.hint)
    benchmark = opened(tmp_path, late, text + "epochs = { every = 1, first = 3 }\n")
    assert (benchmark.epochs, benchmark.fidelities) == (6, (3, 4, 5))


def test_what_each_item_took_is_added_up(tmp_path: Path) -> None:
    assert costs(opened(tmp_path, lists(), TEXT)) == [20, 30, 45, 57]


def test_one_cost_of_the_full_training_is_shared_by_epochs_not_by_places(tmp_path: Path) -> None:
    assert costs(opened(tmp_path, lists() | {"seconds": [40] * 16}, TEXT)) == [10, 20, 30, 40]
    assert costs(opened(tmp_path, columns(), COLUMNS)) == [10, 20, 30, 40]
    per_epoch = TEXT.replace('"seconds"', '{ per_epoch = "seconds" }')
    assert costs(opened(tmp_path, lists() | {"seconds": [2] * 16}, per_epoch)) == [10, 20, 30, 40]


def test_a_list_that_grows_in_every_row_may_be_a_sum_already_so_the_description_must_say(tmp_path: Path) -> None:
    growing = lists("[10, 20, 30, 45]")
    with pytest.raises(ConfigError, match="is it what was spent so far, or since the item before") as caught:
        opened(tmp_path, growing, TEXT)
    assert 'cost = { column = "seconds", cumulative = true }' in str(caught.value.hint)
    said = TEXT.replace('"seconds"', '{ column = "seconds", cumulative = SAID }')
    assert costs(opened(tmp_path, growing, said.replace("SAID", "true"))) == [10, 20, 30, 45]
    assert costs(opened(tmp_path, growing, said.replace("SAID", "false"))) == [10, 30, 60, 105]
    with pytest.raises(SearchitectError, match="called cumulative, but falls within row 1 of"):
        opened(tmp_path, lists(), said.replace("SAID", "true"))


def test_columns_by_epoch_are_one_training_where_the_description_says_so(tmp_path: Path) -> None:
    benchmark = opened(tmp_path, columns(), COLUMNS)
    assert (benchmark.epochs, benchmark.fidelities, benchmark.continues) == (20, (5, 10, 15), True)
    separate = opened(tmp_path, columns(), COLUMNS.replace("continues = true", ""))
    assert (separate.fidelities, separate.continues) == ((5, 10, 15), False)


@pytest.mark.parametrize(("table", "text"), [(lists() | {"seconds": [40] * 16}, TEXT), (columns(), COLUMNS)])
def test_rungs_pay_for_the_epochs_that_are_added(tmp_path: Path, table: dict[str, list[Any]], text: str) -> None:
    benchmark = opened(tmp_path, table, text)
    result = sa.search(
        space=benchmark.space,
        evaluate=TableEvaluator(benchmark),
        strategy="asha",
        objectives=["acc"],
        trials=30,
        confirm_seeds=0,
        random_search=False,
        store="memory:",
    )
    epochs = {trial.number: trial.proposal.fidelity.epochs for trial in result.trials}
    assert set(epochs.values()) <= {5, 10, 15, 20, None}
    raised = [trial for trial in result.trials if trial.proposal.continues is not None]
    assert raised
    assert all(epochs[t.proposal.continues] < (t.proposal.fidelity.epochs or 20) for t in raised)
    separate = opened(tmp_path, columns(), COLUMNS.replace("continues = true", ""))
    one, apart = (compare(of, "asha", trials=6, seeds=2).rows[-1] for of in (benchmark, separate))
    # Six full trainings of 40 seconds; carried on they hold more of the shorter ones than where each begins afresh.
    assert [trace.cost["search"] for trace in one.traces] == [240.0, 240.0]
    assert min(trace.evaluations for trace in one.traces) > max(trace.evaluations for trace in apart.traces) > 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{ every = 0 }", "how many lie between two items"),
        ("{ every = 2.5 }", "how many lie between two items"),
        ("{ every = true }", "how many lie between two items"),
        ('{ every = 5, column = "depth" }', "how many lie between two items"),
        ("{ evry = 5 }", "epochs has no 'evry'"),
    ],
)
def test_wrong_words_about_epochs_show_the_right_ones(tmp_path: Path, words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        opened(tmp_path, lists(), TEXT.replace("{ every = 5 }", words))
    assert "every" in str(caught.value.hint)


def test_words_about_epochs_that_nothing_was_recorded_by_are_refused(tmp_path: Path) -> None:
    table = {name: cells for name, cells in columns().items() if name != "acc_5"}
    short = COLUMNS.replace("acc_{epochs}", "acc_10")
    with pytest.raises(ConfigError, match="continues speaks of epochs, but"):
        opened(tmp_path, table, short)
    with pytest.raises(ConfigError, match="every speaks of epochs, but"):
        opened(tmp_path, table, short.replace("continues = true", "epochs = { every = 5 }"))


def test_lists_that_do_not_count_alike_are_refused(tmp_path: Path) -> None:
    table = lists() | {"loss": ["[4, 3, 2]"] * 16}
    text = TEXT + 'measurements = ["loss"]\n'
    with pytest.raises(ConfigError, match="lists of acc end after 20 epochs and those of loss after 15"):
        opened(tmp_path, table, text)
    with pytest.raises(ConfigError, match="lists of cost end after 100 epochs and those of acc after 20"):
        opened(tmp_path, lists(str([1, 3, 2, 1] * 5)), TEXT)
