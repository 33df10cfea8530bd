"""Passive records of what was tried: proposal, fidelity, trial. No behaviour beyond JSON both ways.

A trial is told to a strategy twice: when it starts (`running`) and when it ends. Failure, pruning and infeasibility
are states, never special values of a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from searchitect.spaces.architecture import Architecture

__all__ = ["Fidelity", "Proposal", "Trial", "TrialState"]

Json = Any


class TrialState(StrEnum):
    """Where a trial stands. `running` is the only state that changes."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    PRUNED = "pruned"
    INFEASIBLE = "infeasible"

    @property
    def is_finished(self) -> bool:
        return self is not TrialState.RUNNING


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much one evaluation may spend; `None` means what the recipe says, that is the full amount.

    Attributes:
        epochs: passes over the training data.
        data_fraction: share of the training data used, in (0, 1].
        resolution: factor on the side of an image, in (0, 1].
        seconds: what the training may take on one worker, as the evaluator predicts it from the model; it makes epochs
            and a share of the data of it, at most `epochs`. Equal for all models, whatever their size.
        width: factor on channel counts, in (0, 1], for spaces that can be built narrower (`catalog.narrowing`).
    """

    epochs: int | None = None
    data_fraction: float = 1.0
    resolution: float = 1.0
    seconds: float | None = None
    width: float = 1.0

    def to_json(self) -> dict[str, Json]:
        known: dict[str, Json] = {"epochs": self.epochs}
        known |= {"data_fraction": self.data_fraction, "resolution": self.resolution}
        if self.seconds is not None:
            known["seconds"] = self.seconds
        return known if self.width == 1.0 else known | {"width": self.width}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Fidelity:
        epochs, seconds = value.get("epochs"), value.get("seconds")
        share, side = value.get("data_fraction", 1.0), value.get("resolution", 1.0)
        return cls(epochs, share, side, seconds, value.get("width", 1.0))


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a strategy asks for.

    Attributes:
        continues: number of the trial whose training this one goes on with.
        inherits: number of the trial whose weights this one starts from.
        replicate: 0 for the first evaluation; another number asks for the same architecture on a fresh seed.
        parent: number of the trial this architecture was derived from; for the lineage only.
        keeps: the weights stay, so that later trials can inherit them.
    """

    architecture: Architecture
    fidelity: Fidelity = Fidelity()
    continues: int | None = None
    inherits: int | None = None
    replicate: int = 0
    parent: int | None = None
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt, as told to a strategy and kept in the journal.

    Attributes:
        number: place in the study, from 0; phases share the count.
        proposal: what was asked.
        state: where it stands.
        key: canonical key of the architecture: isomorphic architectures share one.
        seed: seed of this evaluation; derived from the study's seed and the number.
        phase: "search", "random" or "confirm".
        measurements: name (with unit) to finite value; empty unless complete or pruned.
        reason: one sentence, for every finished state but complete.
        reused: number of the trial whose result this one repeats for free.
        reports: (step, measurements) pairs sent while it ran.
        clock: seconds and other facts of the wall clock; no strategy or limit may read them.
    """

    number: int
    proposal: Proposal
    state: TrialState
    key: str
    seed: int
    phase: str = "search"
    measurements: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    reused: int | None = None
    reports: tuple[tuple[int, Mapping[str, float]], ...] = ()
    clock: Mapping[str, float] = field(default_factory=dict)

    @property
    def architecture(self) -> Architecture:
        return self.proposal.architecture

    @property
    def is_complete(self) -> bool:
        return self.state is TrialState.COMPLETE
