"""A tree on factors: it parts levels as well as any division could, and knows how much of it is chance."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from searchitect.explain.searches.evidence import INACTIVE, Factor
from searchitect.explain.searches.growing import foreseen, grow, widening

UNORDERED = tuple(Factor(f"x{j}", ("a", "b", "c", "d", "e"), (0.2,) * 5) for j in range(3))


def planted(count: int, seed: int, effect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    codes = draw.integers(5, size=(count, 3))
    effects = effect * draw.normal(size=(3, 5))
    return codes, effects[np.arange(3), codes].sum(axis=1) + draw.normal(size=count)


def test_one_split_is_the_best_of_all_divisions_of_levels_in_two() -> None:
    codes, told = planted(200, 0)
    tree = grow(UNORDERED[:1], codes[:, :1], told, depth=1, leaf=1)
    ours = ((told - tree.predict(codes[:, :1])) ** 2).sum()
    errors = []
    for size in (1, 2):
        for group in combinations(range(5), size):
            inside = np.isin(codes[:, 0], group)
            errors.append(sum(((told[side] - told[side].mean()) ** 2).sum() for side in (inside, ~inside)))
    assert ours == pytest.approx(min(errors))


@pytest.mark.parametrize("seed", range(3))
def test_it_is_at_least_nearly_as_good_as_trees_on_codes_and_on_one_hot_columns(seed: int) -> None:
    codes, told = planted(150, seed)
    tree = grow(UNORDERED, codes, told, depth=3, leaf=5)
    ours = 1 - ((told - tree.predict(codes)) ** 2).sum() / ((told - told.mean()) ** 2).sum()
    hot = (codes[:, :, None] == np.arange(5)).reshape(len(codes), -1)
    for columns in (codes, hot):
        theirs = DecisionTreeRegressor(max_depth=3, min_samples_leaf=5).fit(columns, told).score(columns, told)
        assert ours > theirs - 0.02


def test_numbers_are_parted_in_their_order_and_what_is_not_there_lies_below_them() -> None:
    size = Factor("size", ("1", "2", "3", INACTIVE), (0.25,) * 4, True)
    codes = np.tile([0, 1, 2, 3], 10)[:, None]
    told = np.where(np.isin(codes[:, 0], (1, 2)), 1.0, 0.0)
    tree = grow((size,), codes, told, depth=1, leaf=1)
    assert tree.condition(0) == (0, frozenset({1, 2}))


def test_leaves_share_out_all_levels_of_every_factor() -> None:
    codes, told = planted(100, 1)
    tree = grow(UNORDERED, codes, told, depth=3, leaf=5)
    everything = np.stack(np.meshgrid(*[range(5)] * 3), axis=-1).reshape(-1, 3)
    homes = tree.apply(everything)
    for leaf, allowed in tree.leaves().items():
        kept = np.ones(len(everything), bool)
        for place, levels in allowed.items():
            kept &= np.isin(everything[:, place], list(levels))
        assert (kept == (homes == leaf)).all()


def test_of_noise_the_extreme_leaves_are_trusted_least_and_of_a_clear_split_all_are() -> None:
    grown = partial(grow, UNORDERED, depth=3, leaf=5)
    codes, noise = planted(100, 2, 0.0)
    ends, inner = widening(grown, codes, noise, 0)
    assert ends > inner >= 1
    assert ends > 1.5
    assert foreseen(grown, codes, noise, 0) > ((noise - noise.mean()) ** 2).sum()
    clear = np.where(codes[:, 0] < 2, 10.0, 0.0) + 0.01 * noise
    shallow = partial(grow, UNORDERED, depth=1, leaf=5)
    assert widening(shallow, codes, clear, 0)[0] < 1.3
    assert foreseen(shallow, codes, clear, 0) < 0.1
