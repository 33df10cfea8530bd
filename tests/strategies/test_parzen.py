import numpy as np
import pytest

import searchitect as sa
from searchitect.seeding import stream
from searchitect.strategies.parzen import Parzen, columns_of


@sa.space
class Narrow:
    kernel: int = sa.choice(3, 5)


@sa.space
class Broad:
    kernel: int = sa.choice(7, 9, 11, weights=(6, 3, 1))
    rate: int = sa.integer(1, 5)


@sa.space
class Tree:
    block: Narrow | Broad = sa.choice(Narrow, Broad)
    blocks: tuple[Narrow, ...] = sa.repeat(Narrow, 1, 3)
    tail: Narrow | None = sa.optional(Narrow)
    units: int = sa.integer(8, 32, step=8)


TREE = sa.SearchSpace.of(Tree)


def encoded(space, architectures):
    points = np.stack([space.encode(a, "unit_cube") for a in architectures])
    return points, np.stack([space.mask(a, "unit_cube") for a in architectures])


def estimator(space, architectures):
    return Parzen(columns_of(space), *encoded(space, architectures))


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_the_probabilities_of_all_architectures_sum_to_one(count):
    drawn = [TREE.sample(stream(0, n)) for n in range(count)]
    logs = estimator(TREE, drawn).log_density(*encoded(TREE, list(TREE.enumerate())))
    assert np.exp(logs).sum() == pytest.approx(1.0, abs=1e-9)


def test_draws_follow_the_density():
    drawn = [TREE.sample(stream(1, n)) for n in range(3)]
    mixture = estimator(TREE, drawn)
    everything = list(TREE.enumerate())
    expected = np.exp(mixture.log_density(*encoded(TREE, everything)))
    place = {architecture: n for n, architecture in enumerate(everything)}
    points = mixture.draw(np.random.default_rng(0), 20_000)
    counts = np.bincount([place[TREE.decode(point)] for point in points], minlength=len(everything))
    ideal = np.random.default_rng(1).multinomial(20_000, expected / expected.sum())
    # Total variation, beside that of as many draws which follow the density by construction.
    assert np.abs(counts / 20_000 - expected).sum() < 1.1 * np.abs(ideal / 20_000 - expected).sum()


def test_without_architectures_it_is_the_prior():
    mixture = Parzen(columns_of(TREE), np.empty((0, 11)), np.empty((0, 11), dtype=bool))
    one = TREE.default()
    expected = (1 / 2) * (1 / 2) * (1 / 3) * (1 / 2) * (1 / 2) * (1 / 4)
    assert np.exp(mixture.log_density(*encoded(TREE, [one]))) == pytest.approx(expected)


def test_real_numbers_are_dense_where_they_were_seen_and_stay_inside():
    @sa.space
    class Rates:
        rate: float = sa.real(1e-4, 1e-1, log=True)

    space = sa.SearchSpace.of(Rates)
    seen = [space.decode([place]) for place in (0.05, 0.1, 0.08, 0.99)]
    mixture = estimator(space, seen)
    near, far = (space.decode([place]) for place in (0.07, 0.5))
    first, second = mixture.log_density(*encoded(space, [near, far]))
    assert first > second + 0.5
    drawn = mixture.draw(np.random.default_rng(0), 2_000)[:, 0]
    assert drawn.min() >= 0.0
    assert drawn.max() <= 1.0
    assert (drawn < 0.2).mean() > 0.35
