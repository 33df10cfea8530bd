"""Progressive shrinking: first the largest subnet, then more and more of the space, taught by what the first became.

Cai, Gan, Wang, Zhang & Han, "Once-for-all: train one network and specialize it for efficient deployment", 2020, §3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice

import torch
from torch import Tensor

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces import Architecture, Value
from searchitect.spaces.describing import Decision
from searchitect.spaces.forms import DecisionForm
from searchitect.supernet.distillation import distilled, without_dropout
from searchitect.supernet.members import Members, is_number
from searchitect.supernet.methods import Routine, Setup
from searchitect.supernet.paths import Paths

__all__ = ["Phases", "ProgressiveShrinking", "phases_of", "shrinking"]

Phases = tuple[frozenset[str], ...]
"""The decisions that each phase opens, by their paths; what earlier ones opened stays open."""

ATTEMPTS = 200

_KINDS = ("kernel", "depth", "width")
_KERNELS = ("*kernel*", "ks")
_DEPTHS = ("length", "*depth*", "*layers*", "*repeats*")


@dataclass(frozen=True)
class ProgressiveShrinking:
    """The largest subnet alone, then its kernels, depths and widths opened one after the other.

    From the second phase on the weights as the first phase left them teach: a path's loss is that of the labels plus
    `ratio` times the distance from what the teacher says. What has no order, such as a choice among operations, is
    open from the start, and equal in a path and its teacher. One schedule of the learning rate runs over all phases.
    Kernels are cut out of the middle without transformation matrices, and channels are not sorted.

    Attributes:
        phases: patterns of the decisions that each phase opens: of a whole path, or of one of its parts ("kernel",
            "blocks.*.width", "length"). None sorts numbers, repeats and optionals by name and kind: kernels, depths
            (repeats, optionals, "depth"), widths (all others).
        first: share of the steps for the largest subnet alone; the phases share the rest evenly.
        ratio: of the teacher's part of the loss.
        subnets: paths per step in the phases; later phases take the last. Once-for-all has 1, 2 and 4.
    """

    phases: tuple[tuple[str, ...], ...] | None = None
    first: float = 0.3
    ratio: float = 1.0
    subnets: tuple[int, ...] = (1, 2, 4)
    name = "ofa"
    clip_value = None

    def begin(self, setup: Setup) -> Routine:
        if not 0.0 < self.first < 1.0 or not self.subnets or min(self.subnets) < 1:
            raise ConfigError(
                f"progressive shrinking needs a first share between 0 and 1 and at least one subnet per step, got "
                f"first={self.first}, subnets={self.subnets}"
            )
        return _Taught(setup, self, phases_of(setup.members, self.phases))


def phases_of(members: Members, patterns: Sequence[Sequence[str]] | None = None) -> Phases:
    """Return which decisions each phase opens; without patterns, phases that open nothing are left out.

    Raises:
        ConfigError: patterns leave a number, repeat or optional closed for ever, or name none.
    """
    free = [d for d in members.space.decisions() if d.role != "training" and d.path not in members.fixed]
    ordered = {decision.path: _kind(decision) for decision in free if _kind(decision) is not None}
    if patterns is None:
        groups = [frozenset(path for path, kind in ordered.items() if kind == wanted) for wanted in _KINDS]
        return tuple(group for group in groups if group)
    left, found = {decision.path for decision in free}, []
    for number, phase in enumerate(patterns, start=1):
        opened = frozenset(path for path in left if any(_matches(path, pattern) for pattern in phase))
        if not opened:
            raise ConfigError(f"phase {number} opens no decision: {', '.join(phase)}", hint=_known(free))
        left -= opened
        found.append(opened)
    closed = sorted(left & ordered.keys())
    if closed:
        raise ConfigError(
            f"no phase opens {', '.join(closed[:3])}", hint="add its name to a phase, or a last phase ('*',)"
        )
    return tuple(found)


def shrinking(members: Members, seed: int, phases: Phases, phase: int, count: int) -> Paths:
    """The largest subnet, and from phase 1 on `count` that are drawn evenly over the decisions open by then.

    What a later phase opens keeps its largest value; what no phase opens is drawn once per step.
    """
    opened = frozenset[str]().union(*phases[:phase])
    closed = frozenset[str]().union(*phases[phase:])

    def paths(step: int) -> tuple[Architecture, ...]:
        rng = stream(seed, "shrinking paths", step)
        drawn: dict[str, Value] = {}

        def word(path: str, decision: DecisionForm) -> Value:
            if path in closed or path in opened:
                return members.by_size(path, decision)[-1]
            if path not in drawn:
                drawn[path] = decision.domain.even(rng)
            return drawn[path]

        largest = members.extreme("largest", word)

        def choose(path: str, decision: DecisionForm) -> Value:
            if path in opened:
                return decision.domain.even(rng)
            return largest[path] if path in largest else word(path, decision)

        tried = (members.decide(choose) for _ in range(ATTEMPTS * count))
        return (largest, *islice(filter(members.holds, tried), count if phase else 0))

    return paths


class _Taught(Routine):
    def __init__(self, setup: Setup, settings: ProgressiveShrinking, phases: Phases) -> None:
        self._setup, self._settings, self._phases = setup, settings, phases
        self._teacher: dict[str, Tensor] = {}
        self._paths = [self._of_phase(phase) for phase in range(len(phases) + 1)]

    def learn(self, step: int, inputs: Tensor, targets: Tensor) -> Tensor:
        setup, phase = self._setup, self._phase(step)
        largest, *students = self._paths[phase](step)
        taught = self._said(largest, inputs) if students else None
        losses = []
        for architecture in students or [largest]:
            scores = setup.scores(architecture, inputs)
            loss = setup.criterion(scores, targets)
            if taught is not None:
                loss = loss + self._settings.ratio * distilled(scores, taught, setup.spec)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return torch.stack(losses).mean()

    def end_epoch(self, epoch: int) -> Mapping[str, float]:
        return {"phase": self._phase(epoch * self._setup.steps - 1)}

    def state(self) -> Mapping[str, Tensor]:
        return self._teacher

    def restore(self, state: Mapping[str, Tensor]) -> None:
        if state:
            # In the order in memory of the weights themselves, by which kernels, and last bits, are chosen.
            held = self._tensors()
            self._teacher = {name: torch.empty_like(held[name]).copy_(tensor) for name, tensor in state.items()}

    def _of_phase(self, phase: int) -> Paths:
        count = self._settings.subnets[min(max(phase - 1, 0), len(self._settings.subnets) - 1)]
        return shrinking(self._setup.members, self._setup.seed, self._phases, phase, count)

    def _phase(self, step: int) -> int:
        total = self._setup.total
        alone = max(1, round(self._settings.first * total))
        if step < alone or not self._phases:
            return 0
        return 1 + (step - alone) * len(self._phases) // max(1, total - alone)

    def _said(self, architecture: Architecture, inputs: Tensor) -> Tensor:
        """The teacher's scores, with the statistics of this batch, as the authors' code has it."""
        supernet = self._setup.supernet
        if not self._teacher:
            self._teacher = {name: tensor.detach().clone() for name, tensor in self._tensors().items()}
        supernet.activate(architecture)
        with torch.no_grad(), without_dropout(supernet), self._setup.autocast():
            said: Tensor = torch.func.functional_call(supernet, self._teacher, (inputs,))
        return said

    def _tensors(self) -> dict[str, Tensor]:
        supernet = self._setup.supernet
        return {**dict(supernet.named_parameters()), **dict(supernet.named_buffers())}


def _kind(decision: Decision) -> str | None:
    """What an ordered decision is about; None where the values have no order."""
    if decision.kind == "choice" and not all(map(is_number, decision.options or ())):
        return None
    if _named(decision.path, _KERNELS):
        return "kernel"
    return "depth" if decision.kind in ("length", "optional") or _named(decision.path, _DEPTHS) else "width"


def _named(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path.rpartition(".")[2], pattern) for pattern in patterns)


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or any(fnmatchcase(part, pattern) for part in path.split("."))


def _known(free: Sequence[Decision]) -> str:
    names = dict.fromkeys(decision.pattern for decision in free)
    return "decisions: " + ", ".join(list(names)[:8])
