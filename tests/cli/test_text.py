"""Numbers a person can read, tables that align."""

from __future__ import annotations

import pytest

from searchitect.cli.text import measured, summary, table
from searchitect.objectives import Constraint
from searchitect.strategies import Belief
from tests.cli.conftest import FakeResult


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "0.9877"),
        (1.0, "1"),
        (12345, "12,345"),
        (12345.0, "12,345"),
        (12345.678, "12,345.7"),
        (0.000032, "3.2e-05"),
        (0, "0"),
        (True, "True"),
        ("relu", "relu"),
        ((0, 2), "(0, 2)"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_a_value_is_written_as_people_write_it(value: object, text: str) -> None:
    assert measured(value) == text


def test_columns_align_and_no_line_ends_in_blanks() -> None:
    assert table(("name", ""), [("a", "first"), ("longer", "")]) == [
        "name",
        "------  -----",
        "a       first",
        "longer",
    ]


def test_a_summary_without_a_winner_names_the_limits() -> None:
    result = FakeResult(best=None, constraints=(Constraint("parameters", "<=", 10),), test={})
    assert "best       none: no trial was complete and within parameters<=10" in summary(result)  # type: ignore[arg-type]


def test_a_summary_tells_what_the_model_expects_of_its_incumbent() -> None:
    lines = summary(FakeResult(belief=Belief(1, 0.8, "a model", (0.94118, 0.94752))))
    assert "strategy   a model" in lines
    assert "expected   accuracy 0.9412 to 0.9475 in 9 of 10 trainings of trial 1" in lines


def test_a_summary_promises_less_after_few_trials() -> None:
    lines = summary(FakeResult(belief=Belief(1, 0.8, "", (0.94118, 0.94752), 0.8)))
    assert "expected   accuracy 0.9412 to 0.9475 in 8 of 10 trainings of trial 1" in lines


def test_a_prediction_is_shown_with_the_factor_within_which_it_holds() -> None:
    from searchitect.cli.text import _values

    shown = _values({"accuracy": 0.9, "latency_ms_pi": 2.0, "latency_ms_pi_log_sd": 0.5605})
    assert shown == "accuracy 0.9, latency_ms_pi 2 (×/÷ 3)"
