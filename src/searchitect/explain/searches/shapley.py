"""Shapley values: what each of several changes contributes, averaged over all orders in which they could be made.

Shapley 1953; for decisions of a search as in Biedenkapp et al. 2018, where an ablation path is one of the orders. Exact
up to ten changes (all 2^k mixtures), from random orders and their reverses above (Mitchell et al. 2022). Whatever the
orders, contributions sum to the whole difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import factorial
from typing import TYPE_CHECKING

from searchitect.seeding import stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["EXACT_UP_TO", "ORDERS", "Shapley", "shapley_values"]

EXACT_UP_TO, ORDERS = 10, 100

Subset = frozenset[int]
Values = Callable[[Sequence[Subset]], Iterable[float]]
"""Sets of changes that are made, to the value of each mixture."""


@dataclass(frozen=True, slots=True)
class Shapley:
    """What each change contributes.

    Attributes:
        values: per change, in the objective's unit; they sum to the whole difference.
        errors: standard error of each from the orders that were drawn; 0 where all orders counted.
        exact: whether all orders counted.
        orders: how many were drawn; 0 where all counted.
    """

    values: tuple[float, ...]
    errors: tuple[float, ...]
    exact: bool
    orders: int


def shapley_values(value: Values, count: int, *, orders: int = ORDERS, seed: int = 0) -> Shapley:
    """Share out value(all) − value(none) among `count` changes.

    Args:
        value: called once, with every set that is needed.
        orders: how many to draw where there are more than `EXACT_UP_TO` changes; half of them are reverses.
        seed: of the orders.
    """
    return _exact(value, count) if count <= EXACT_UP_TO else _drawn(value, count, max(4, orders + orders % 2), seed)


def _exact(value: Values, count: int) -> Shapley:
    import numpy as np

    subsets = [frozenset(i for i in range(count) if mask >> i & 1) for mask in range(1 << count)]
    known = np.array(list(value(subsets)), dtype=np.float64)
    sizes = np.array([len(subset) for subset in subsets])
    weights = np.array([factorial(s) * factorial(count - s - 1) / factorial(count) for s in range(count)])
    masks = np.arange(1 << count)
    found = []
    for change in range(count):
        without = masks[masks >> change & 1 == 0]
        found.append(float((weights[sizes[without]] * (known[without | 1 << change] - known[without])).sum()))
    return Shapley(tuple(found), (0.0,) * count, True, 0)


def _drawn(value: Values, count: int, orders: int, seed: int) -> Shapley:
    import numpy as np

    drawn: list[list[int]] = []
    for pair in range(orders // 2):
        order = list(range(count))
        stream(seed, "orders", pair).shuffle(order)
        drawn += [order, order[::-1]]
    chains = [[frozenset(order[:made]) for made in range(count + 1)] for order in drawn]
    needed = list(dict.fromkeys(subset for chain in chains for subset in chain))
    known = dict(zip(needed, value(needed), strict=True))
    gains = np.zeros((orders, count))
    for row, (order, chain) in enumerate(zip(drawn, chains, strict=True)):
        for place, change in enumerate(order):
            gains[row, change] = known[chain[place + 1]] - known[chain[place]]
    pairs = gains.reshape(orders // 2, 2, count).mean(axis=1)  # an order and its reverse are no independent draws
    errors = pairs.std(axis=0, ddof=1) / (orders // 2) ** 0.5
    return Shapley(tuple(gains.mean(axis=0).tolist()), tuple(errors.tolist()), False, orders)
