from __future__ import annotations

import pytest

from searchitect.errors import EvaluationError
from searchitect.tasks.agreement import agreement, negative_flips

FIRST, SECOND, TRUTH = [0, 1, 2, 2], [0, 2, 2, 1], [0, 1, 2, 1]


def test_agreement_is_the_share_of_equal_answers():
    assert agreement([FIRST, SECOND]).tolist() == [[1.0, 0.5], [0.5, 1.0]]


def test_negative_flips_go_from_right_to_wrong_in_their_direction_only():
    flips = negative_flips([FIRST, SECOND, TRUTH], TRUTH)
    # The first is right on 0, 1, 2; the second on 0, 2, 3; the last everywhere.
    assert flips.tolist() == [[0.0, 0.25, 0.0], [0.25, 0.0, 0.0], [0.25, 0.25, 0.0]]


def test_answers_to_different_examples_are_refused():
    with pytest.raises(EvaluationError):
        agreement([[1, 2], [1]])
