"""The shapes of a task."""

from __future__ import annotations

import json

import searchitect as sa


def test_features_are_all_values_of_one_example() -> None:
    assert sa.TaskSpec((3, 8, 8), 10).features == 192
    assert sa.TaskSpec((30,), 2, domain="tabular").features == 30


def test_json_both_ways() -> None:
    spec = sa.TaskSpec((7,), 1, kind="regression", domain="tabular")
    assert sa.TaskSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
