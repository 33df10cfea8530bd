"""A supernet is a space's own `build`, run with its decisions open; a subnet is a slice of it.

No second definition of the space exists: `open_build` runs the user's code once on open values. `Supernet.extract` runs
the same code again on an architecture's values and copies, leaf by leaf and in the order in which they were built, the
active part of the shared weights. `open_checks` compares a few architectures built both ways.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any, Literal, get_args

from torch import Tensor, nn

from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.nn.elastic import active_leaves, slice_into
from searchitect.nn.elastic_layers import ElasticNorm
from searchitect.nn.mixed import Sharing
from searchitect.seeding import isolated
from searchitect.spaces import Architecture, SearchSpace, TaskSpec, Value
from searchitect.spaces.open_values import Selection
from searchitect.spaces.opening import open_instance
from searchitect.supernet.open_checks import check_body, check_equal, examples, explained

__all__ = ["Supernet", "open_build"]

BatchNorm = Literal["shared", "per_width"]


class Supernet(nn.Module):
    """All architectures of a space in one set of weights. Made by `open_build`.

    Attributes:
        space, spec: what it was built of.
        fixed: decisions that are not shared: path to value. Training decisions are always among them.
        selection: what is active now.
    """

    def __init__(
        self, space: SearchSpace, spec: TaskSpec, fixed: Mapping[str, Value], seed: int, batch_norm: BatchNorm
    ) -> None:
        super().__init__()
        self.space, self.spec, self.selection = space, spec, Selection(batch_norm=batch_norm)
        self._made_with = (dict(fixed), seed, batch_norm)
        training = _training_decisions(space)
        self.fixed = {**training, **fixed}
        # Training decisions shape no weight: an architecture may differ in them.
        self._shared = {path: value for path, value in fixed.items() if path not in training}
        instance = open_instance(space, self.selection, Sharing(), self.fixed)
        with isolated(seed):
            body = _built(space, instance, spec)
        check_body(space.name, body)
        self.body: nn.Module = body
        for module in body.modules():
            if isinstance(module, ElasticNorm):
                module.spread()

    def activate(self, architecture: Architecture) -> None:
        """Make one architecture the active one: `forward` then computes it and nothing else.

        Raises:
            SpaceError: it belongs to another space, or contradicts a fixed decision.
        """
        if not self.space.contains(architecture):
            raise SpaceError("; ".join(self.space.violations(architecture)))
        for path, value in self._shared.items():
            if path in architecture and architecture[path] != value:
                raise SpaceError(f"{path} is fixed to {value!r} in this supernet, the architecture has another value")
        self.selection.values = dict(architecture.decisions)
        self.selection.weights.clear()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.body(x)
        return result

    def extract(self, architecture: Architecture) -> nn.Module:
        """Return the architecture as a plain model, built by the space's own code, with the shared weights it uses.

        Statistics of batch normalisation are copied as they are; make them anew before judging it (`recalibrate`).

        Raises:
            EvaluationError: the concrete build has other layers than the active part of this supernet.
        """
        self.activate(architecture)
        with isolated(0):
            model = self.space.build(architecture, self.spec)
        mine, theirs = list(active_leaves(self.body)), list(active_leaves(model))
        if len(mine) != len(theirs):
            raise EvaluationError(
                f"the concrete build of {self.space.name} has {len(theirs)} weighted layers, the active part of its "
                f"supernet {len(mine)}",
                hint="build must make the same layers in the same order, open or not",
            )
        one = next(self.parameters(), None)
        result: nn.Module = model if one is None else model.to(device=one.device, dtype=one.dtype)
        for source, target in zip(mine, theirs, strict=True):
            slice_into(source, target)
        return result.train(self.training)

    def __deepcopy__(self, memo: dict[int, Any]) -> Supernet:
        """Build it again and copy the weights: what reads a selection must read that of the copy."""
        copied = Supernet(self.space, self.spec, *self._made_with)
        one = next(self.parameters(), None)
        if one is not None:
            copied.to(device=one.device, dtype=one.dtype)
        copied.load_state_dict(self.state_dict())
        for mine, theirs in zip(self.parameters(), copied.parameters(), strict=True):
            theirs.requires_grad_(mine.requires_grad)
        copied.selection.values = dict(self.selection.values)
        copied.selection.weights = {path: copy.deepcopy(w, memo) for path, w in self.selection.weights.items()}
        return copied.train(self.training)


def open_build(
    space: Any,
    spec: TaskSpec,
    *,
    fixed: Mapping[str, Value] | None = None,
    seed: int = 0,
    check: bool = True,
    batch_norm: BatchNorm = "shared",
) -> Supernet:
    """Build a space with its decisions open.

    Args:
        space: a class marked `@space`, or a `SearchSpace`.
        fixed: decisions that are not to be shared. Training decisions take their defaults where nothing else is said.
        check: compare five architectures with their concrete builds.
        batch_norm: "shared": one scale, shift and set of statistics per layer, of which a width uses the first
            channels; the statistics of a subnet are made anew before it is judged (`recalibrate`). "per_width": one
            each for every width ("switchable", Yu et al. 2019, section 3.3).

    Raises:
        SpaceError: `build` asks for the value of an open decision (the message names it and the remedy), or gives
            another model than the concrete build.
    """
    if batch_norm not in get_args(BatchNorm):
        raise SpaceError(f"no batch_norm {batch_norm!r}", hint=did_you_mean(str(batch_norm), get_args(BatchNorm)))
    supernet = Supernet(SearchSpace.of(space), spec, fixed or {}, seed, batch_norm)
    if check:
        for architecture in examples(supernet.space, supernet.fixed):
            check_equal(supernet, architecture)
    return supernet


def _built(space: SearchSpace, instance: Any, spec: TaskSpec) -> Any:
    try:
        return instance.build(spec) if inspect.signature(instance.build).parameters else instance.build()
    except Exception as error:  # a user's build may raise anything
        told = explained(error, space.name)
        if told is error:
            raise
        raise told from error


def _training_decisions(space: SearchSpace) -> dict[str, Value]:
    default = space.default()
    return {d.path: default[d.path] for d in space.decisions() if d.role == "training" and d.path in default}
