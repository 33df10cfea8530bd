"""The family tree of a search, and how often a change helped."""

from __future__ import annotations

import json

import pytest

import searchitect as sa
from searchitect.explain.searches.lineage import lineage, successes
from searchitect.objectives import Objective
from searchitect.spaces.architecture import Architecture
from searchitect.trial import Fidelity, Proposal, Trial, TrialState

ACCURACY = Objective("accuracy", "maximize")


@sa.space
class Net:
    depth: int = sa.integer(1, 9)
    kernel: int = sa.choice(3, 5)


def trial(number: int, value: float | None, parent: int | None = None, depth: int = 1, kernel: int = 3) -> Trial:
    proposal = Proposal(Architecture.of(Net(depth, kernel)), parent=parent)
    if value is None:
        return Trial(number, proposal, TrialState.FAILED, str(number), 0, reason="broke")
    return Trial(number, proposal, TrialState.COMPLETE, str(number), 0, measurements={"accuracy": value})


FAMILY = [
    trial(0, 0.5),
    trial(1, 0.6, 0, depth=2),
    trial(2, 0.4, 0, kernel=5),
    trial(3, 0.9, 1, depth=2, kernel=5),
    trial(4, None, 3, depth=9, kernel=5),
    trial(5, 0.7, None, depth=5),
]


def test_the_winner_is_reached_through_its_ancestors() -> None:
    tree = lineage(FAMILY, ACCURACY)
    assert (tree.winner, tree.total, tree.related, tree.deepest) == (3, 6, 4, 3)
    assert [one.number for one in tree.trials if one.winning] == [0, 1, 3]
    assert [one.generation for one in tree.trials] == [0, 1, 1, 2, 3, 0]
    assert tree.trials[3].changes == ("kernel: 3 → 5",)
    assert tree.trials[4].value is None
    assert tree.trials[0].children == 2
    assert "the winner came in 2 steps" in tree.text
    json.dumps(tree.to_json(), allow_nan=False)


def test_a_large_tree_is_thinned_and_every_trial_shown_has_its_ancestors() -> None:
    many = [trial(n, (n * 37 % 100) / 100, None if n < 5 else n - 1 - n % 5, depth=1 + n % 9) for n in range(400)]
    tree = lineage(many, ACCURACY, most=60)
    shown = {one.number for one in tree.trials}
    assert len(shown) <= 60
    assert all(one.parent is None or one.parent in shown for one in tree.trials)
    assert tree.winner in shown
    assert tree.total == 400


def test_a_search_without_parents_says_so() -> None:
    tree = lineage([trial(0, 0.1), trial(1, 0.2)], ACCURACY)
    assert tree.text == "The strategy derived no trial from another: there is no family tree"


def test_a_parent_that_came_later_or_is_unknown_makes_no_circle() -> None:
    tree = lineage([trial(0, 0.1, 1), trial(1, 0.2, 0), trial(2, 0.3, 99)], ACCURACY)
    assert [one.parent for one in tree.trials] == [None, 0, None]


def test_children_are_counted_by_how_much_changed_and_by_what() -> None:
    found = successes(FAMILY, ACCURACY)
    (one,) = found.by_count
    assert (one.kind, one.tries, one.better, one.failed) == ("1 change", 3, 2, 1)
    assert one.change == pytest.approx((0.1 - 0.1 + 0.3) / 3)
    assert one.low < 2 / 3 < one.high
    decided = {row.kind: (row.tries, row.better, row.failed) for row in found.by_decision}
    assert decided == {"depth": (1, 1, 1), "kernel": (2, 1, 0)}
    json.dumps(found.to_json(), allow_nan=False)


def test_of_a_loss_a_child_is_better_where_it_is_lower() -> None:
    (one,) = successes(FAMILY, Objective("accuracy", "minimize")).by_count
    assert one.better == 1


def test_children_at_another_fidelity_do_not_count() -> None:
    child = trial(1, 0.9, 0, depth=2)
    short = Trial(
        1,
        Proposal(child.architecture, Fidelity(1), parent=0),
        TrialState.COMPLETE,
        "1",
        0,
        measurements={"accuracy": 0.9},
    )
    assert successes([FAMILY[0], short], ACCURACY).by_count == ()
