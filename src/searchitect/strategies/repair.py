"""An architecture that breaks limits known beforehand, changed until it keeps them: the last resort of rejection.

Where hardly anything is feasible, drawing until something is costs seconds and finds little (optuna/optuna#4563). What
is known without training says not only whether a limit is broken but by how much, and that leads back.
"""

from __future__ import annotations

import math

from searchitect.errors import EvaluationError, SpaceError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.neighbourhood import neighbourhood
from searchitect.strategies.strategy import Setting

__all__ = ["overrun", "repaired"]

WIDTH = 40
"""Changes that are compared in each step."""

STEPS = 60
"""Decisions that are changed at most."""


def overrun(setting: Setting, architecture: Architecture) -> float:
    """Return by how much limits are broken that are known without training: the sum of shares of each limit.

    Infinite where no model can be built; 0 where nothing is known to be broken.
    """
    if setting.facts is None or not setting.constraints:
        return 0.0
    names = frozenset(name for limit in setting.constraints for name in limit.names)
    try:
        known = setting.facts(architecture, names)
    except (EvaluationError, SpaceError):
        return math.inf
    return sum(limit.excess(known) for limit in setting.constraints if limit.name in known)


def repaired(setting: Setting, architecture: Architecture) -> Architecture | None:
    """Change one decision after another, each time the one that lowers the overrun most, until `check` allows it.

    Every change costs one decision of what was wanted and brings a different share of the way back: the largest share
    per change is the best ratio. The same architecture is always repaired in the same way.

    Returns:
        None where nothing is known of the limits, or no single change leads any further.
    """
    excess = overrun(setting, architecture)
    if excess <= 0:
        return None
    rng = stream(setting.seed, "repair", architecture.digest())
    current = architecture
    for _ in range(STEPS):
        near = neighbourhood(setting.space, current, rng, WIDTH)
        overruns = [overrun(setting, changed) for changed in near]
        if not near or min(overruns) >= excess:
            return None
        excess = min(overruns)
        current = near[overruns.index(excess)]
        if excess <= 0:
            return None if setting.check(current) else current
    return None
