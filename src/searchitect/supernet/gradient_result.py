"""What a gradient search gives: architectures in the order of a hold-out, and the curves that led to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from searchitect.spaces import Architecture, SearchSpace, Value
from searchitect.supernet.gaps import DiscretisationGap

__all__ = ["GradientSearch", "SearchEpoch", "SearchRun"]


@dataclass(frozen=True, slots=True)
class SearchEpoch:
    """A search after one epoch.

    Attributes:
        run: number of the run, from 0.
        train_loss: of the shared weights, mean of the epoch.
        search_loss: of the architecture weights, without penalties; None while only shared weights are trained.
        probabilities: path to the mean weight of each option, in the order of the options.
        skip_share: of the decisions whose strongest operation is a skip.
        entropy: mean entropy of the decisions; 1 undecided, 0 decided.
        eigenvalue: the dominant one of the Hessian of the search loss in the architecture weights; None where it is
            not watched.
        temperature: of the sampler.
    """

    run: int
    epoch: int
    train_loss: float
    search_loss: float | None
    probabilities: Mapping[str, tuple[float, ...]]
    skip_share: float
    entropy: float
    eigenvalue: float | None
    temperature: float

    def to_json(self) -> dict[str, Any]:
        document = {name: getattr(self, name) for name in self.__slots__}
        return document | {"probabilities": {path: list(p) for path, p in self.probabilities.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SearchEpoch:
        shares = {path: tuple(p) for path, p in document["probabilities"].items()}
        return cls(**{**document, "probabilities": shares})


@dataclass(frozen=True, slots=True)
class SearchRun:
    """One run with its own seed.

    Attributes:
        seed: of everything random in it.
        architecture: what it chose.
        score: of the architecture with shared weights on the hold-out; accuracy, else the negative loss.
        gap: of the architecture, on the hold-out, not retrained.
        strengths: path to how much the supernet needs what the decision gives.
        progress: epoch by epoch.
        stopped: which guard ended the run early, in words; None where it ran to its end.
    """

    seed: int
    architecture: Architecture
    score: float
    gap: DiscretisationGap
    strengths: Mapping[str, float]
    progress: tuple[SearchEpoch, ...]
    stopped: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "architecture": self.architecture.to_json(),
            "score": self.score,
            "gap": asdict(self.gap),
            "strengths": dict(self.strengths),
            "progress": [entry.to_json() for entry in self.progress],
            "stopped": self.stopped,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SearchRun:
        return cls(
            int(document["seed"]),
            Architecture.from_json(document["architecture"]),
            float(document["score"]),
            DiscretisationGap(**document["gap"]),
            dict(document["strengths"]),
            tuple(SearchEpoch.from_json(entry) for entry in document["progress"]),
            document["stopped"],
        )


@dataclass(frozen=True, slots=True)
class GradientSearch:
    """All runs of a search, the best on the hold-out first.

    Attributes:
        options: path to the options whose probabilities the runs tell.
    """

    space: SearchSpace
    method: str
    options: Mapping[str, tuple[Value, ...]]
    runs: tuple[SearchRun, ...]

    @property
    def best(self) -> Architecture:
        """The architecture of the best run."""
        return self.runs[0].architecture

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Every architecture that was chosen, each once, the best first: what enters a study as ordinary trials."""
        found: dict[str, Architecture] = {}
        for run in self.runs:
            found.setdefault(self.space.key(run.architecture), run.architecture)
        return tuple(found.values())
