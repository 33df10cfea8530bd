"""A predictor with attention: it learns, its weights can be read, and they come with a caution."""

from __future__ import annotations

import json

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.explain.searches import attention
from searchitect.explain.searches.attention import kendall, read_attention
from searchitect.explain.searches.evidence import Evidence, Factor
from searchitect.objectives import Objective


def planted(count: int = 90) -> Evidence:
    draw = np.random.default_rng(0)
    codes = draw.integers(3, size=(count, 5))
    told = 2.0 * codes[:, 1] + 0.7 * (codes[:, 3] == 2) + 0.1 * draw.normal(size=count)
    factors = tuple(Factor(f"x{j}", ("a", "b", "c"), (1 / 3,) * 3) for j in range(5))
    return Evidence(factors, codes, told, Objective("a", "maximize"), np.ones(count, bool), np.arange(count))


def test_it_predicts_unseen_rows_and_what_moves_the_answer_is_what_was_planted() -> None:
    truth = {"x0": 0.0, "x1": 0.9, "x2": 0.01, "x3": 0.08, "x4": 0.005}
    found = read_attention(planted(), truth)
    assert found.rank_correlation > 0.8
    assert list(found.contributions)[:2] == ["x1", "x3"]
    assert sum(found.weights.values()) == pytest.approx(1)
    assert sum(found.contributions.values()) == pytest.approx(1)
    assert found.tau_contributions is not None
    assert found.tau_contributions > 0.5
    assert "attention is not explanation" in found.text
    json.dumps(found.to_json(), allow_nan=False)


def test_the_same_seed_reads_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "STEPS", 10)
    assert read_attention(planted(30), seed=3) == read_attention(planted(30), seed=3)


def test_agreement_is_kendalls_tau_over_common_names() -> None:
    first = {"a": 0.5, "b": 0.3, "c": 0.2}
    assert kendall(first, {"c": 1, "b": 2, "a": 3, "z": 9}) == pytest.approx(1)
    assert kendall(first, {"a": 1, "b": 2, "c": 3}) == pytest.approx(-1)
    assert kendall(first, {"a": 1, "b": 2}) is None
    assert kendall(first, {"a": 1, "b": 1, "c": 1}) is None


def test_too_few_trials_are_refused() -> None:
    with pytest.raises(ConfigError, match="attention weights need at least 30"):
        read_attention(planted(12))
