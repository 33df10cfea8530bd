"""What a strategy's model believes, read back from journals of every age."""

from __future__ import annotations

from searchitect.strategies import Belief
from searchitect.study.beliefs import noted_belief

OLDEST = {"incumbent": 3, "rank_correlation": 0.7, "note": "a model"}


def test_a_journal_that_noted_no_interval_is_read_without_one() -> None:
    assert noted_belief({"belief": [OLDEST]}) == Belief(3, 0.7, "a model")


def test_an_interval_without_a_share_was_meant_for_nine_of_ten() -> None:
    assert noted_belief({"belief": [{**OLDEST, "interval": [0.1, 0.2]}]}) == Belief(3, 0.7, "a model", (0.1, 0.2), 0.9)


def test_what_was_noted_is_read_back_whole() -> None:
    noted = {**OLDEST, "interval": [0.1, 0.2], "share": 0.8}
    assert noted_belief({"belief": [noted]}) == Belief(3, 0.7, "a model", (0.1, 0.2), 0.8)


def test_a_journal_without_a_belief_has_none() -> None:
    assert noted_belief({}) is None
