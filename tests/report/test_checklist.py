from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from searchitect.report.checklist import Item, checklist
from searchitect.result import Result
from tests.report.studies import empty, finished, manifest


def answer(result: Result, number: int) -> Item:
    return checklist(result)[number - 1]


def without_random(result: Result) -> Result:
    return dataclasses.replace(
        result,
        trials=tuple(t for t in result.trials if t.phase != "random"),
        finalists=tuple(f for f in result.finalists if f.arm != "random"),
    )


def test_all_fourteen_practices_are_answered_with_evidence() -> None:
    for result in (finished(), empty()):
        items = checklist(result)
        assert [item.number for item in items] == list(range(1, 15))
        assert all(item.answer in ("yes", "partly", "no") and item.evidence.endswith(".") for item in items)


@pytest.mark.parametrize(
    ("number", "expected", "words"),
    [
        (1, "yes", "source digest 4a4a"),
        (2, "yes", "regularized_evolution of searchitect 0.1.0, seed 0"),
        (3, "partly", "all 66 trials uncleaned, 4 failed"),
        (4, "yes", "same data split"),
        (5, "no", "ablate"),
        (6, "yes", "3 fresh seeds"),
        (7, "yes", "timed"),
        (8, "yes", "random search: best"),
        (9, "partly", "3 fresh seeds; the search itself ran once"),
        (10, "no", "real runs"),
        (11, "yes", "torch 2.13.0"),
        (12, "partly", "default settings"),
        (13, "yes", "confirm 23 s"),
        (14, "partly", "missing: hardware"),
    ],
)
def test_a_finished_study_is_answered_from_its_figures(number: int, expected: str, words: str) -> None:
    item = answer(finished(), number)
    assert item.answer == expected
    assert words in item.evidence


@pytest.mark.parametrize(("number", "expected"), [(4, "partly"), (6, "no"), (8, "no"), (11, "partly")])
def test_without_random_search_the_comparisons_are_missing(number: int, expected: str) -> None:
    assert answer(without_random(finished()), number).answer == expected


def test_an_unopened_test_split_makes_the_protocol_partly_kept() -> None:
    assert answer(dataclasses.replace(finished(), test={}), 6).answer == "partly"


def test_no_confirmation_means_no_seeds_and_an_incomplete_cost() -> None:
    result = dataclasses.replace(finished(), finalists=(), ledger={"search": 3.0})
    assert answer(result, 9).answer == "no"
    assert answer(result, 13).answer == "partly"


def test_a_table_as_evaluator_is_a_tabular_benchmark() -> None:
    document: dict[str, Any] = dict(manifest())
    document["details"] = {"evaluator": "tabular:nas_bench_201"}
    assert answer(dataclasses.replace(finished(), manifest=document), 10).answer == "yes"


def test_recorded_hardware_completes_the_setup() -> None:
    document: dict[str, Any] = dict(manifest())
    document["clock"] = {**document["clock"], "hardware": {"processor": "two cores"}}
    assert answer(dataclasses.replace(finished(), manifest=document), 14).answer == "yes"


def test_hardware_is_also_read_from_the_run_folder(tmp_path: Path) -> None:
    result = dataclasses.replace(finished(), folder=tmp_path)
    for text, expected in (
        ("not json", "partly"),
        ("[]", "partly"),
        ('{"processor": "two cores", "gpu": null}', "yes"),
    ):
        (tmp_path / "environment.json").write_text(text, "utf-8")
        assert answer(result, 14).answer == expected


def test_options_of_the_strategy_are_counted_as_chosen_by_the_user() -> None:
    document: dict[str, Any] = dict(manifest())
    document["strategy"] = {"name": "regularized_evolution", "options": {"population_size": 8}}
    assert "chosen by you (1)" in answer(dataclasses.replace(finished(), manifest=document), 12).evidence


def test_your_own_function_is_named_as_what_to_publish() -> None:
    document: dict[str, Any] = dict(manifest())
    document["details"] = {}
    assert answer(dataclasses.replace(finished(), manifest=document), 1).answer == "partly"
