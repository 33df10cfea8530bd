"""How a supernet's weights are trained: which paths a step takes, and what each of them learns from.

A method is a frozen value with settings; `begin` makes a routine of it for one training. A routine accumulates the
gradients of a step. Everything that it does follows from the seed and the number of the step, or stands in its `state`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from searchitect.errors import ConfigError, did_you_mean
from searchitect.spaces import Architecture, Recipe, TaskSpec
from searchitect.supernet.data import SharedData
from searchitect.supernet.distillation import distilled, without_dropout
from searchitect.supernet.members import Members, Uniform
from searchitect.supernet.open_build import Supernet
from searchitect.supernet.paths import Paths, fair, sandwich, uniform
from searchitect.training.losses import Criterion, check_scores

__all__ = ["METHODS", "FairNAS", "Method", "Routine", "Sandwich", "Setup", "Spos", "method_of"]

METHODS: dict[str, str] = {
    "spos": "searchitect.supernet.methods:Spos",
    "fairnas": "searchitect.supernet.methods:FairNAS",
    "sandwich": "searchitect.supernet.methods:Sandwich",
    "ofa": "searchitect.supernet.shrinking:ProgressiveShrinking",
    "enas": "searchitect.supernet.controller:Enas",
}
"""Short name to what makes the method with its published settings."""


@dataclass(frozen=True, eq=False)
class Setup:
    """What a method trains with.

    Attributes:
        steps: of one epoch.
        criterion: the loss of scores and labels.
        autocast: the context of a forward pass.
    """

    supernet: Supernet
    members: Members
    data: SharedData
    recipe: Recipe
    seed: int
    steps: int
    criterion: Criterion
    autocast: Callable[[], AbstractContextManager[object]]

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.steps * self.recipe.epochs

    @property
    def spec(self) -> TaskSpec:
        return self.supernet.spec

    def scores(self, architecture: Architecture, inputs: Tensor) -> Tensor:
        """Make an architecture the active one and return its scores, shape (n, outputs)."""
        self.supernet.activate(architecture)
        with self.autocast():
            scores: Tensor = self.supernet(inputs)
        check_scores(scores, len(inputs), self.spec)
        return scores


class Routine(ABC):
    """A method at work in one training."""

    @abstractmethod
    def learn(self, step: int, inputs: Tensor, targets: Tensor) -> Tensor:
        """Accumulate the gradients of a step; return its loss, the mean over its paths, without a graph."""

    def end_epoch(self, epoch: int) -> Mapping[str, float]:
        """Do what stands between two epochs (from 1); return figures for the history."""
        return {}

    def state(self) -> Mapping[str, Tensor]:
        """What `restore` needs, beside the supernet's weights, to go on from here."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        return


class Method(Protocol):
    """Settings of a method: a frozen dataclass of plain values, which a checkpoint notes."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...

    @property
    def clip_value(self) -> float | None:
        """Largest absolute value of each entry of a gradient; None for no limit."""
        ...

    def begin(self, setup: Setup) -> Routine: ...


@dataclass(frozen=True)
class Spos:
    """One path per step, drawn evenly (Guo et al., "Single path one-shot NAS with uniform sampling", 2020, §3.2).

    Attributes:
        over: evenly over the options of each "decisions", or over all "architectures".
    """

    over: Uniform = "decisions"
    name = "spos"
    clip_value = None

    def begin(self, setup: Setup) -> Routine:
        return Labelled(setup, uniform(setup.members, setup.seed, over=self.over))


@dataclass(frozen=True)
class FairNAS:
    """Every option once per step, the gradients summed (Chu et al., "FairNAS", 2021, algorithm 1).

    Attributes:
        paths: per step; None takes as many as the longest list of options.
    """

    paths: int | None = None
    name = "fairnas"
    clip_value = None

    def begin(self, setup: Setup) -> Routine:
        return Labelled(setup, fair(setup.members, setup.seed, count=self.paths))


@dataclass(frozen=True)
class Sandwich:
    """The largest subnet learns from labels; the smallest and random ones from what it says, in the same step.

    Yu & Huang, "Universally slimmable networks", 2019, §3.2 and §3.4; Yu et al., "BigNAS", 2020, §3.1, from which it is
    that only the largest subnet is regularised: label smoothing and dropout are its alone.

    Attributes:
        randoms: random subnets per step.
        clip_value: on every entry of the summed gradient, as AlphaNet has it.
    """

    randoms: int = 2
    clip_value: float | None = 1.0
    name = "sandwich"

    def begin(self, setup: Setup) -> Routine:
        return InPlace(setup, sandwich(setup.members, setup.seed, randoms=self.randoms))


class Labelled(Routine):
    """All paths of a step learn from the labels; their gradients add up."""

    def __init__(self, setup: Setup, paths: Paths) -> None:
        self._setup, self._paths = setup, paths

    def learn(self, step: int, inputs: Tensor, targets: Tensor) -> Tensor:
        setup, losses = self._setup, []
        for architecture in self._paths(step):
            loss = setup.criterion(setup.scores(architecture, inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return torch.stack(losses).mean()


class InPlace(Routine):
    """The first path of a step learns from the labels, the others from the first (in-place distillation)."""

    def __init__(self, setup: Setup, paths: Paths) -> None:
        self._setup, self._paths = setup, paths

    def learn(self, step: int, inputs: Tensor, targets: Tensor) -> Tensor:
        setup = self._setup
        teacher, *students = self._paths(step)
        scores = setup.scores(teacher, inputs)
        loss = setup.criterion(scores, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        taught, losses = scores.detach(), [loss.detach()]
        with without_dropout(setup.supernet):
            for architecture in students:
                loss = distilled(setup.scores(architecture, inputs), taught, setup.spec)
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
        return torch.stack(losses).mean()


def method_of(method: str | Method) -> Method:
    """Return a method by its name, with its published settings, or as it is.

    Raises:
        ConfigError: no method has this name.
    """
    if not isinstance(method, str):
        return method
    if method not in METHODS:
        raise ConfigError(f"no way to train a supernet is called {method!r}", hint=did_you_mean(method, METHODS))
    module, _, attribute = METHODS[method].partition(":")
    made: Any = getattr(importlib.import_module(module), attribute)
    found: Method = made()
    return found
