import pytest

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.objectives import Objective
from searchitect.strategies.grid import Grid
from searchitect.strategies.strategy import Setting
from searchitect.testing.strategies import synthetic_search
from tests.strategies.spaces import Conditional, Flat

SCORE = (Objective("score", "maximize"),)


def test_it_covers_a_space_exactly_once():
    space = sa.SearchSpace.of(Flat)
    setting = Setting(space, SCORE)
    told = synthetic_search(Grid(setting), setting, lambda a: 0.0, 10_000)
    assert {trial.architecture for trial in told} == set(space.enumerate())
    assert len({trial.number for trial in told}) == space.size() == 128


def test_a_huge_space_is_refused_with_its_size():
    @sa.space
    class Huge:
        bits: tuple[int, ...] = sa.repeat(sa.choice(0, 1), 40, 40)

    with pytest.raises(SpaceError, match="1,099,511,627,776"):
        Grid(Setting(sa.SearchSpace.of(Huge), SCORE))


def test_real_decisions_are_refused():
    with pytest.raises(SpaceError, match="real-valued"):
        Grid(Setting(sa.SearchSpace.of(Conditional), SCORE))
