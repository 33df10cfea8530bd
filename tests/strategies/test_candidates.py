import numpy as np

import searchitect as sa
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.strategies.candidates import best_fresh, draw_candidates
from searchitect.strategies.strategy import Setting
from tests.strategies.spaces import Flat

SPACE = sa.SearchSpace.of(Flat)
SCORE = (Objective("score", "maximize"),)


def distance(first, second):
    return sum(first[path] != second[path] for path in first)


def test_mutated_candidates_stay_near_their_parents_however_many_are_drawn():
    @sa.space
    class Wide:
        bits: tuple[int, ...] = sa.repeat(sa.choice(*range(9)), 40, 40)

    space = sa.SearchSpace.of(Wide)
    parents = [space.sample(stream(n)) for n in range(2)]
    drawn = draw_candidates(space, parents, stream(9), 400)
    assert len(set(drawn)) == len(drawn) == 400
    near = [min(distance(child, parent) for parent in parents) for child in drawn]
    assert sum(d <= 2 for d in near) >= 150
    assert max(d for d in near if d < 20) <= 2


def test_a_space_of_one_architecture_is_no_error():
    @sa.space
    class Single:
        only: int = sa.choice(1)

    space = sa.SearchSpace.of(Single)
    assert draw_candidates(space, [space.default()], stream(0), 10) == [space.default()]


def test_the_best_that_is_new_and_allowed_is_taken():
    setting = Setting(SPACE, SCORE, check=lambda a: ["no"] if a["third"] == 1 else [])
    everything = list(SPACE.enumerate())
    seen = {SPACE.key(a) for a in everything if a["third"] == 2}
    found = best_fresh(setting, seen, lambda drawn: np.array([a["third"] for a in drawn]), lambda: everything)
    assert found["third"] == 3


def test_limits_are_asked_of_few_candidates_only():
    asked = []
    setting = Setting(SPACE, SCORE, check=lambda a: asked.append(a) or [])
    best_fresh(setting, set(), lambda drawn: np.arange(len(drawn)), lambda: list(SPACE.enumerate()))
    assert len(asked) == 1


def test_nothing_new_means_none():
    seen = {SPACE.key(a) for a in SPACE.enumerate()}
    setting = Setting(SPACE, SCORE)
    draw = lambda: list(SPACE.enumerate())  # noqa: E731
    assert best_fresh(setting, seen, lambda drawn: np.zeros(len(drawn)), draw) is None
