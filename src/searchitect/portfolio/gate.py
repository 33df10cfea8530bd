"""Before spending: an architecture is worth a trial where it can serve any scenario, and no scenario is impossible."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence

from searchitect.errors import ConstraintError, SearchitectError, SpaceError
from searchitect.evaluation import Check, Facts
from searchitect.objectives import Constraint
from searchitect.portfolio.regrets import collision
from searchitect.portfolio.scenario import Scenario
from searchitect.portfolio.units import written
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.repair import repaired
from searchitect.strategies.strategy import Setting

__all__ = ["Gate", "refuse_impossible", "refuse_limits"]

MOST_KEPT = 10_000
DRAWS, STEPS = 150, 150
"""Architectures drawn, then changed towards the limits, before a scenario is called impossible."""


REPAIRS = 2
"""Architectures nearest to the limits that are led further, one decision after another, before limits are refused."""


class Gate:
    """What a study asks before each trial.

    An architecture is infeasible only where it breaks a limit of every scenario; what is known of it without training
    is found out once.

    Args:
        facts: the evaluator's.
        allowed: a check that comes before.
    """

    def __init__(self, scenarios: Sequence[Scenario], facts: Facts, allowed: Check | None = None) -> None:
        self._limits = [(scenario.name, scenario.constraints()) for scenario in scenarios]
        self._names = frozenset(name for _, limits in self._limits for limit in limits for name in limit.names)
        self._facts, self._before = facts, allowed
        self._kept: dict[str, tuple[frozenset[str], Mapping[str, float]]] = {}

    def facts(self, architecture: Architecture, names: frozenset[str]) -> Mapping[str, float]:
        """What is known of `names` without training."""
        asked = names | self._names
        key = architecture.text
        if key not in self._kept or not names <= self._kept[key][0]:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = asked, self._facts(architecture, asked)
        return {name: value for name, value in self._kept[key][1].items() if name in names}

    def allowed(self, architecture: Architecture) -> Sequence[str]:
        """Why no scenario can be served, one sentence for each; empty where one can."""
        problems = list(self._before(architecture)) if self._before is not None else []
        if problems:
            return problems
        known = self.facts(architecture, self._names)
        for name, limits in self._limits:
            broken = [limit for limit in limits if limit.name in known and not limit.holds(known)]
            if not broken:
                return ()
            problems.append(f"{name}: {broken[0].explained(known)}")
        return problems


def refuse_impossible(space: SearchSpace, scenarios: Sequence[Scenario], facts: Facts, seed: int) -> None:
    """Refuse a scenario whose limits no architecture keeps, as far as they are known without training.

    The default, random ones, then changes of one decision towards the limits: a search of its own, not a proof.

    Raises:
        ConstraintError: says which limits collide, and by how much.
    """
    seen: list[tuple[Architecture, Mapping[str, float]]] = []
    names = frozenset(name for scenario in scenarios for limit in scenario.constraints() for name in limit.names)
    if not names:
        return
    for scenario in scenarios:
        found = _Attempt(space, scenario, names, facts, seed).run(seen)
        if not found:
            rows = [row for _, row in seen if row]
            known = {name for row in rows for name in row}
            if rows and _with_known(scenario, known).limits:
                raise ConstraintError(
                    f"scenario {scenario.name!r} looks impossible: of {len(rows)} architectures tried, none keeps its "
                    f"limits. {collision(_with_known(scenario, known), rows)}",
                    hint="raise that limit, search a space with smaller models, or leave the scenario out",
                )


def refuse_limits(space: SearchSpace, limits: Sequence[Constraint], facts: Facts, seed: int) -> None:
    """Refuse limits that no architecture keeps together, as far as they are known without training.

    The default and random ones, as many as it takes to find one; if none of `DRAWS` will do, the nearest two are
    changed by steepest descent (`strategies.repair`), as the strategies would. Not a proof.

    Raises:
        ConstraintError: says which limits collide, and by how much.
    """
    names, rng = frozenset(name for limit in limits for name in limit.names), stream(seed, "impossible limits")
    seen: list[tuple[float, Architecture, Mapping[str, float]]] = []

    def told(architecture: Architecture, wanted: frozenset[str] = names) -> Mapping[str, float]:
        known = facts(architecture, wanted)
        seen.append((sum(limit.excess(known) for limit in limits if limit.name in known), architecture, known))
        return known

    draws: list[Callable[[], Architecture]] = [space.default]
    draws += [lambda: space.sample(rng)] * DRAWS
    for draw in draws if limits else []:
        with contextlib.suppress(SearchitectError):  # nothing can be built of this one
            if not any(limit.name in told(draw()) for limit in limits) or seen[-1][0] == 0.0:
                return  # nothing is known of the limits, or they are kept
    setting = Setting(space, (), seed, facts=told, constraints=tuple(limits))
    for _, architecture, _ in sorted(seen, key=lambda entry: entry[0])[:REPAIRS]:
        if repaired(setting, architecture) is not None:
            return
    rows = [known for _, _, known in seen]
    if rows:
        known_limits = tuple(written(limit) for limit in limits if limit.name in rows[0])
        raise ConstraintError(
            f"the limits look impossible: of {len(rows)} architectures tried before any training, none keeps them. "
            + collision(Scenario(name="limits", limits=known_limits), rows),
            hint="raise that limit, or search a space with smaller models",
        )


def _with_known(scenario: Scenario, known: set[str]) -> Scenario:
    """The scenario with those limits only that are on something that is known without training."""
    pairs = zip(scenario.limits, scenario.constraints(), strict=True)
    return dataclasses.replace(scenario, limits=tuple(limit for limit, about in pairs if about.name in known))


class _Attempt:
    """Looks for one architecture that a scenario could be served by."""

    def __init__(self, space: SearchSpace, scenario: Scenario, names: frozenset[str], facts: Facts, seed: int) -> None:
        self.space, self.limits, self.names, self.facts = space, scenario.constraints(), names, facts
        self.rng = stream(seed, "impossible", scenario.slug)
        self.best: tuple[float, Architecture] | None = None

    def run(self, seen: list[tuple[Architecture, Mapping[str, float]]]) -> bool:
        """Try what was seen already, then on; `seen` grows."""
        for architecture, known in seen:
            if self._fits(architecture, known):
                return True
        draw: list[Callable[[], Architecture]] = [self.space.default]
        draw += [lambda: self.space.sample(self.rng)] * DRAWS + [self._changed] * STEPS
        for one in draw:
            try:
                architecture = one()
                known = self.facts(architecture, self.names)
            except SpaceError:
                continue  # the space has no other architecture
            except SearchitectError:
                continue  # nothing can be built of this one
            seen.append((architecture, known))
            if self._fits(architecture, known):
                return True
        return False

    def _changed(self) -> Architecture:
        base = self.space.default() if self.best is None else self.best[1]
        return self.space.mutate(base, self.rng)

    def _fits(self, architecture: Architecture, known: Mapping[str, float]) -> bool:
        asked = [limit for limit in self.limits if limit.name in known]
        excess = sum(limit.excess(known) for limit in asked)
        if self.best is None or excess <= self.best[0]:
            self.best = excess, architecture
        return excess == 0.0
