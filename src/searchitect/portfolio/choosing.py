"""Which K models serve all scenarios best: facility location on a matrix of regrets.

Choose a set A of at most K columns (models) of a matrix of regrets R, one row per scenario, that minimises the expected
regret `Σ p_s · min_{i∈A} R[s, i]`. The saving against serving nobody is monotone and submodular, so greedy choice
reaches at least 1 − 1/e of the best possible saving (Nemhauser, Wolsey and Fisher, Math. Programming 1978, §4;
Cornuéjols, Fisher and Nemhauser, Management Science 1977, for this very problem). Exact by branch and bound.

A regret of infinity is an impossible pair: a hard limit is broken, and no accuracy pays for that. Serving more
(important) scenarios always comes before a smaller regret.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from searchitect.errors import ConfigError

__all__ = ["GUARANTEE", "Choice", "choose", "exact", "greedy"]

Floats = NDArray[np.float64]

GUARANTEE = 1 - 1 / math.e
"""Share of the best possible saving that greedy choice never falls below."""

MOST_NODES = 200_000
"""Nodes of the branch and bound, after which the best found so far is given, with its bound."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The models chosen.

    Attributes:
        models: columns, ascending.
        serves: per scenario the column that serves it; None where no model keeps its limits.
        regret: expected regret over the scenarios that are served, weighted by importance.
        bound: no choice of as many models that serves as much has a smaller expected regret than this.
        exact: whether the choice is proven best; `regret` then equals `bound`.
        served: share of the importance that is served.
    """

    models: tuple[int, ...]
    serves: tuple[int | None, ...]
    regret: float
    bound: float
    exact: bool
    served: float


def choose(regrets: ArrayLike, size: int, importance: ArrayLike | None = None, *, nodes: int = MOST_NODES) -> Choice:
    """Choose at most `size` models: exactly where the branch and bound ends in time, otherwise the best it found.

    Args:
        regrets: (scenarios, models), from 0; infinity for a model that breaks a limit there.
        importance: of each scenario, positive; equal by default.

    Raises:
        ConfigError: `size` is below 1, or the regrets are negative, NaN or not a matrix.
    """
    return exact(regrets, size, importance, nodes=nodes)


def greedy(regrets: ArrayLike, size: int, importance: ArrayLike | None = None) -> Choice:
    """Add, one after the other, the model that saves most; arguments as for `choose`.

    `bound` is that of Minoux: at any step no `size` further models can save more than the `size` largest single
    savings; the tightest over all steps.
    """
    places = _Places.of(regrets, size, importance)
    chosen, bound = _greedy(places)
    return places.choice(chosen, bound)


def exact(regrets: ArrayLike, size: int, importance: ArrayLike | None = None, *, nodes: int = MOST_NODES) -> Choice:
    """Branch and bound from the greedy choice; arguments as for `choose`."""
    places = _Places.of(regrets, size, importance)
    start, bound = _greedy(places)
    search = _Search(places, start, nodes)
    search.run()
    return places.choice(search.best, search.best_cost if search.left >= 0 else max(bound, search.open_bound()))


@dataclass(frozen=True, slots=True)
class _Places:
    """The problem, scaled: finite costs in which an unserved scenario is dearer than all regrets together.

    Attributes:
        costs: (scenarios, candidates), importance included; only candidates that no other is at least as good as
            everywhere.
        columns: number of each candidate in the matrix that was given.
        unserved: cost of not serving, per scenario.
    """

    regrets: Floats
    importance: Floats
    costs: Floats
    columns: NDArray[np.int64]
    unserved: Floats
    size: int

    @classmethod
    def of(cls, regrets: ArrayLike, size: int, importance: ArrayLike | None) -> _Places:
        matrix = np.asarray(regrets, dtype=np.float64)
        if matrix.ndim != 2 or not matrix.shape[0] or np.isnan(matrix).any() or (matrix < 0).any():
            raise ConfigError("regrets must be a matrix (scenarios, models) of numbers from 0, or infinity")
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ConfigError(f"a portfolio has at least one model, got size={size!r}")
        shares = np.ones(len(matrix)) if importance is None else np.asarray(importance, dtype=np.float64)
        if shares.shape != (len(matrix),) or not np.isfinite(shares).all() or (shares <= 0).any():
            raise ConfigError("importance must be one positive number for each scenario")
        shares = shares / shares.sum()
        finite = matrix[np.isfinite(matrix)]
        # One scenario more, however unimportant, is worth more than all regrets; among sets of equal worth, regret.
        dear = (1.0 + (finite.max() if finite.size else 0.0)) * 2.0 / shares.min()
        unserved = shares * dear
        costs = np.where(np.isfinite(matrix), shares[:, None] * np.where(np.isfinite(matrix), matrix, 0.0), np.inf)
        costs = np.minimum(costs, unserved[:, None])
        columns = _undominated(costs, unserved)
        return cls(matrix, shares, costs[:, columns], columns, unserved, int(size))

    def total(self, chosen: Sequence[int]) -> float:
        return float(self.least(chosen).sum())

    def least(self, chosen: Sequence[int]) -> Floats:
        best: Floats = self.costs[:, list(chosen)].min(axis=1) if len(chosen) else self.unserved
        return best

    def choice(self, chosen: Sequence[int], bound: float) -> Choice:
        """The choice, in numbers of the matrix that was given, and in units of regret."""
        models = sorted(int(self.columns[i]) for i in chosen)
        serves: list[int | None] = []
        for row in self.regrets:
            best = min(models, key=lambda i, row=row: (row[i], i), default=None)  # type: ignore[misc]
            serves.append(best if best is not None and np.isfinite(row[best]) else None)
        used = sorted({i for i in serves if i is not None})
        held = np.array([i is not None for i in serves])
        served = float(self.importance[held].sum())
        spent = sum(
            p * row[i] for p, row, i in zip(self.importance, self.regrets, serves, strict=True) if i is not None
        )
        missing = float(self.unserved[~held].sum())
        total = self.total(chosen)
        proven = bound >= total - 1e-12 * max(1.0, abs(total))
        regret = spent / served if served else 0.0
        below = regret if proven else max(0.0, (min(bound, total) - missing) / served if served else 0.0)
        return Choice(tuple(used), tuple(serves), float(regret), float(below), bool(proven), served)


def _undominated(costs: Floats, unserved: Floats) -> NDArray[np.int64]:
    """Candidates worth looking at: no other is as good everywhere (the first of equals stays), and each serves one."""
    kept: list[int] = []
    # From small to large sum, a candidate can only be dominated by one that came before it.
    for i in np.lexsort((np.arange(costs.shape[1]), costs.sum(axis=0))):
        column = costs[:, i]
        if (column < unserved).any() and not any((costs[:, j] <= column).all() for j in kept):
            kept.append(int(i))
    return np.array(sorted(kept), dtype=np.int64)


def _greedy(places: _Places) -> tuple[list[int], float]:
    """The candidates chosen, and the smallest total cost that any choice could have."""
    chosen: list[int] = []
    least, bound = places.unserved.copy(), 0.0
    for _ in range(min(places.size, places.costs.shape[1])):
        saved = np.maximum(least[:, None] - places.costs, 0.0).sum(axis=0)
        bound = max(bound, float(least.sum() - np.sort(saved)[::-1][: places.size].sum()))
        best = int(saved.argmax())
        if saved[best] <= 0:
            break
        chosen.append(best)
        least = np.minimum(least, places.costs[:, best])
    if places.costs.shape[1]:
        bound = max(bound, float(places.costs.min(axis=1).sum()))
    else:
        bound = float(places.unserved.sum())
    return chosen, bound


class _Search:
    """Depth-first over candidates in order of their single savings: with it, or without it.

    A node is left where even the best single savings of what remains could not beat the best choice known.
    """

    def __init__(self, places: _Places, start: Sequence[int], nodes: int) -> None:
        self.places, self.left = places, nodes
        self.best, self.best_cost = list(start), places.total(start)
        saved = (places.unserved[:, None] - places.costs).sum(axis=0)
        self.order = np.argsort(-saved, kind="stable")
        self._open = math.inf

    def run(self) -> None:
        self._visit([], self.places.unserved, 0)

    def open_bound(self) -> float:
        """Smallest total cost that a node left unvisited could have."""
        return min(self._open, self.best_cost)

    def _visit(self, chosen: list[int], least: Floats, start: int) -> None:
        self.left -= 1
        cost = float(least.sum())
        if cost < self.best_cost - 1e-12 * max(1.0, abs(cost)):
            self.best, self.best_cost = list(chosen), cost
        slots, rest = self.places.size - len(chosen), self.order[start:]
        if not slots or not len(rest):
            return
        saved = np.maximum(least[:, None] - self.places.costs[:, rest], 0.0)
        single = saved.sum(axis=0)
        most = min(np.sort(single)[::-1][:slots].sum(), saved.max(axis=1).sum())
        if cost - most >= self.best_cost - 1e-12 * max(1.0, abs(self.best_cost)):
            return
        if self.left < 0:
            self._open = min(self._open, cost - float(most))
            return
        for step, i in enumerate(rest):
            if single[step] > 0:
                i = int(i)
                self._visit([*chosen, i], np.minimum(least, self.places.costs[:, i]), start + step + 1)
