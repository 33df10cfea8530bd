"""A supernet is a space's own `build`, run with its decisions open; a subnet is a slice of it.

No second definition of the space exists: `open_build` runs the user's code once on open values. `Supernet.extract` runs
the same code again on an architecture's values and copies, leaf by leaf and in the order in which they were built, the
active part of the shared weights. What Python cannot trap (`is`, `type()`, `len` of an open tuple) is found by building
the smallest, the largest and three random architectures both ways and comparing what they give.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SearchitectError, SpaceError
from searchitect.nn.elastic import active_leaves, slice_into
from searchitect.nn.mixed import Sharing
from searchitect.seeding import isolated, stream
from searchitect.spaces import Architecture, SearchSpace, TaskSpec, Value
from searchitect.spaces.forms import DecisionForm
from searchitect.spaces.open_values import Selection
from searchitect.spaces.opening import open_instance

__all__ = ["Supernet", "open_build"]

TOLERANCE = 1e-5
RANDOM_CHECKS = 3


class Supernet(nn.Module):
    """All architectures of a space in one set of weights. Made by `open_build`.

    Attributes:
        space, spec: what it was built of.
        fixed: decisions that are not shared: path to value. Training decisions are always among them.
        selection: what is active now.
    """

    def __init__(self, space: SearchSpace, spec: TaskSpec, fixed: Mapping[str, Value], seed: int) -> None:
        super().__init__()
        self.space, self.spec, self.selection = space, spec, Selection()
        training = _training_decisions(space)
        self.fixed = {**training, **fixed}
        # Training decisions shape no weight: an architecture may differ in them.
        self._shared = {path: value for path, value in fixed.items() if path not in training}
        instance = open_instance(space, self.selection, Sharing(), self.fixed)
        with isolated(seed):
            body = _built(space, instance, spec)
        if not isinstance(body, nn.Module):
            raise SpaceError(f"{space.name}.build returned {type(body).__name__}, expected a torch.nn.Module")
        self.body = body

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
        for source, target in zip(mine, theirs, strict=True):
            slice_into(source, target)
        model.train(self.training)
        result: nn.Module = model
        return result


def open_build(
    space: Any, spec: TaskSpec, *, fixed: Mapping[str, Value] | None = None, seed: int = 0, check: bool = True
) -> Supernet:
    """Build a space with its decisions open.

    Args:
        space: a class marked `@space`, or a `SearchSpace`.
        fixed: decisions that are not to be shared. Training decisions take their defaults where nothing else is said.
        check: compare five architectures with their concrete builds.

    Raises:
        SpaceError: `build` asks for the value of an open decision (the message names it and the remedy), or gives
            another model than the concrete build.
    """
    supernet = Supernet(SearchSpace.of(space), spec, fixed or {}, seed)
    if check:
        for architecture in _examples(supernet.space, supernet.fixed):
            _compare(supernet, architecture)
    return supernet


def _built(space: SearchSpace, instance: Any, spec: TaskSpec) -> Any:
    try:
        return instance.build(spec) if inspect.signature(instance.build).parameters else instance.build()
    except SearchitectError:
        raise
    except Exception as error:  # a user's build may raise anything
        raise SpaceError(
            f"{space.name}.build failed on open decisions: {type(error).__name__}: {error}",
            hint="layers of open sizes come from sa.nn (conv, fully_connected, norm …); torch's own want numbers",
        ) from error


def _training_decisions(space: SearchSpace) -> dict[str, Value]:
    default = space.default()
    return {d.path: default[d.path] for d in space.decisions() if d.role == "training" and d.path in default}


def _examples(space: SearchSpace, fixed: Mapping[str, Value]) -> Iterator[Architecture]:
    """The architecture of all smallest values, that of all largest, and random ones; those within the constraints."""
    rng = stream(0, "open build")

    def extreme(last: bool) -> Architecture:
        def choose(path: str, decision: DecisionForm) -> Value:
            if path in fixed:
                return fixed[path]
            values = list(decision.domain.values())
            ordered = sorted(values, key=_magnitude)
            return ordered[-1] if last else ordered[0]

        return space.decide(choose)

    def drawn() -> Architecture:
        sample = space.sample(rng)
        return space.decide(
            lambda path, decision: fixed.get(path, sample.get(path, next(iter(decision.domain.values()))))
        )

    for architecture in (extreme(False), extreme(True), *(drawn() for _ in range(RANDOM_CHECKS))):
        if space.contains(architecture):
            yield architecture


def _magnitude(value: Value) -> float:
    """Numbers by their size, subsets by theirs; words stay in their order."""
    return value if isinstance(value, (int, float)) else len(value) if isinstance(value, tuple) else 0.0


def _compare(supernet: Supernet, architecture: Architecture) -> None:
    """Refuse a build that makes another model of open values than of concrete ones."""
    was_training = supernet.training
    supernet.eval()
    with isolated(1), torch.no_grad():
        example = torch.randn(2, *supernet.spec.inputs)
        try:
            concrete = supernet.extract(architecture)(example)
            shared = supernet(example)
        except (EvaluationError, RuntimeError) as error:
            raise SpaceError(f"{_differs(supernet, architecture)}: {str(error).splitlines()[0]}", hint=_HINT) from error
    supernet.train(was_training)
    if shared.shape != concrete.shape or not _close(shared, concrete):
        raise SpaceError(_differs(supernet, architecture), hint=_HINT)


_HINT = "build may hand decisions on and calculate with them; `is`, `type()` and len() of a repeat cannot wait for them"


def _differs(supernet: Supernet, architecture: Architecture) -> str:
    decisions = ", ".join(f"{path}={value!r}" for path, value in architecture.items())
    return f"{supernet.space.name}.build makes another model of open decisions than of these: {decisions}"


def _close(first: Tensor, second: Tensor) -> bool:
    scale = float(second.abs().max().clamp_min(1e-12))
    return float((first - second).abs().max()) <= TOLERANCE * scale
