"""Synthetic benchmarks whose optimum is known exactly: what a strategy must find, and a way to see why it does not.

`planted/additive`, `pairwise`, `deceptive`, `noisy`, `conditional` and `infeasible`, each optionally with a size:
`planted/pairwise/10x4` has ten decisions of four options. Every response lies in 0..1 and the optimum is 1.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise, product
from typing import Any

from searchitect.errors import ConfigError, EvaluationError, did_you_mean
from searchitect.objectives import Objective
from searchitect.seeding import stream
from searchitect.spaces import Architecture, SearchSpace, choice, make_space
from searchitect.trial import Fidelity

__all__ = ["PLANTED", "Planted", "planted"]

LARGEST = 1_000
"""Most decisions, and most options of one, of a planted benchmark."""

NOISE = 0.05
"""Standard deviation of the noise of `planted/noisy`, whose responses span 0..1."""

FEASIBLE = 0.01
"""Share of the architectures of `planted/infeasible` that keep its limit."""

Numbers = list[list[float]]


class Planted(ABC):
    """A response over `decisions` choices among `options` options each; the tables of numbers come from the name alone.

    Attributes:
        optimum: the best value of the truth, exactly.
        best: an architecture that has it.
    """

    kind = ""
    optimum = 1.0
    cost_unit = "evaluation"
    epochs: int | None = None
    replicates = 1

    def __init__(self, decisions: int, options: int) -> None:
        self.decisions, self.options = decisions, options
        self.name = f"planted/{self.kind}/{decisions}x{options}"
        self.space = self._make_space()
        self.signals: Mapping[str, str] = {"valid": "score", "test": "score"}
        self.truth = "score"
        self._paths = [f"x{place}" for place in range(decisions)]

    @property
    @abstractmethod
    def best(self) -> Architecture: ...

    @abstractmethod
    def _score(self, architecture: Architecture) -> float:
        """Return the response of a feasible architecture."""

    def objective(self, measurement: str) -> Objective:
        names = {*self.signals.values(), self.truth}
        if measurement not in names:
            raise ConfigError(f"{self.name} has no measurement {measurement!r}", hint=did_you_mean(measurement, names))
        return Objective(measurement, "maximize")

    def check(self, architecture: Architecture) -> Sequence[str]:
        return ()

    def measure(
        self, architecture: Architecture, fidelity: Fidelity = Fidelity(), replicate: int = 0
    ) -> Mapping[str, float]:
        if fidelity != Fidelity():
            raise EvaluationError(f"{self.name} knows the full fidelity only, got {fidelity}")
        problems = self.check(architecture)
        if problems:
            raise EvaluationError(f"{self.name}: {problems[0]}")
        return self._measured(architecture, replicate)

    def _measured(self, architecture: Architecture, replicate: int) -> Mapping[str, float]:
        return {"score": self._score(architecture)}

    def cost(self, architecture: Architecture, fidelity: Fidelity = Fidelity()) -> float:
        return 1.0

    def members(self) -> Iterator[Architecture]:
        return SearchSpace.of(self.space).enumerate()

    def _make_space(self) -> type:
        names = [f"x{place}" for place in range(self.decisions)]
        return make_space(f"Planted{self.kind.title()}", {name: choice(*self._labels()) for name in names})

    def _labels(self) -> list[str]:
        return [f"o{place}" for place in range(self.options)]

    def _chosen(self, architecture: Architecture) -> list[int]:
        """Return the place of each decision's option."""
        return [int(str(architecture[path])[1:]) for path in self._paths]

    def _of(self, places: Sequence[int]) -> Architecture:
        digest = SearchSpace.of(self.space).digest
        return Architecture(digest, {path: f"o{place}" for path, place in zip(self._paths, places, strict=True)})

    def _numbers(self, purpose: str, rows: int, columns: int) -> Numbers:
        rng = stream(0, "planted", self.kind, purpose, rows, columns)
        return [[rng.random() for _ in range(columns)] for _ in range(rows)]


class Additive(Planted):
    """Each decision adds its own share: what any model, and coordinate ascent in one pass, must solve."""

    kind = "additive"

    def __init__(self, decisions: int, options: int) -> None:
        super().__init__(decisions, options)
        self._shares = self._numbers("shares", decisions, options)
        self._total = sum(map(max, self._shares))

    @cached_property
    def best(self) -> Architecture:
        return self._of([row.index(max(row)) for row in self._shares])

    def _score(self, architecture: Architecture) -> float:
        return (
            sum(row[place] for row, place in zip(self._shares, self._chosen(architecture), strict=True)) / self._total
        )


