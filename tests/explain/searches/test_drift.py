"""How a gradient search made up its mind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from searchitect.errors import ConfigError
from searchitect.explain.searches.drift import drift, drift_of_run

OPTIONS = {"edge_0_1": ("conv", "skip"), "edge_0_2": ("conv", "skip", "none")}


def history(count: int = 10) -> list[dict[str, tuple[float, ...]]]:
    """The first edge turns from skip to conv half way; the second stays open."""
    return [
        {"edge_0_1": ((1 + t) / (count + 1), 1 - (1 + t) / (count + 1)), "edge_0_2": (0.35, 0.33, 0.32)}
        for t in range(count)
    ]


def test_a_decision_tells_what_it_became_since_when_and_by_how_much() -> None:
    first, second = drift(history(), OPTIONS).decisions
    assert (first.chosen, first.settled) == ("conv", 5)
    assert first.margin == pytest.approx(10 / 11 - 1 / 11)
    assert first.entropy[0] == pytest.approx(first.entropy[1])
    assert second.settled == 0
    assert second.entropy == pytest.approx((0.9993, 0.9993), abs=1e-3)
    assert "edge_0_1 became conv (91 %), ahead by 82 points since epoch 5" in first.text


def test_what_is_open_at_the_end_is_named() -> None:
    assert drift(history(), OPTIONS).open == ("edge_0_2",)


def test_a_run_as_its_file_holds_it_is_read() -> None:
    run: dict[str, Any] = {"progress": [{"epoch": 2 * t, "probabilities": p} for t, p in enumerate(history())]}
    found = drift_of_run(run, OPTIONS)
    assert found.times == tuple(range(0, 20, 2))
    assert found.decisions[0].settled == 10
    json.dumps(found.to_json(), allow_nan=False)


def test_a_long_search_of_many_decisions_is_thinned_to_those_that_were_least_sure() -> None:
    long = [
        {f"edge_0_{n}": (0.5 + n / 400 * t / 999, 0.5 - n / 400 * t / 999) for n in range(1, 101)} for t in range(1000)
    ]
    found = drift(long, {})
    assert len(found.times) == 60
    assert (found.times[0], found.times[-1]) == (0, 999)
    assert [one.decision for one in found.decisions] == [f"edge_0_{n}" for n in range(1, 41)]
    assert found.left_out == 60
    assert found.decisions[0].options == ("#0", "#1")


def test_a_search_without_probabilities_is_refused() -> None:
    with pytest.raises(ConfigError, match="recorded no probabilities"):
        drift([], OPTIONS)


def test_a_decision_that_is_missing_at_some_time_is_named() -> None:
    with pytest.raises(ConfigError, match="'edge_0_2' were not recorded at every time"):
        drift([*history(), {"edge_0_1": (0.5, 0.5)}], OPTIONS)
