"""Which options of a space are not worth trying any more, judged by what was observed: pure functions of trials.

An option is left out for one of two reasons. By importance: whatever else is decided, a model gives it next to no
chance of belonging to the best share. By a limit: whatever else is decided, the limit is broken, as known without
training or as a model predicts. Both ask for the *best* architecture with the option, not for the mean: what is bad in
most company and good in the right one must stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchitect.errors import SpaceError
from searchitect.objectives import Constraint
from searchitect.predictors.ridge import Ridge
from searchitect.predictors.targets import normal_scores, rank_correlation
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.forms import DecisionForm
from searchitect.strategies.features import soft_one_hot
from searchitect.strategies.front_models import compressed
from searchitect.strategies.neighbourhood import neighbourhood
from searchitect.strategies.repair import overrun
from searchitect.strategies.selection import from_best, losses
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["Option", "Reason", "by_importance", "by_known_limits", "by_measured_limits", "options_of"]

NEGLIGIBLE = 0.02
"""A chance below this is none."""

FEWEST_SEEN = 3
"""Complete trials with an option without which nothing is said of it."""

LEAST_CORRELATION = 0.5
"""Held-out rank correlation without which the model is not believed."""

COMPANY = 8
"""Best trials into which an option is put, so that it is judged in good company too; and how many architectures are the
best share, to which it must have a chance to belong."""

RANDOM = 300
"""Random architectures among which each option is judged besides."""

MOST_OPTIONS = 200
"""Spaces with more options are not pruned by limits known beforehand, which costs a model for each question."""

DESCENTS = 3
"""Starts of the search for an architecture with an option that keeps the known limits."""

Option = tuple[str, Value]
"""Path of a decision and the value in question."""

Reason = str


@dataclass(frozen=True)
class _Model:
    """A ridge model of some number about architectures, with what it gets wrong on those it had not seen."""

    setting: Setting
    architectures: list[Architecture]
    targets: Vector

    def chances(self, members: Sequence[Architecture], threshold: float | None = None) -> Vector | None:
        """Probability of each member to lie at or below the threshold; None where the model is not to be believed.

        Args:
            threshold: by default that of the best share of the members, which is as uncertain as they are.
        """
        import numpy as np
        from scipy.special import ndtr

        posterior = Ridge().fit(soft_one_hot(self.setting.space, self.architectures), self.targets, 0)
        held_out = posterior.held_out()
        if (rank_correlation(held_out, self.targets) or 0.0) < LEAST_CORRELATION:
            return None
        error = float(np.sqrt(np.square(held_out - self.targets).mean()))
        mean, deviation = posterior.predict(soft_one_hot(self.setting.space, members))
        if threshold is None:
            threshold, error = float(np.sort(mean)[min(COMPANY, len(mean)) - 1]), error * 2**0.5
        return np.asarray(ndtr((threshold - mean) / np.hypot(deviation, error)))


def options_of(setting: Setting) -> dict[str, tuple[Value, ...]]:
    """Return the decisions that can lose an option: choices and optionals, by path. Numbers and subsets cannot."""
    try:
        decisions = setting.space.decisions()
    except SpaceError:  # more places than can be laid out side by side
        return {}
    return {
        decision.path: decision.options
        for decision in decisions
        if decision.kind in ("choice", "optional") and decision.options is not None and len(decision.options) > 1
    }


def by_importance(setting: Setting, trials: Sequence[Trial]) -> dict[Option, Reason]:
    """Options whose probability of belonging to the best share is negligible, in every company that was looked at.

    One objective is modelled as it is, several by constrained non-dominated rank. What one of the best trials has is
    never left out, and at least half of the options of every decision stay.

    Args:
        trials: complete ones, in the order in which they ended.
    """
    ordered = from_best(trials, setting.objectives, setting.constraints)
    members = _members(setting, ordered)
    chances = _Model(setting, [t.architecture for t in trials], _targets(setting, trials, ordered)).chances(members)
    if chances is None:
        return {}
    best_trials = ordered[: max(FEWEST_SEEN, len(ordered) // 20)]
    found: dict[Option, Reason] = {}
    for path, options in options_of(setting).items():
        best = {option: _best(chances, members, path, option) for option in options}
        known = [o for o in options if _seen(trials, path, o) >= FEWEST_SEEN and not _seen(best_trials, path, o)]
        poor = [o for o in known if best[o] is not None]
        poor = sorted((o for o in poor if (best[o] or 0.0) < NEGLIGIBLE), key=lambda o: best[o] or 0.0)
        for option in poor[: len(options) // 2]:
            found[path, option] = (
                f"its chance to belong to the {COMPANY} best architectures is below {NEGLIGIBLE:.0%}, in any company"
                f" that {len(trials)} trials speak of"
            )
    return found


def by_measured_limits(setting: Setting, trials: Sequence[Trial]) -> dict[Option, Reason]:
    """Options with which a limit on a measured quantity is predicted to be broken, whatever else is decided."""
    import numpy as np

    found: dict[Option, Reason] = {}
    for limit in setting.constraints:
        beyond = [_beyond(limit, trial) for trial in trials]
        if not all(map(math.isfinite, beyond)) or max(beyond, default=0.0) <= 0:
            continue
        order = sorted(range(len(trials)), key=lambda place: (beyond[place], trials[place].number))
        members = _members(setting, [trials[place] for place in order])
        scaled = np.arcsinh(np.array(beyond) / (float(np.median(np.abs(beyond))) or 1.0))
        chances = _Model(setting, [trial.architecture for trial in trials], scaled).chances(members, 0.0)
        if chances is None:
            continue
        for path, options in options_of(setting).items():
            for option in options:
                own = [b for b, trial in zip(beyond, trials, strict=True) if trial.architecture.get(path) == option]
                best = _best(chances, members, path, option)
                if len(own) >= FEWEST_SEEN and min(own) > 0 and best is not None and best < NEGLIGIBLE:
                    found[path, option] = (
                        f"no architecture with it is expected to keep {limit}: {len(own)} of {len(own)} trials broke it"
                    )
    return _leaving_one(setting, found)


def by_known_limits(setting: Setting) -> dict[Option, Reason]:
    """Options with which limits that are known without training cannot be kept, as far as a descent finds.

    From several starts the decision is held and all others are changed one by one, each time to what lowers the overrun
    most. Where that ends above the limits, the nearest architecture with the option breaks them.
    """
    listed = options_of(setting)
    if setting.facts is None or not setting.constraints or sum(map(len, listed.values())) > MOST_OPTIONS:
        return {}
    known: dict[Architecture, float] = {}

    def of(architecture: Architecture) -> float:
        if architecture not in known:
            known[architecture] = overrun(setting, architecture)
        return known[architecture]

    found: dict[Option, Reason] = {}
    for path, options in listed.items():
        for option in options:
            least = min((_descent(setting, path, option, start, of) for start in range(DESCENTS)), default=0.0)
            if least > 0:
                by = "cannot be built" if math.isinf(least) else f"exceeds the limits by {least:.0%}"
                limits = " and ".join(str(limit) for limit in setting.constraints)
                found[path, option] = f"no architecture with it keeps {limits}: the nearest that was found {by}"
    return _leaving_one(setting, found)


def _descent(setting: Setting, path: str, option: Value, start: int, of: object) -> float:
    """The least overrun that changing one decision after another leads to, with one decision held."""
    assert callable(of)
    rng = stream(setting.seed, "space pruning", "descent", path, repr(option), start)
    begun = setting.space.default() if start == 0 else setting.space.sample(rng)
    current = _with(setting, begun, path, option, start)
    if current is None:
        return 0.0  # it cannot be put in: nothing is said of it
    left = float(of(current))
    while left > 0:
        near = [a for a in neighbourhood(setting.space, current, rng, 40) if a.get(path) == option]
        overruns = [float(of(changed)) for changed in near]
        if not near or min(overruns) >= left:
            break
        left = min(overruns)
        current = near[overruns.index(left)]
    return left


def _leaving_one(setting: Setting, found: Mapping[Option, Reason]) -> dict[Option, Reason]:
    """The same without decisions that would lose all their options: then the limits, not the options, are at fault."""
    kept = dict(found)
    for path, options in options_of(setting).items():
        if all((path, option) in kept for option in options):
            for option in options:
                del kept[path, option]
    return kept


def _targets(setting: Setting, trials: Sequence[Trial], ordered: Sequence[Trial]) -> Vector:
    """What is learned: losses, with what is worse than the median drawn together; or scores of ranks."""
    import numpy as np

    if len(setting.objectives) == 1:
        return compressed(np.array([losses(trial, setting.objectives)[0] for trial in trials]))
    place = {trial.number: float(rank) for rank, trial in enumerate(ordered)}
    return normal_scores(np.array([place[trial.number] for trial in trials]))


def _members(setting: Setting, ordered: Sequence[Trial]) -> list[Architecture]:
    """Random architectures, the best trials, and these with every option put in."""
    rng = stream(setting.seed, "space pruning", len(ordered))
    company = [trial.architecture for trial in ordered[:COMPANY]]
    found = dict.fromkeys([*company, *(setting.space.sample(rng) for _ in range(RANDOM))])
    for path, options in options_of(setting).items():
        for option in options:
            for place, architecture in enumerate(company):
                changed = _with(setting, architecture, path, option, place)
                if changed is not None:
                    found[changed] = None
    return list(found)


def _with(setting: Setting, architecture: Architecture, path: str, option: Value, draw: int) -> Architecture | None:
    """The architecture with one decision taken; what thereby becomes active is drawn. None where that cannot be."""
    rng = stream(setting.seed, "space pruning", "with", path, repr(option), draw)

    def choose(here: str, decision: DecisionForm) -> Value:
        if here == path:
            return option
        if path.startswith(f"{here}.") and here in architecture and path not in architecture:
            return next(_leading(decision, here, path), architecture[here])
        return architecture[here] if here in architecture else decision.domain.draw(rng)

    changed = setting.space.decide(choose)
    return changed if changed.get(path) == option and setting.space.contains(changed) else None


def _leading(decision: DecisionForm, here: str, path: str) -> Iterator[Value]:
    """Values of a decision under which another one is active."""
    for value in decision.domain.values() if decision.domain.finite else ():
        if any(path.startswith(here + suffix) for suffix, _ in decision.branches(value)):
            yield value


def _best(chances: Vector, members: Sequence[Architecture], path: str, option: Value) -> float | None:
    own = [float(chance) for chance, member in zip(chances, members, strict=True) if member.get(path) == option]
    return max(own, default=None)


def _seen(trials: Sequence[Trial], path: str, option: Value) -> int:
    return sum(trial.architecture.get(path) == option for trial in trials)


def _beyond(limit: Constraint, trial: Trial) -> float:
    """How far a trial is beyond a limit, as a share of it; below 0 where it is kept."""
    sign = 1.0 if limit.relation == "<=" else -1.0
    return sign * (limit.bound(trial.measurements) - limit.limit) / (abs(limit.limit) or 1.0)
