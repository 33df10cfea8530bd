"""Motifs of cells: which small patterns of operations go with good results, and which with bad ones.

A Gaussian process over Weisfeiler-Lehman counts is fitted to the cells that were tried; the gradient of its mean by the
count of a motif, averaged over the cells that hold it, says what one more of it does (Ru et al. 2021, "Interpretable
neural architecture search via Bayesian optimisation with Weisfeiler-Lehman kernels", equation 8). Motifs are operations
alone (level 0) and operations with what feeds them and what they feed (level 1). Beside the gradient stands what needs
no model, the means of trials with and without the motif; a motif on which the two disagree is left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.explain.searches.evidence import evidence_of
from searchitect.explain.searches.sufficient import check_sufficient
from searchitect.explain.wording import Words, words
from searchitect.objectives import Objective
from searchitect.predictors.gaussian_process import GaussianProcess, evenly
from searchitect.predictors.targets import rank_correlation
from searchitect.predictors.weisfeiler_lehman import WeisfeilerLehmanKernel, motif_gradients, motif_rows, motifs
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.strategies.cell_graphs import graph_reader
from searchitect.strategies.gp_wl import decision_graphs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["FEWEST_CELLS", "MotifEffect", "MotifEffects", "motif_effects", "motif_words"]

FEWEST_CELLS, MOST_CELLS, FEWEST_HOLDERS = 20, 300, 3

DEPTH, LEVELS = 2, (0, 1)
"""Rounds of refinement that the kernel sees, and those whose motifs are read."""


@dataclass(frozen=True, slots=True)
class MotifEffect:
    """One motif.

    Attributes:
        text: in words.
        motif: as the kernel writes it.
        effect: what one more of it does to the objective, by the model.
        holders: trials whose cell holds it.
        with_mean, without_mean: of the objective over those, and over all others.
        half: half of the 95 % interval of the difference of the two means (Welch).
    """

    text: str
    motif: str
    effect: float
    holders: int
    with_mean: float
    without_mean: float
    half: float | None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class MotifEffects:
    """The motifs that help most and those that harm most.

    Attributes:
        helping, harming: by how the objective wants it; the strongest first.
        rank_correlation: of the model's predictions with cells it had not seen: how far the effects may be trusted.
        cells: that the model rests on.
        motifs: that occur in enough cells to be judged; `disagreeing` were left out, since model and means disagree.
    """

    objective: str
    direction: str
    helping: tuple[MotifEffect, ...]
    harming: tuple[MotifEffect, ...]
    rank_correlation: float
    cells: int
    motifs: int
    disagreeing: int

    def to_json(self) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "direction": self.direction,
            "helping": [one.to_json() for one in self.helping],
            "harming": [one.to_json() for one in self.harming],
            "rank_correlation": self.rank_correlation,
            "cells": self.cells,
            "motifs": self.motifs,
            "disagreeing": self.disagreeing,
        }


def motif_effects(
    architectures: Sequence[Architecture],
    targets: Sequence[float],
    objective: Objective,
    space: SearchSpace,
    *,
    levels: Sequence[int] = LEVELS,
    most: int = 5,
    say: Words | None = None,
) -> MotifEffects:
    """Tell which motifs help and which harm.

    Args:
        targets: value of the objective of each architecture.
        levels: of the motifs that are read, of 0 and 1.
        most: motifs of either kind.
        say: texts of a language; English by default.

    Raises:
        ConfigError: the space has no graph, there are too few cells, the objective is constant, or another level.
    """
    import numpy as np

    _check(space, levels)
    check_sufficient(evidence_of(architectures, targets, objective), FEWEST_CELLS, "motifs")
    values = np.asarray(targets, dtype=np.float64)
    chosen = evenly(len(values), MOST_CELLS)
    graph = decision_graphs(space)
    counted = [motifs(*graph(architectures[place]), DEPTH) for place in chosen]
    told = values[chosen]
    posterior = GaussianProcess(WeisfeilerLehmanKernel(DEPTH)).fit(motif_rows(counted), told, 0)
    found: list[MotifEffect] = []
    for level in levels:
        for motif, slope in motif_gradients(posterior, level).items():
            held = np.array([motif in row[level] for row in counted])
            if max(FEWEST_HOLDERS, len(chosen) // 50) <= held.sum() < len(chosen):
                found.append(_effect(motif, slope, held, told, say))
    agreed = [one for one in found if one.effect * (one.with_mean - one.without_mean) > 0]
    order = sorted(agreed, key=lambda one: (objective.loss(one.effect), one.motif))
    return MotifEffects(
        objective.name,
        objective.direction,
        tuple(one for one in order if objective.better(one.effect, 0.0))[:most],
        tuple(one for one in reversed(order) if objective.better(0.0, one.effect))[:most],
        rank_correlation(posterior.held_out(), told) or 0.0,
        len(chosen),
        len(found),
        len(found) - len(agreed),
    )


def _check(space: SearchSpace, levels: Sequence[int]) -> None:
    if graph_reader(space) is None:
        raise ConfigError(
            f"{space.name} is no space of cells: its decisions are no edges and operations, so it has no motifs",
            hint="a class says what its graph is by a method graph(self) -> (adjacency matrix, operations)",
        )
    if not levels or not set(levels) <= set(LEVELS):
        raise ConfigError(f"motifs are read at the levels 0 and 1, got {levels!r}")


def _effect(motif: str, slope: float, held: npt.NDArray[np.bool_], targets: Vector, say: Words | None) -> MotifEffect:
    inside, outside = targets[held], targets[~held]
    means = float(inside.mean()), float(outside.mean())
    return MotifEffect(motif_words(motif, say), motif, float(slope), len(inside), *means, _welch(inside, outside))


def _welch(first: Vector, second: Vector) -> float | None:
    """Half of the 95 % interval of the difference of two means (Welch 1947); None where nothing varies."""
    from scipy.stats import t

    if min(len(first), len(second)) < 2:
        return None
    parts = [float(side.var(ddof=1)) / len(side) for side in (first, second)]
    total = sum(parts)
    if total <= 0:
        return None
    freedom = total**2 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (first, second), strict=True))
    return float(t.ppf(0.975, freedom)) * math.sqrt(total)


def motif_words(motif: str, say: Words | None = None) -> str:
    """Read a motif, "conv" or "[input>conv>output+skip]" as the kernel writes it, in words."""
    say = say or words()
    parts = motif.removeprefix("[").removesuffix("]").split(">")
    if len(parts) != 3:
        return motif
    fed, name, feeds = parts
    said = [name]
    if fed:
        said.append(say("motif.fed", names=_listed(Counter(fed.split("+")), say)))
    if feeds:
        said.append(say("motif.feeding", names=_listed(Counter(feeds.split("+")), say)))
    return say("page.comma").join(said) if fed or feeds else say("motif.alone", name=name)


def _listed(counts: Mapping[str, int], say: Words) -> str:
    return say.listed([f"{count} × {name}" if count > 1 else name for name, count in counts.items()])
