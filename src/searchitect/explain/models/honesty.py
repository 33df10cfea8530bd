"""Can a map be believed? Three checks that every map goes through, and a verdict in one sentence.

1. Random weights must change it (Adebayo et al. 2018).
2. Taking away or giving back what it marks must move the answer more than random places do (Petsiuk et al. 2018).
3. How far methods agree with one another is told; disagreement fails nobody (Krishna et al. 2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from searchitect.explain.models.curves import Areas, Gain, curve_areas, gain_over, random_areas
from searchitect.explain.models.effort import Effort
from searchitect.explain.models.maps import AttributionMap, attribution_map
from searchitect.explain.models.methods import METHODS
from searchitect.explain.models.randomisation import Maker, weight_randomisation
from searchitect.explain.models.subject import Floats, Subject
from searchitect.explain.wording import Words, words
from searchitect.predictors.targets import rank_agreement
from searchitect.seeding import derive

__all__ = ["CHANGED", "Checks", "Honesty", "Verdict", "agreement_between", "check_honesty", "check_map"]

CHANGED = 0.5
"""A map whose rank correlation with that of random weights is above this does not depend on what was learned."""


MORE_INPUTS = 4
"""How many times as many inputs may be asked for before a map counts as no better than random."""


@dataclass(frozen=True, slots=True)
class Checks:
    """How thoroughly maps are checked.

    Attributes:
        random_maps: to compare the curves with, per input.
        steps: points of a curve.
        draws: models with random weights. A map of few places that is alike for all inputs, such as what attention
            reads of sixteen patches, is like a random one by chance: a ρ of 0.5 is four standard errors of four draws.
    """

    random_maps: int = 20
    steps: int = 12
    draws: int = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a map can be believed.

    Attributes:
        method: whose map.
        failed: whether it is shown with a red line.
        reasons: "ignores_weights", "no_better_than_random", or "too_few_inputs" in its place where the interval is
            merely wide: then about `needed` inputs would tell; empty where it did not fail.
        sentence: the same in plain words.
        unchanged: mean rank correlation with the maps of random weights; 1 is the same map.
        sizes_unchanged: the same of sizes without signs. Above 0.5 the input, not the model, decides where the map is
            strong, as is known of input × gradient (Adebayo et al. 2018, section 5); `follows_input` says so, and it
            is no failure.
        deletion, insertion: gain of area over random maps; above 0 is better.
        needed: inputs with which the interval would exclude 0 if the mean stayed, where those are not many more.
    """

    method: str
    failed: bool
    reasons: tuple[str, ...]
    sentence: str
    unchanged: float
    sizes_unchanged: float
    deletion: Gain
    insertion: Gain
    needed: int | None = None

    @property
    def follows_input(self) -> bool:
        """Whether the input decides where the map is strong: its signs can be read, its strength cannot."""
        return self.sizes_unchanged > CHANGED

    def to_json(self) -> dict[str, Any]:
        found = {"method": self.method, "failed": self.failed, "reasons": list(self.reasons)}
        gains = {"deletion": self.deletion.to_json(), "insertion": self.insertion.to_json()}
        alike = {"unchanged": round(self.unchanged, 3), "sizes_unchanged": round(self.sizes_unchanged, 3)}
        found |= {} if self.needed is None else {"needed": self.needed}
        return found | {"follows_input": self.follows_input, "sentence": self.sentence, **alike, **gains}


@dataclass(frozen=True, slots=True)
class Honesty:
    """Verdicts on several maps of the same inputs, and the mean rank correlation between each two."""

    verdicts: tuple[Verdict, ...]
    methods: tuple[str, ...]
    agreement: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        rows = [[round(value, 3) for value in row] for row in self.agreement]
        return {
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "agreement": {"methods": list(self.methods), "spearman": rows},
        }


def check_honesty(
    subject: Subject,
    maps: Sequence[AttributionMap],
    *,
    makers: Mapping[str, Maker] | None = None,
    effort: Effort | None = None,
    checks: Checks | None = None,
    seed: int = 0,
    say: Words | None = None,
) -> Honesty:
    """Check the maps of a subject.

    Args:
        makers: name to the function that made a map, for maps of the caller's own; others are made again by name.
        say: texts of a language; English by default.
    """
    random: dict[bytes, Areas] = {}
    own = dict(makers or {})
    verdicts = tuple(
        check_map(subject, found, random, make=own.get(found.method), effort=effort, checks=checks, seed=seed, say=say)
        for found in maps
    )
    return Honesty(verdicts, tuple(found.method for found in maps), agreement_between(maps))


