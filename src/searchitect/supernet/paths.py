"""Which subnets a step trains: architectures as a pure function of the seed and the number of the step.

Nothing is remembered from step to step, so a training that was killed goes on with exactly the paths that it would have
drawn. `uniform` is the single path of Guo et al. 2020, `fair` the strict fairness of Chu et al. 2021, `sandwich` the
rule of Yu & Huang 2019. Declared constraints and fixed decisions hold in every path.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces import Architecture, Value
from searchitect.spaces.describing import Decision
from searchitect.spaces.forms import DecisionForm
from searchitect.supernet.members import Members, Uniform, has_order

__all__ = ["Paths", "fair", "sandwich", "uniform"]

Paths = Callable[[int], tuple[Architecture, ...]]
"""From the number of a step, from 0, to the architectures it trains."""

MOST_PATHS = 16
"""Paths of one step of strict fairness, however many options a decision has."""

LONGEST_LIST = 64
"""Options that are dealt out in turn; of longer lists every value is drawn anew."""

ATTEMPTS = 20
"""Deals of a whole step before paths that break a constraint are replaced by drawn ones."""


def uniform(members: Members, seed: int, *, over: Uniform = "decisions", count: int = 1) -> Paths:
    """`count` independent paths per step (Guo et al., "Single path one-shot neural architecture search", 2020).

    Args:
        over: "decisions": every decision evenly over its options, prior weights do not count; "architectures": every
            written architecture equally likely, so that long repeats, which are many, are trained most.
    """

    def paths(step: int) -> tuple[Architecture, ...]:
        rng = stream(seed, "uniform paths", step)
        return tuple([members.sample(rng, over) for _ in range(count)])

    return paths


def sandwich(members: Members, seed: int, *, randoms: int = 2) -> Paths:
    """The largest subnet, the smallest, and random ones (Yu & Huang, "Universally slimmable networks", 2019, §3.2).

    The largest comes first: the others learn from it. What has no largest value, such as a choice among operations, is
    drawn once per step and equal in all paths, so that each of them is a part of the one it learns from. Equal paths
    are trained once.
    """

    def paths(step: int) -> tuple[Architecture, ...]:
        rng = stream(seed, "sandwich paths", step)
        drawn: dict[str, Value] = {}

        def word(path: str, decision: DecisionForm) -> Value:
            if path not in drawn:
                drawn[path] = decision.domain.even(rng)
            return drawn[path]

        def between(path: str, decision: DecisionForm) -> Value:
            return decision.domain.even(rng) if has_order(decision) else word(path, decision)

        largest, smallest = members.extreme("largest", word), members.extreme("smallest", word)
        tried = (members.decide(between) for _ in range(ATTEMPTS * randoms))
        found = islice(filter(members.holds, tried), randoms)
        return tuple(dict.fromkeys((largest, smallest, *found)))

    return paths


def fair(members: Members, seed: int, *, count: int | None = None) -> Paths:
    """Paths in which the options of a decision take turns (Chu et al., "FairNAS", 2021, §3.2 and algorithm 1).

    Every decision deals out its options in one random order after the other. Where a decision has as many options as a
    step has paths, each option is trained exactly once in every step; where it has fewer, the numbers of times its
    options were trained differ by one at most, at any time. That holds for conditional decisions too, counted over the
    paths in which they are active. Constraints can be kept only by breaking a deal: then fairness is approximate.

    Args:
        count: paths per step; None takes as many as the longest list of options that is always active.

    Raises:
        ConfigError: `count` is below 1.
    """
    number = _most_options(members) if count is None else count
    if number < 1:
        raise ConfigError(f"a step trains at least one path, got {number}")

    def dealt(step: int, attempt: int) -> list[Architecture]:
        slots = range(step * number, (step + 1) * number)
        return [members.decide(_Deal(members, seed, slot, attempt)) for slot in slots]

    def paths(step: int) -> tuple[Architecture, ...]:
        for attempt in range(ATTEMPTS):
            found = dealt(step, attempt)
            if all(map(members.holds, found)):
                return tuple(found)
        rng = stream(seed, "fair paths", step)
        return tuple([path if members.holds(path) else members.sample(rng) for path in dealt(step, 0)])

    return paths


class _Deal:
    """Chooses the options of one path: which turn it is of a decision follows from the turn of what it hangs on.

    A choice shows each of its options once per round, so what hangs on an option is reached once per round of the
    choice: the number of that round is its own turn. What several values of a decision bring along (an element of a
    repeat) is reached that many times per round.
    """

    def __init__(self, members: Members, seed: int, slot: int, attempt: int) -> None:
        self._members, self._seed, self._slot, self._attempt = members, seed, slot, attempt
        self._turns: list[tuple[str, int]] = []

    def __call__(self, path: str, decision: DecisionForm) -> Value:
        turn = self._turn(path)
        fixed = self._members.fixed
        if path in fixed:
            values: list[Value] = [fixed[path]]
        elif decision.domain.count > LONGEST_LIST:
            return decision.domain.even(stream(self._seed, "fair paths", path, turn, self._attempt))
        else:
            values = list(decision.domain.values())
        around, place = divmod(turn, len(values))
        stream(self._seed, "fair paths", path, around, self._attempt).shuffle(values)
        self._note(path, decision, values, around, place)
        return values[place]

    def _turn(self, path: str) -> int:
        """How often this decision was reached before: that of the nearest decision it hangs on, or the path's own."""
        for prefix, turn in reversed(self._turns):
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "."):
                return turn
        return self._slot

    def _note(self, path: str, decision: DecisionForm, values: list[Value], around: int, place: int) -> None:
        base = path.removesuffix(decision.own) if decision.own else path
        bringing = [{suffix for suffix, _ in decision.branches(value)} for value in values]
        for suffix in bringing[place]:
            each = sum(suffix in suffixes for suffixes in bringing)
            before = sum(suffix in suffixes for suffixes in bringing[:place])
            self._turns.append((base + suffix, around * each + before))


def _most_options(members: Members) -> int:
    """Options of the longest list that every architecture decides on."""
    found = [
        _count(decision)
        for decision in members.space.decisions()
        if not decision.conditional and decision.path not in members.fixed
    ]
    return min(max(found, default=1), MOST_PATHS)


def _count(decision: Decision) -> int:
    if decision.kind in ("real", "subset"):
        return 1
    if decision.options is not None:
        return len(decision.options)
    assert decision.low is not None
    assert decision.high is not None
    return int(decision.high - decision.low) // (decision.step or 1) + 1
