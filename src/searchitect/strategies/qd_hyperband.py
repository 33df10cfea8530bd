"""Hyperband for niches: what is promoted is the best of every niche, not the best of all.

Schneider et al., "Tackling neural architecture search with quality diversity optimization", AutoML 2022, §4: qdHB draws
what begins at random, BOP-ElitesHB chooses it as BOP-Elites does.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from searchitect.strategies.elites import EliteArchive
from searchitect.strategies.halving import Halving
from searchitect.strategies.niches import Niches, describe
from searchitect.strategies.rung_samplers import make_sampler
from searchitect.strategies.rungs import hyperband_brackets, make_ladder
from searchitect.strategies.strategy import Setting
from searchitect.strategies.tessellation import made_niches
from searchitect.trial import Trial

__all__ = ["BOPElitesHyperband", "QDHyperband", "best_of_niches"]


class QDHyperband(Halving):
    """Hyperband whose brackets promote niche by niche; configurations are drawn at random.

    Args:
        niches: where a best model is wanted, each of them; see `parse_niches`. Without any the space itself is cut
            into 32 regions of alike architectures.
        eta, r_min, axis: as for `hyperband`.

    Raises:
        ConfigError: the niches cannot be read, a number is out of range, or it is not known what a full evaluation
            spends.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        niches: Any = None,
        eta: int = 3,
        r_min: float | None = None,
        axis: str = "epochs",
    ) -> None:
        ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        self.niches = made_niches(niches, setting.space, setting.facts, setting.seed)
        self._make(setting, ladder, self.niches, make_sampler(setting, ladder))

    def _make(self, setting: Setting, ladder: Any, niches: Niches, sampler: Any) -> None:
        def promote(trials: Sequence[Trial], count: int) -> list[Trial]:
            return best_of_niches(trials, count, setting, niches)

        super().__init__(setting, ladder, hyperband_brackets(len(ladder), ladder.eta), sampler, promote)


class BOPElitesHyperband(QDHyperband):
    """The same; what begins is what BOP-Elites proposes, told of the highest rung with enough complete trials.

    Args:
        niches, eta, r_min, axis: as for `qd_hb`.
        initial, refit_every, candidates, inspected, max_points: as for `bop_elites`.

    Raises:
        ConfigError: as for `qd_hb`, or a number of the model makes no sense.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        niches: Any = None,
        eta: int = 3,
        r_min: float | None = None,
        axis: str = "epochs",
        initial: int | None = None,
        refit_every: int = 5,
        candidates: int = 150,
        inspected: int = 40,
        max_points: int = 1000,
    ) -> None:
        ladder = make_ladder(setting, eta=eta, r_min=r_min, axis=axis)
        self.niches = made_niches(niches, setting.space, setting.facts, setting.seed)
        options = {
            "niches": self.niches,
            "initial": initial,
            "refit_every": refit_every,
            "candidates": candidates,
            "inspected": inspected,
            "max_points": max_points,
        }
        self._make(setting, ladder, self.niches, make_sampler(setting, ladder, "bop_elites", options))


def best_of_niches(trials: Sequence[Trial], count: int, setting: Setting, niches: Niches) -> list[Trial]:
    """Return up to `count` complete trials: the best of every niche, then the second best of every niche, and so on.

    The niche with the fewest candidates comes first: a nested one before those that contain it. Where the best of a
    niche was chosen for another already, nothing more is owed to it in that round. Trials of no niche come last.
    """
    objective, archive = setting.objectives[0], EliteArchive(niches)
    complete = [trial for trial in trials if trial.is_complete]
    complete.sort(key=lambda trial: (objective.loss(trial.measurements[objective.name]), trial.number))
    members: dict[int, list[Trial]] = {}
    for trial in complete:
        told = describe(niches.features, setting.space, trial.architecture, trial.measurements)
        for niche in archive.niches_of(told):
            members.setdefault(niche, []).append(trial)
    tightest = sorted(members.values(), key=len)
    rounds = itertools.zip_longest(*tightest)
    chosen = {trial.number: trial for turn in rounds for trial in turn if trial is not None}
    chosen |= {trial.number: trial for trial in complete if trial.number not in chosen}
    return list(chosen.values())[:count]