class Pairwise(Planted):
    """Neighbouring decisions interact, in a ring cut open: the optimum is found by dynamic programming."""

    kind = "pairwise"

    def __init__(self, decisions: int, options: int) -> None:
        super().__init__(decisions, options)
        self._pairs = [self._numbers(f"pair {place}", options, options) for place in range(decisions - 1)]
        self._places = self._path()
        self._total = self._sum(self._places)

    @cached_property
    def best(self) -> Architecture:
        return self._of(self._places)

    def _score(self, architecture: Architecture) -> float:
        return self._sum(self._chosen(architecture)) / self._total

    def _sum(self, places: Sequence[int]) -> float:
        return sum(table[a][b] for table, (a, b) in zip(self._pairs, pairwise(places), strict=True))

    def _path(self) -> list[int]:
        """Return the best places: the longest path through a layered graph (Viterbi)."""
        values, back = [0.0] * self.options, list[list[int]]()
        for table in self._pairs:
            froms = [max(range(self.options), key=lambda a: values[a] + table[a][b]) for b in range(self.options)]
            values = [values[a] + table[a][b] for b, a in enumerate(froms)]
            back.append(froms)
        places = [values.index(max(values))]
        for froms in reversed(back):
            places.append(froms[places[-1]])
        return places[::-1]


class Deceptive(Planted):
    """Traps of three decisions (Goldberg 1987): the fewer of them are right the better, unless all three are."""

    kind = "deceptive"

    def __init__(self, decisions: int, options: int) -> None:
        super().__init__(decisions, options)
        rng = stream(0, "planted", self.kind, "target", decisions, options)
        self._target = [rng.randrange(options) for _ in range(decisions)]
        self._traps = [range(start, min(start + 3, decisions)) for start in range(0, decisions, 3)]

    @cached_property
    def best(self) -> Architecture:
        return self._of(self._target)

    def _score(self, architecture: Architecture) -> float:
        places = self._chosen(architecture)
        right = [sum(places[i] == self._target[i] for i in trap) for trap in self._traps]
        scores = [
            1.0 if n == len(trap) else 0.8 * (len(trap) - 1 - n) / max(1, len(trap) - 1)
            for trap, n in zip(self._traps, right, strict=True)
        ]
        return sum(scores) / len(scores)


class Noisy(Additive):
    """Additive, but what is observed has normal noise of standard deviation 0.05; a replicate draws it afresh."""

    kind = "noisy"
    replicates = 1_000_000

    def __init__(self, decisions: int, options: int) -> None:
        super().__init__(decisions, options)
        self.signals, self.truth = {"valid": "score", "test": "true_score"}, "true_score"

    def _measured(self, architecture: Architecture, replicate: int) -> Mapping[str, float]:
        value = self._score(architecture)
        noise = stream(0, "planted", "noise", architecture.text, replicate).gauss(0.0, NOISE)
        return {"score": value + noise, "true_score": value}


class Conditional(Planted):
    """A first choice decides which others exist: option k of the first brings k + 1 decisions, each with its share."""

    kind = "conditional"

    def __init__(self, decisions: int, options: int) -> None:
        super().__init__(decisions, options)
        self._bases = self._numbers("bases", 1, decisions)[0]
        self._shares = [self._numbers(f"shares {arm}", arm + 1, options) for arm in range(decisions)]
        totals = [self._bases[arm] + sum(map(max, self._shares[arm])) / (arm + 1) for arm in range(decisions)]
        self._arm, self._total = totals.index(max(totals)), max(totals)

    def _make_space(self) -> type:
        arms = [
            make_space(f"Arm{arm}", {f"x{place}": choice(*self._labels()) for place in range(arm + 1)})
            for arm in range(self.decisions)
        ]
        return make_space("PlantedConditional", {"arm": choice(*arms)})

    @cached_property
    def best(self) -> Architecture:
        values: dict[str, Any] = {"arm": f"Arm{self._arm}"}
        for place, row in enumerate(self._shares[self._arm]):
            values[f"arm.Arm{self._arm}.x{place}"] = f"o{row.index(max(row))}"
        return Architecture(SearchSpace.of(self.space).digest, values)

    def _score(self, architecture: Architecture) -> float:
        (_, label), *rest = architecture.items()
        arm = int(str(label)[3:])
        shares = (row[int(str(value)[1:])] for row, (_, value) in zip(self._shares[arm], rest, strict=True))
        return (self._bases[arm] + sum(shares) / (arm + 1)) / self._total


