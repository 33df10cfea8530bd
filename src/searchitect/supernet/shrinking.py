"""Progressive shrinking: first the largest subnet, then more and more of the space, taught by what the first became.

Cai, Gan, Wang, Zhang & Han, "Once-for-all: train one network and specialize it for efficient deployment", 2020, §3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from searchitect.errors import ConfigError
from searchitect.seeding import stream
from searchitect.spaces import Architecture, Value
from searchitect.spaces.describing import Decision
from searchitect.spaces.forms import DecisionForm
from searchitect.supernet.distillation import distilled, without_dropout
from searchitect.supernet.members import Members
from searchitect.supernet.methods import Routine, Setup
from searchitect.supernet.paths import Paths
from searchitect.training.placing import place

__all__ = ["Phases", "ProgressiveShrinking", "phases_of", "shrinking"]

Phases = tuple[frozenset[str], ...]
"""The decisions that each phase opens, by their paths; what earlier ones opened stays open."""

ATTEMPTS = 200

_KERNELS = ("*kernel*", "ks")
_DEPTHS = ("length", "*depth*", "*layers*", "*repeats*")


@dataclass(frozen=True)
class ProgressiveShrinking:
    """The largest subnet alone, then its kernels, depths and widths opened one after the other.

    From the second phase on, one copy of the largest subnet as the first phase left it teaches: a path's loss is that
    of the labels plus `ratio` times the distance from what the teacher says. One schedule of the learning rate runs
    over all phases. Kernels are cut out of the middle without transformation matrices, channels are not sorted.

    Attributes:
        phases: patterns of the decisions that each phase opens: of a whole path, or of one of its parts ("kernel",
            "blocks.*.width", "length"). None sorts decisions by name and kind: kernels (with all that is no number),
            depths (repeats, optionals, "depth"), widths (all other numbers).
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
    """Return which decisions each phase opens; phases that open nothing are left out.

    Raises:
        ConfigError: patterns leave a decision closed for ever, or name none.
    """
    free = [d for d in members.space.decisions() if d.role != "training" and d.path not in members.fixed]
    if patterns is None:
        groups = [frozenset(d.path for d in free if _kind(d) == kind) for kind in ("kernel", "depth", "width")]
        return tuple(group for group in groups if group)
    left, groups = {d.path for d in free}, []
    for number, phase in enumerate(patterns, start=1):
        found = frozenset(path for path in left if any(_matches(path, pattern) for pattern in phase))
        if not found:
            raise ConfigError(f"phase {number} opens no decision: {', '.join(phase)}", hint=_known(free))
        left -= found
        groups.append(found)
    if left:
        raise ConfigError(
            f"no phase opens {', '.join(sorted(left)[:3])}", hint="add its name to a phase, or a last phase ('*',)"
        )
    return tuple(groups)


def shrinking(members: Members, seed: int, phases: Phases, phase: int, count: int) -> Paths:
    """`count` paths per step, drawn evenly over the decisions that are open in this phase (from 0: none is).

    What is not open yet keeps its value in the largest architecture.
    """
    if phase == 0:
        return lambda step: (members.largest,)
    opened = frozenset[str]().union(*phases[:phase])
    largest = members.largest

    def drawn(step: int, number: int) -> Architecture:
        rng = stream(seed, "shrinking paths", step, number)

        def choose(path: str, decision: DecisionForm) -> Value:
            if path in opened:
                return decision.domain.even(rng)
            return largest[path] if path in largest else members.by_size(path, decision)[-1]

        tried = (members.decide(choose) for _ in range(ATTEMPTS))
        return next((architecture for architecture in tried if members.holds(architecture)), largest)

    return lambda step: tuple([drawn(step, number) for number in range(count)])


class _Taught(Routine):
    def __init__(self, setup: Setup, settings: ProgressiveShrinking, phases: Phases) -> None:
        self._setup, self._settings, self._phases = setup, settings, phases
        self._teacher: nn.Module | None = None
        self._paths = [self._of_phase(phase) for phase in range(len(phases) + 1)]

    def learn(self, step: int, inputs: Tensor, targets: Tensor) -> Tensor:
        phase = self._phase(step)
        taught = None if phase == 0 else self._said(inputs)
        losses = []
        for architecture in self._paths[phase](step):
            scores = self._setup.scores(architecture, inputs)
            loss = self._setup.criterion(scores, targets)
            if taught is not None:
                loss = loss + self._settings.ratio * distilled(scores, taught, self._setup.spec)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return torch.stack(losses).mean()

    def end_epoch(self, epoch: int) -> Mapping[str, float]:
        return {"phase": self._phase(epoch * self._setup.steps - 1)}

    def state(self) -> Mapping[str, Tensor]:
        return {} if self._teacher is None else self._teacher.state_dict()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        if state:
            self._teacher = self._copied()
            self._teacher.load_state_dict(state)

    def _of_phase(self, phase: int) -> Paths:
        count = self._settings.subnets[min(max(phase - 1, 0), len(self._settings.subnets) - 1)]
        return shrinking(self._setup.members, self._setup.seed, self._phases, phase, count)

    def _phase(self, step: int) -> int:
        total = self._setup.steps * self._setup.epochs
        alone = max(1, round(self._settings.first * total))
        if step < alone or not self._phases:
            return 0
        return 1 + (step - alone) * len(self._phases) // max(1, total - alone)

    def _said(self, inputs: Tensor) -> Tensor:
        """The teacher's scores, with the statistics of this batch, as the authors' code has it."""
        if self._teacher is None:
            self._teacher = self._copied()
        with torch.no_grad(), without_dropout(self._teacher), self._setup.autocast():
            said: Tensor = self._teacher(inputs)
        return said

    def _copied(self) -> nn.Module:
        supernet = self._setup.supernet
        model = supernet.extract(self._setup.members.largest)
        device = next(supernet.parameters()).device
        place(model, device, channels_last=len(self._setup.spec.inputs) == 3)
        return model.train()


def _kind(decision: Decision) -> str:
    if _named(decision.path, _KERNELS):
        return "kernel"
    if decision.kind in ("length", "optional") or _named(decision.path, _DEPTHS):
        return "depth"
    return "width" if _is_number(decision) else "kernel"


def _is_number(decision: Decision) -> bool:
    if decision.options is None:
        return True
    return all(isinstance(option, (int, float)) and not isinstance(option, bool) for option in decision.options)


def _named(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path.rpartition(".")[2], pattern) for pattern in patterns)


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or any(fnmatchcase(part, pattern) for part in path.split("."))


def _known(free: Sequence[Decision]) -> str:
    names = dict.fromkeys(decision.pattern for decision in free)
    return "decisions: " + ", ".join(list(names)[:8])
