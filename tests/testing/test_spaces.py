"""The contract finds spaces that break it."""

from __future__ import annotations

import pytest

import searchitect as sa
from searchitect.testing.spaces import check_space
from tests.spaces.families import EVERY_FAMILY


@pytest.mark.parametrize("family", EVERY_FAMILY, ids=lambda family: family.__name__)
def test_a_good_space_passes(family: type) -> None:
    check_space(family, samples=5, seed=3)


def test_a_canonical_form_that_runs_in_circles_is_found() -> None:
    @sa.space
    class Circle:
        place: int = sa.choice(0, 1, 2)

        def canonical(self) -> Circle:
            return Circle((self.place + 1) % 3)

    with pytest.raises(AssertionError, match="canonical_is_stable"):
        check_space(Circle)


def test_a_condition_that_changes_its_mind_is_found() -> None:
    answers = iter([True, False] * 100_000)

    @sa.space
    class Moody:
        place: int = sa.choice(0, 1, 2)

        @sa.constraint
        def now_and_then(self) -> bool:
            return next(answers)

    with pytest.raises(AssertionError):
        check_space(Moody)
