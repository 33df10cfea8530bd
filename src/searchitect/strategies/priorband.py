"""PriorBand: Hyperband led by an expert's guess, which bad results overrule.

Mallik et al., "PriorBand: Practical Hyperparameter Optimization in the Age of Deep Learning", NeurIPS 2023, section 5.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError, SpaceError
from searchitect.seeding import stream
from searchitect.spaces.architecture import Architecture
from searchitect.strategies.fresh import first_fresh
from searchitect.strategies.halving import Halving, RungRecord
from searchitect.strategies.parzen import Column, columns_of
from searchitect.strategies.proposing import edited
from searchitect.strategies.rung_samplers import RandomSampler
from searchitect.strategies.rungs import Ladder, hyperband_brackets, make_ladder, promoted
from searchitect.strategies.strategy import Setting
from searchitect.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["Nearby", "PriorBand"]

KEPT = 0.5
"""Chance that a choice keeps the centre's option before the prior of the space is drawn from."""

WIDTH = 0.25
"""Standard deviation of a number around the centre's, as a share of its range."""


class PriorBand(Halving):
    """Hyperband; what begins lies near the guess, near the incumbent, or anywhere.

    On rung r anything is drawn with p_U = 1 / (1 + η^r): the longer the evaluation, the more the guess is trusted. The
    rest goes to the guess alone until one full evaluation and η trials of its rung are complete; then guess and
    incumbent share it by how likely each makes the best 1/η of the highest rung with η trials (the paper's equation 4:
    the best weighs most).

    Args:
        eta, r_min, axis: as for `hyperband`.
        guess: decisions that the expert believes good, {path: value}; the others are those of the space's default.

    Raises:
        ConfigError: a number is out of range, it is not known what a full evaluation spends, or the guess does not fit
            the space.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        eta: int = 3,
        r_min: float | None = None,
        axis: str = "epochs",
        guess: Mapping[str, Any] | None = None,
    ) -> None:
        ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        sampler = _GuidedSampler(setting, ladder, _guessed(setting, guess))
        super().__init__(setting, ladder, hyperband_brackets(len(ladder), eta), sampler)


def _guessed(setting: Setting, guess: Mapping[str, Any] | None) -> Architecture:
    default = setting.space.default()
    if not guess:
        return default
    try:
        return edited(setting.space, default, guess, random.Random(0))
    except SpaceError as error:
        raise ConfigError(f"the guess does not fit {setting.space.name}: {error.message}", hint=error.hint) from error


class _GuidedSampler:
    def __init__(self, setting: Setting, ladder: Ladder, guess: Architecture) -> None:
        self._setting, self._ladder = setting, ladder
        self._random, self._record = RandomSampler(setting), RungRecord(setting, ladder)
        self._guess = Nearby(setting, guess)

    def draw(self, number: int, rung: int) -> Architecture | None:
        setting, rng = self._setting, stream(self._setting.seed, "priorband", number)
        if not self._random.seen and not setting.check(self._guess.centre):
            return self._guess.centre
        anywhere, share = 1.0 / (1.0 + self._ladder.eta**rung), self._share_of_incumbent()
        luck = rng.random()
        if luck >= anywhere:
            incumbent = self._incumbent() if luck < anywhere + (1 - anywhere) * share else None
            source = self._guess if incumbent is None else Nearby(setting, incumbent.architecture)
            near = first_fresh(setting, self._random.seen, lambda: source.draw(rng), 100)
            if near is not None:
                return near
        return self._random.draw(number, rung)

    def tell(self, trial: Trial) -> None:
        self._random.tell(trial)
        self._record.tell(trial)

    def _incumbent(self) -> Trial | None:
        setting, reached = self._setting, [rung for rung in self._record.complete if rung]
        return promoted(reached[-1], 1, setting.objectives, setting.constraints)[0] if reached else None

    def _share_of_incumbent(self) -> float:
        """p_inc as a share of what is not drawn from the whole space."""
        import numpy as np

        eta, setting = self._ladder.eta, self._setting
        rung = next((rung for rung in reversed(self._record.complete) if len(rung) >= eta), None)
        incumbent = self._incumbent()
        if rung is None or incumbent is None or not self._record.complete[-1]:
            return 0.0
        top = promoted(rung, max(eta, len(rung) // eta), setting.objectives, setting.constraints)
        weights = np.arange(len(top), 0, -1)
        architectures = [trial.architecture for trial in top]
        by_guess = float(weights @ self._guess.density(architectures))
        by_incumbent = float(weights @ Nearby(setting, incumbent.architecture).density(architectures))
        return by_incumbent / (by_guess + by_incumbent)


class Nearby:
    """The distribution around an architecture: each choice kept or drawn anew, each number a truncated normal."""

    def __init__(self, setting: Setting, centre: Architecture) -> None:
        self.centre, self._setting = centre, setting
        self._columns = columns_of(setting.space)
        self._point = setting.space.encode(centre, "unit_cube")
        self._active = setting.space.mask(centre, "unit_cube")

    def draw(self, rng: random.Random) -> Architecture:
        """Draw an architecture; a point that breaks a constraint of the space is drawn again."""
        for _ in range(50):
            point = [self._value(place, column, rng) for place, column in enumerate(self._columns)]
            try:
                return self._setting.space.decode(point)
            except SpaceError:
                continue
        return self._setting.space.sample(rng)

    def density(self, architectures: list[Architecture]) -> Vector:
        """How likely each is, relative to the most likely: shape (n,), the geometric mean over its active decisions.

        The paper takes the product; over the tens of decisions of an architecture that would let one decision more or
        less outweigh everything.
        """
        import numpy as np

        space = self._setting.space
        found = []
        for architecture in architectures:
            point, active = space.encode(architecture, "unit_cube"), space.mask(architecture, "unit_cube")
            both = np.flatnonzero(active & self._active)
            factors = [_factor(self._columns[place], point[place], self._point[place]) for place in both]
            found.append(float(np.exp(np.mean(np.log(factors)))) if factors else 1.0)
        return np.array(found)

    def _value(self, place: int, column: Column, rng: random.Random) -> float:
        count = len(column.prior)
        if self._active[place] and (not count or rng.random() < KEPT):
            return float(self._point[place]) if count else _truncated(float(self._point[place]), rng)
        if not count:
            return rng.random()
        return (rng.choices(range(count), column.prior)[0] + 0.5) / count


def _truncated(centre: float, rng: random.Random) -> float:
    while not 0.0 <= (value := rng.gauss(centre, WIDTH)) <= 1.0:
        pass
    return value


def _factor(column: Column, value: float, centre: float) -> float:
    """The probability of one decision's value, relative to the centre's."""
    import math

    count = len(column.prior)
    if not count:
        return math.exp(-0.5 * ((value - centre) / WIDTH) ** 2)
    cells = [min(count - 1, int(at * count)) for at in (value, centre)]
    odds = [(1 - KEPT) * column.prior[cell] + KEPT * (cell == cells[1]) for cell in cells]
    return max(odds[0] / odds[1], 1e-12)
