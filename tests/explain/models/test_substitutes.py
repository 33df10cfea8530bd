from __future__ import annotations

import json
import re

import numpy as np
import pytest

from searchitect.errors import ConfigError
from searchitect.explain.models.substitutes import distilled_additive, distilled_tree


@pytest.fixture(scope="module")
def columns():
    return np.random.default_rng(0).uniform(-1, 1, (600, 3))


def boxes(columns):
    """Scores of a network that is a tree: class 2 where a > 0.2, else class 1 where b > -0.5, else 0."""
    best = np.where(columns[:, 0] > 0.2, 2, np.where(columns[:, 1] > -0.5, 1, 0))
    return 12.0 * np.eye(3)[best]


def test_a_network_that_is_a_tree_is_found_again_in_words(columns):
    found = distilled_tree(columns, boxes(columns), depth=2, names=["a", "b", "c"], labels=["x", "y", "z"])
    assert found.agreement > 0.98
    assert found.r2 > 0.95
    answers = {leaf.answer: leaf.conditions for leaf in found.leaves}
    assert any(words.startswith("a > 0.") for words in answers["z"])
    assert {words[:3] for words in answers["x"]} == {"a ≤", "b ≤"}
    assert sum(leaf.support for leaf in found.leaves) == 600
    assert found.sentence.endswith("held-out inputs: it can stand for it.")
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["rules"][0]["support"] == found.leaves[0].support


def test_every_sentence_of_the_tree_is_true_of_the_rows(columns):
    scores = np.sin(3 * columns) @ np.random.default_rng(1).normal(size=(3, 2)) * 3
    found = distilled_tree(columns, scores, depth=3)
    for leaf in found.leaves:
        here = np.ones(len(columns), bool)
        for words in leaf.conditions:
            column = columns[:, int(re.search(r"feature (\d)", words)[1]) - 1]
            for lower in re.findall(r"(\S+) <|> (\S+)", words):
                here &= column > float("".join(lower))
            for upper in re.findall(r"≤ (\S+)", words):
                here &= column <= float(upper)
        assert len({words.split("feature")[1][:2] for words in leaf.conditions}) == len(leaf.conditions)
        assert abs(int(here.sum()) - leaf.support) <= 2  # bounds are written with four digits


def test_an_additive_network_is_matched_and_its_terms_are_ranked(columns):
    values = np.stack([np.sin(2 * columns[:, 0]) * 3 + columns[:, 1] ** 2], axis=1)
    found = distilled_additive(columns, values, classifies=False, names=["a", "b", "c"])
    assert found.r2 > 0.995
    assert found.agreement is None
    assert [name for name, _ in found.strengths][:2] == ["a", "b"]
    assert found.strengths[2][1] < 0.1


def test_a_product_is_no_sum_and_the_sentence_says_so(columns):
    found = distilled_additive(columns, (columns[:, 0] * columns[:, 1])[:, None], classifies=False)
    assert found.r2 < 0.2
    assert found.sentence.endswith("it is no stand-in for it.")


def test_constant_columns_are_no_trouble(columns):
    table = np.column_stack([columns, np.ones(len(columns))])
    assert distilled_additive(table, boxes(columns)).agreement > 0.6
    with pytest.raises(ConfigError, match="every column is constant"):
        distilled_additive(np.ones((20, 2)), np.ones((20, 1)), classifies=False)


def test_too_few_rows_say_how_many_are_needed():
    with pytest.raises(ConfigError, match=r"at least 12 rows(.|\n)*validation split"):
        distilled_tree(np.zeros((5, 2)), np.zeros((5, 2)))
