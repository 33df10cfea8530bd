from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

from hypothesis import given, strategies as st

from searchitect.report.figures import best_so_far, learning_curves, safe, thinned, trade_off
from searchitect.report.parallel import confusion_matrix, parallel_coordinates
from searchitect.result import Best
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Fidelity, Proposal, Trial, TrialState
from tests.report.studies import LIMIT, SIZE, empty, finished, trial


def study(*values: float | None, phase: str = "search", **changes: Any) -> Any:
    trials = tuple(
        Trial(
            number,
            Proposal(Architecture("s", {"width": number})),
            TrialState.FAILED if value is None else TrialState.COMPLETE,
            str(number),
            0,
            phase,
            {} if value is None else {"accuracy": value, "parameters": 100.0 * (number + 1)},
            clock={"seconds": 2.0},
        )
        for number, value in enumerate(values)
    )
    return empty(trials=trials, **changes)


def line(figure: Any, view: int = 0, name: str = "search") -> Any:
    return next(t for t in figure.views[view].data if t["name"] == name and t["mode"] == "lines")


def test_the_best_so_far_steps_at_improvements_and_runs_to_the_last_cost() -> None:
    figure = best_so_far(study(0.5, 0.4, 0.7, None, 0.6))
    assert line(figure)["x"] == [1, 3, 5]
    assert line(figure)["y"] == [0.5, 0.7, 0.7]
    assert [view.label for view in figure.views] == ["evaluations", "seconds"]
    assert line(figure, 1)["x"] == [2, 6, 10]


def test_where_time_ended_the_search_seconds_are_shown_first() -> None:
    figure = best_so_far(study(0.5, 0.4, stopped_by="budget"))
    assert [view.label for view in figure.views] == ["seconds", "evaluations"]


def test_reused_and_infeasible_trials_cost_nothing_and_broken_limits_never_lead() -> None:
    result = study(0.5, 0.9, 0.6, constraints=(LIMIT,))
    trials = list(result.trials)
    trials[1] = dataclasses.replace(trials[1], measurements={"accuracy": 0.9, "parameters": 1e9})
    trials.append(dataclasses.replace(trials[0], number=3, reused=0, clock={}))
    trials.append(dataclasses.replace(trials[0], number=4, state=TrialState.INFEASIBLE, measurements={}, clock={}))
    figure = best_so_far(dataclasses.replace(result, trials=tuple(trials)))
    assert line(figure)["x"] == [1, 3]
    assert line(figure)["y"] == [0.5, 0.6]
    dots = next(t for t in figure.views[0].data if t["mode"] == "markers")
    assert dots["marker"]["symbol"] == ["circle", "circle-open", "circle"]


def test_a_cheap_fidelity_does_not_set_the_best() -> None:
    result = study(0.9, 0.5)
    cheap = dataclasses.replace(result.trials[0], proposal=Proposal(result.trials[0].architecture, Fidelity(epochs=1)))
    figure = best_so_far(dataclasses.replace(result, trials=(cheap, result.trials[1])))
    assert line(figure)["y"] == [0.5]


def test_the_trade_off_joins_exactly_what_no_other_beats() -> None:
    figure = trade_off(study(0.5, 0.4, 0.7, 0.6, 0.8, objectives=(*empty().objectives, SIZE)))
    front = next(t for t in figure.views[0].data if t.get("mode") == "lines")
    assert front["x"] == [100.0, 300.0, 500.0]
    assert front["y"] == [0.5, 0.7, 0.8]


def test_the_trade_off_marks_the_architecture_that_is_handed_over() -> None:
    result = study(0.5, 0.7)
    best = Best(result.trials[1].architecture, 1, result.trials[1].measurements)
    figure = trade_off(dataclasses.replace(result, best=best))
    star = next(t for t in figure.views[0].data if t["name"] == "handed over")
    assert (star["x"], star["y"]) == ([200.0], [0.7])


def test_learning_curves_are_bounded_in_number_and_length() -> None:
    rng = random.Random(0)
    reports = tuple((step, {"accuracy": step / 5000}) for step in range(5000))
    trials = tuple(trial(n, "search", rng, reports=reports) for n in range(30))
    figure = learning_curves(empty(trials=trials))
    assert len(figure.views[0].data) == 10
    assert all(len(t["x"]) == 150 and t["x"][-1] == 4999 for t in figure.views[0].data)


def test_parallel_coordinates_show_only_decisions_that_differ_and_inactive_ones_below() -> None:
    points = [
        Architecture("s", {"same": 1, "pool": "Max", "pool.Max.size": 2}),
        Architecture("s", {"same": 1, "pool": "Average"}),
        Architecture("s", {"same": 1, "pool": "Max", "pool.Max.size": 3}),
    ]
    rng = random.Random(0)
    figure = parallel_coordinates(empty(trials=tuple(trial(i, "search", rng, p) for i, p in enumerate(points))))
    texts = [a["text"] for a in figure.views[0].layout["annotations"]]
    assert "pool" in texts
    assert "pool.Max.size" in texts
    assert "same" not in texts
    lowest = min(y for t in figure.views[0].data for y in t["y"] if y is not None)
    assert lowest < -0.1


def test_none_is_a_value_and_not_an_inactive_decision() -> None:
    points = [Architecture("s", {"clip": None}), Architecture("s", {"clip": 5.0})]
    rng = random.Random(0)
    figure = parallel_coordinates(empty(trials=tuple(trial(i, "search", rng, p) for i, p in enumerate(points))))
    assert all(y is None or y > -0.1 for t in figure.views[0].data for y in t["y"])


def test_a_confusion_matrix_of_many_classes_keeps_those_with_errors() -> None:
    counts = [[5 if i == j else 0 for j in range(100)] for i in range(100)]
    counts[97][98] = 4
    figure = confusion_matrix(empty(confusion=tuple(map(tuple, counts)), labels=tuple(f"c{i}" for i in range(100))))
    assert "30 of 100 classes" in figure.caption
    assert {"c97", "c98"} <= set(figure.views[0].layout["xaxis"]["ticktext"])


def test_rows_of_the_confusion_matrix_are_shares_of_the_true_class() -> None:
    figure = confusion_matrix(empty(confusion=((3, 1), (0, 0)), labels=("a", "b")))
    assert figure.views[0].data[0]["z"] == [[0.75, 0.25], [0.0, 0.0]]


def test_figures_are_strict_json() -> None:
    result = finished()
    for make in (best_so_far, trade_off, learning_curves, confusion_matrix, parallel_coordinates):
        for view in make(result).views:
            json.dumps([view.data, view.layout], allow_nan=False)


@given(st.lists(st.integers(), max_size=300), st.integers(2, 50))
def test_thinning_keeps_the_ends_the_order_and_the_bound(items: list[int], limit: int) -> None:
    kept = thinned(list(enumerate(items)), limit)
    assert len(kept) == min(len(items), limit)
    assert kept == sorted(kept)
    if items:
        assert kept[0] == (0, items[0])
        assert kept[-1] == (len(items) - 1, items[-1])


@given(st.text(max_size=200))
def test_safe_text_has_no_tags_and_a_bounded_length(text: str) -> None:
    assert "<" not in safe(text)
    assert ">" not in safe(text)
    assert len(safe(text)) <= 60 * len("&amp;")
