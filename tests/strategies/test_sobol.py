import numpy as np
import pytest

import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies import Setting, make_strategy, sobol
from tests.strategies.planted import SCORE, evaluate
from tests.strategies.spaces import Conditional, Flat, Tiny


@sa.space
class Plane:
    x: float = sa.real(0.0, 1.0)
    y: float = sa.real(0.0, 1.0)


def asked(space, trials, seed=0, check=None):
    space = sa.SearchSpace.of(space)
    setting = Setting(space, SCORE, seed) if check is None else Setting(space, SCORE, seed, check)
    done = evaluate(make_strategy("sobol", setting), setting, lambda proposal: 0.0, trials)
    return [trial.architecture for trial in done]


def test_every_block_of_a_power_of_two_holds_one_point_in_each_cell():
    # A (0, 2)-sequence in base 2: of 64 points each of the 8 x 8 cells gets one; random draws would leave 23 empty.
    cells = {(int(a["x"] * 8), int(a["y"] * 8)) for a in asked(Plane, 64)}
    assert len(cells) == 64


@pytest.mark.parametrize("space", [Tiny, Flat])
def test_a_finite_space_is_covered_exactly_and_then_ends(space):
    found = asked(space, 1_000)
    assert len(found) == len(set(found)) == sa.SearchSpace.of(space).size()


def test_rare_architectures_are_covered_as_well():
    @sa.space
    class Long:
        bits: tuple[int, ...] = sa.repeat(sa.choice(0, 1), 1, 7)
        other: int = sa.choice(*range(3))

        @sa.constraint
        def few_ones(self) -> bool:
            """At most two ones."""
            return sum(self.bits) <= 2

    found = asked(Long, 1_000)
    assert set(found) == set(sa.SearchSpace.of(Long).enumerate())
    assert len(found) == len(set(found))


def test_the_seed_scrambles_the_sequence():
    assert asked(Plane, 4, seed=1) == asked(Plane, 4, seed=1) != asked(Plane, 4, seed=2)


def test_forbidden_points_are_passed_over():
    found = asked(Plane, 40, check=lambda a: ["too large"] if a["x"] > 0.25 else [])
    assert len(found) == 40
    assert max(a["x"] for a in found) <= 0.25


def test_a_point_that_was_used_is_not_asked_again_after_trials_from_elsewhere():
    space = sa.SearchSpace.of(Conditional)
    setting = Setting(space, SCORE, 0)
    strategy = make_strategy("sobol", setting)
    first = evaluate(strategy, setting, lambda proposal: 0.0, 5)
    again = make_strategy("sobol", setting)
    for trial in first[::-1]:
        again.tell(trial)
    assert again.ask(5).architecture == strategy.ask(5).architecture


def test_columns_beyond_the_known_direction_numbers_are_drawn_at_random(monkeypatch):
    monkeypatch.setattr(sobol, "WIDEST", 1)
    found = asked(Plane, 64)
    assert asked(Plane, 64) == found
    assert len({int(a["x"] * 64) for a in found}) == 64, "the first column is still a Sobol sequence"
    assert 30 < len({int(a["y"] * 64) for a in found}) < 50, "64 independent draws fill 41 of 64 cells on average"


def test_it_spreads_better_than_random_draws():
    def discrepancy(points):
        from scipy.stats import qmc

        return qmc.discrepancy(np.array(points))

    space = sa.SearchSpace.of(Plane)
    even = discrepancy([[a["x"], a["y"]] for a in asked(Plane, 128)])
    drawn = [space.sample(stream(0, n)) for n in range(128)]
    assert even < 0.2 * discrepancy([[a["x"], a["y"]] for a in drawn])