def check_map(
    subject: Subject,
    found: AttributionMap,
    random: dict[bytes, Areas],
    *,
    make: Maker | None = None,
    effort: Effort | None = None,
    checks: Checks | None = None,
    seed: int = 0,
    say: Words | None = None,
) -> Verdict:
    """Check one method's maps.

    Args:
        random: areas of random maps by their grain, which maps of the same subject share; is filled.
        make: what made the map; by default the method of its name.
        say: texts of a language; English by default.
    """
    chosen = checks or Checks()
    key = b"" if found.groups is None else found.groups.tobytes()
    if key not in random:
        drawn = derive(seed, "random maps")
        random[key] = random_areas(subject, found.groups, count=chosen.random_maps, steps=chosen.steps, seed=drawn)
    again = make or partial(_values, method=found.method, effort=effort, seed=seed)
    alike, sizes = weight_randomisation(subject, again, found.values, draws=chosen.draws, seed=seed)
    own = curve_areas(subject, found.values, signed=found.signed, steps=chosen.steps, seed=derive(seed, "ties"))
    deletion = gain_over(own.deletion, random[key].deletion, lower=True)
    insertion = gain_over(own.insertion, random[key].insertion, lower=False)
    unchanged = float(alike.mean()), float(sizes.mean())
    return _verdict(found.method, unchanged, deletion, insertion, len(subject), say or words())


def agreement_between(maps: Sequence[AttributionMap]) -> tuple[tuple[float, ...], ...]:
    """Mean Spearman's ρ between each two maps, over inputs; of sizes where one of the two has no sign."""

    def pair(first: AttributionMap, second: AttributionMap) -> float:
        both = first.signed and second.signed
        one, other = (found.values if both else np.abs(found.values) for found in (first, second))
        return float(rank_agreement(one, other).mean())

    return tuple(tuple(1.0 if a is b else pair(a, b) for b in maps) for a in maps)


def _values(subject: Subject, *, method: str, effort: Effort | None, seed: int) -> Floats:
    return attribution_map(subject, method, effort=effort, seed=seed).values


def _verdict(
    method: str, unchanged: tuple[float, float], deletion: Gain, insertion: Gain, count: int, say: Words
) -> Verdict:
    reasons, needed = [], None
    if unchanged[0] > CHANGED:
        reasons.append("ignores_weights")
    if not (deletion.is_shown or insertion.is_shown):
        needed = _needed((deletion, insertion), count)
        reasons.append("no_better_than_random" if needed is None else "too_few_inputs")
    found = Verdict(method, bool(reasons), tuple(reasons), "", *unchanged, deletion, insertion, needed)
    return replace(found, sentence=_sentence(found, count, say))


def _needed(gains: Sequence[Gain], count: int) -> int | None:
    """Inputs with which an interval would exclude 0 if the mean stayed; None where it would take many more."""
    if count < 2:
        return None
    wanted = [count * ((one.mean - one.low) / one.mean) ** 2 for one in gains if one.mean > 0]
    least = min(wanted, default=math.inf)
    return math.ceil(least) if least <= MORE_INPUTS * count else None


def _sentence(verdict: Verdict, count: int, say: Words) -> str:
    sizes = f"{verdict.sizes_unchanged:.2f}"
    return say(
        f"verdict.{verdict.reasons[0] if verdict.reasons else 'passes'}",
        method=verdict.method,
        meaning=METHODS[verdict.method].says(say) if verdict.method in METHODS else say("method.own"),
        inputs=say("verdict.one_input") if count == 1 else say("verdict.inputs", count=count),
        gains=say("verdict.gains", deletion=_told(verdict.deletion, say), insertion=_told(verdict.insertion, say)),
        alike=f"{verdict.unchanged:.2f}",
        needed=verdict.needed,
        caveat=say("verdict.follows_input", sizes=sizes) if verdict.follows_input else "",
    )


def _told(gain: Gain, say: Words) -> str:
    return say("verdict.gain", mean=f"{gain.mean:+.3f}", low=f"{gain.low:+.3f}", high=f"{gain.high:+.3f}")