class Infeasible(Additive):
    """Additive with a price for each option, and a limit on their sum that one architecture in a hundred keeps.

    What is good is dear: the limit binds. The optimum is that of a knapsack, found by dynamic programming.
    """

    kind = "infeasible"
    DEAREST = 100

    def __init__(self, decisions: int, options: int) -> None:
        super().__init__(decisions, options)
        jitter = self._numbers("prices", decisions, options)
        self._prices = [
            [round(self.DEAREST * (0.5 * share + 0.5 * noise)) for share, noise in zip(*rows, strict=True)]
            for rows in zip(self._shares, jitter, strict=True)
        ]
        self.limit = self._quantile(FEASIBLE)
        self._total, self._places = self._knapsack()

    @cached_property
    def best(self) -> Architecture:
        return self._of(self._places)

    def price(self, architecture: Architecture) -> int:
        """Return the sum of the prices of the chosen options."""
        return sum(row[place] for row, place in zip(self._prices, self._chosen(architecture), strict=True))

    def check(self, architecture: Architecture) -> Sequence[str]:
        price = self.price(architecture)
        return (f"its price {price} exceeds the limit {self.limit}",) if price > self.limit else ()

    def members(self) -> Iterator[Architecture]:
        """Yield the feasible ones; a branch that can only be too dear is not entered."""
        cheapest = [sum(map(min, self._prices[place:])) for place in range(self.decisions + 1)]

        def below(places: list[int], spent: int) -> Iterator[list[int]]:
            if spent + cheapest[len(places)] > self.limit:
                return
            if len(places) == self.decisions:
                yield places
                return
            for option, price in enumerate(self._prices[len(places)]):
                yield from below([*places, option], spent + price)

        return (self._of(places) for places in below([], 0))

    def _quantile(self, share: float) -> int:
        """Return the smallest limit that at least this share of all architectures keeps, counted exactly."""
        counts = {0: 1}
        for row in self._prices:
            more: dict[int, int] = {}
            for (spent, count), price in product(counts.items(), row):
                more[spent + price] = more.get(spent + price, 0) + count
            counts = more
        wanted, seen = share * self.options**self.decisions, 0
        for spent in sorted(counts):
            seen += counts[spent]
            if seen >= wanted:
                return spent
        raise AssertionError(wanted)

    def _knapsack(self) -> tuple[float, list[int]]:
        """Return the best sum of shares within the limit, and its options."""
        best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
        for shares, prices in zip(self._shares, self._prices, strict=True):
            more: dict[int, tuple[float, list[int]]] = {}
            for (spent, (value, places)), option in product(best.items(), range(self.options)):
                now, sum_ = spent + prices[option], value + shares[option]
                if now <= self.limit and (now not in more or sum_ > more[now][0]):
                    more[now] = (sum_, [*places, option])
            best = more
        return max(best.values())


PLANTED: dict[str, tuple[type[Planted], int, int]] = {
    "additive": (Additive, 6, 5),
    "pairwise": (Pairwise, 6, 5),
    "deceptive": (Deceptive, 9, 3),
    "noisy": (Noisy, 6, 5),
    "conditional": (Conditional, 6, 4),
    "infeasible": (Infeasible, 8, 4),
}
"""Every kind with its class and its usual number of decisions and options."""


def planted(name: str) -> Planted:
    """Return the benchmark of a name such as "additive" or "additive/10x4".

    Raises:
        ConfigError: there is no such kind, or the size is out of bounds.
    """
    kind, _, size = name.partition("/")
    if kind not in PLANTED:
        raise ConfigError(f"no planted benchmark is called {kind!r}", hint=did_you_mean(kind, PLANTED))
    make, decisions, options = PLANTED[kind]
    if size:
        match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", size)
        decisions, options = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 2 <= decisions <= LARGEST or not 2 <= options <= LARGEST:
        raise ConfigError(
            f"planted/{kind} has 2 to {LARGEST} decisions of as many options, got {size!r}", hint=f"planted/{kind}/8x4"
        )
    return make(decisions, options)
