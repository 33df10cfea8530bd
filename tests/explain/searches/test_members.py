"""How many architectures there are to try."""

from __future__ import annotations

import itertools

import numpy as np

import searchitect as sa
from searchitect.explain.searches.evidence import Evidence, evidence_of
from searchitect.explain.searches.importance import importance
from searchitect.explain.searches.members import described_members, members_of
from searchitect.explain.searches.rules import rules
from searchitect.objectives import Objective
from searchitect.spaces.describing import describe


@sa.space
class Six:
    a: int = sa.choice(1, 2, 3)
    b: str = sa.choice("x", "y")


@sa.space
class WithRate:
    a: int = sa.choice(1, 2, 3)
    rate: float = sa.real(0.1, 1.0)


@sa.space
class Nested:
    six: Six | WithRate = sa.choice(Six, WithRate)


def tried(count: int) -> Evidence:
    space = sa.SearchSpace.of(Six)
    every = list(itertools.islice(space.enumerate(), count))
    values = [float(str(a["a"])) + 0.1 * (a["b"] == "x") for a in every]
    return evidence_of(every, values, Objective("accuracy", "maximize"), space=space)


def test_plain_choices_are_counted_with_the_class_and_without_it() -> None:
    assert members_of(sa.SearchSpace.of(Six)) == described_members(describe(Six)) == 6
    assert members_of(sa.SearchSpace.of(WithRate)) is None
    assert described_members(describe(WithRate)) is None
    assert described_members(describe(Nested)) is None


def test_a_small_space_tried_whole_needs_no_twenty_trials() -> None:
    evidence = tried(6)
    assert evidence.is_whole
    found = importance(evidence)
    assert found.everywhere.decisions[0].name == "a"
    assert any("6 of the 6 architectures" in text for text in found.warnings)
    assert not any("drawn at random" in text for text in found.warnings)
    kept = rules(evidence)
    assert sum(rule.count for rule in kept.rules) == 6
    assert np.isfinite([rule.half for rule in kept.rules]).all()


def test_a_small_space_tried_in_part_needs_more_and_a_part_of_the_rows_is_no_whole() -> None:
    assert not tried(4).is_whole
    assert tried(6).rows(np.arange(4)).is_whole is False
