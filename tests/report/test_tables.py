from __future__ import annotations

import dataclasses

import pytest

from searchitect.report.facts import headline
from searchitect.report.numbers import duration, measured, number, shortened, title
from searchitect.report.tables import ranked, trials_table
from tests.report.studies import LIMIT, finished


def test_every_trial_has_a_row_best_feasible_first() -> None:
    result = finished()
    table = trials_table(result)
    assert len(table.rows) == len(result.trials)
    assert table.omitted == 0
    done = [r for r in table.rows if r.state in ("complete", "reused")]
    keep = [r.values["accuracy"] for r in done if r.values["parameters"] <= LIMIT.limit]
    assert keep == sorted(keep, reverse=True)
    assert [r.values["accuracy"] for r in done][: len(keep)] == keep
    assert table.columns[:2] == ("accuracy", "parameters")


def test_broken_limits_reasons_and_reuse_are_noted() -> None:
    rows = {row.number: row for row in trials_table(finished()).rows}
    assert "NaN" in rows[5].note
    assert rows[17].note == "repeats trial 0, free"
    assert any("breaks parameters<=60000" in row.note for row in rows.values())
    assert rows[5].text("accuracy") == "–"


def test_a_limited_table_keeps_the_best_and_some_without_a_result() -> None:
    result = finished(400)
    table = trials_table(result, 100)
    assert len(table.rows) == 100
    assert table.omitted == len(result.trials) - 100
    assert sum(row.state in ("failed", "pruned", "infeasible") for row in table.rows) == 25
    assert table.rows[0].number == ranked(result.trials, result)[0].number


def test_long_reasons_are_cut_in_the_middle() -> None:
    result = finished()
    long = dataclasses.replace(result.trials[5], reason="start " + "x" * 5000 + " end")
    rows = trials_table(dataclasses.replace(result, trials=(*result.trials[:5], long, *result.trials[6:]))).rows
    note = next(row.note for row in rows if row.number == 5)
    assert len(note) < 300
    assert note.startswith("start")
    assert note.endswith("end")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.98611, "0.9861"),
        ("accuracy", 1.0, "1.0000"),
        ("parameters", 56400.0, "56,400"),
        ("flops", 1234567.0, "1,234,567"),
        ("latency_ms", 0.4123, "0.4123 ms"),
        ("peak_memory_bytes", 338_400.0, "330 KiB"),
        ("train_seconds", 3.44, "3.4 s"),
        ("log_loss", 0.0489, "0.0489"),
        ("mse", 2900.123, "2,900"),
        ("mse", 1e-7, "1.000e-07"),
        ("accuracy", None, "–"),
        ("accuracy", float("nan"), "–"),
    ],
)
def test_values_are_written_with_their_unit(name: str, value: float | None, text: str) -> None:
    assert measured(name, value) == text


def test_names_and_durations_are_written_for_people() -> None:
    assert [title(n) for n in ("latency_ms", "flops", "f1_macro")] == ["latency (ms)", "FLOPs", "F1 macro"]
    assert [duration(s) for s in (0.42, 3.44, 38, 245, 7620)] == ["0.42 s", "3.4 s", "38 s", "4 min 05 s", "2 h 07 min"]
    assert number(0) == "0"
    assert len(shortened("y" * 10_000, 100)) < 150


def test_the_headline_takes_the_test_split_and_orders_the_baselines() -> None:
    found = headline(finished())
    assert found is not None
    assert (found.metric, found.split, found.own) == ("accuracy", "test", 0.9861)
    assert [s.name for s in found.standings][:3] == ["search", "random", "rbf_svm"]
    assert found.best_baseline is not None
    assert found.best_baseline.mean == 0.9889


def test_without_a_test_split_the_headline_is_from_validation() -> None:
    found = headline(dataclasses.replace(finished(), test={}, test_models={}))
    assert found is not None
    assert found.split == "validation"
    assert {s.name: s.seeds for s in found.standings}["search"] == 3
