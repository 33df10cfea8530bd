"""What the proxies look at: one fixed batch of preprocessed examples and the loss that a training would have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.seeding import derive
from searchitect.spaces.task_spec import TaskSpec
from searchitect.training.examples import nested_order, raw_tensors
from searchitect.training.losses import check_scores, criterion

__all__ = ["EXAMPLES", "Probe", "probe_of", "random_probe"]

EXAMPLES = 64
"""Examples of a batch: those of the published scores."""

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Probe:
    """A batch.

    Attributes:
        inputs: float (n, *spec.inputs), preprocessed.
        targets: class numbers (n,), or standardised values (n, outputs).
        seed: of what a proxy draws itself; the same for every model.
    """

    inputs: Tensor
    targets: Tensor
    spec: TaskSpec
    seed: int = 0

    def generator(self, purpose: str) -> torch.Generator:
        """A generator for what a proxy draws: it depends on the seed and the purpose alone."""
        return torch.Generator().manual_seed(derive(self.seed, "proxy", purpose))

    def loss(self, model: nn.Module) -> Tensor:
        """Return the mean training loss of the batch, shape ().

        Raises:
            EvaluationError: the model's scores have another shape than (n, outputs).
        """
        scores = model(self.inputs)
        check_scores(scores, len(self.inputs), self.spec)
        return criterion(self.spec)(scores, self.targets)

    def halves(self) -> tuple[Probe, Probe]:
        """Return the batch as two of half its size, for what needs several."""
        middle = len(self.inputs) // 2
        parts = [(self.inputs[:middle], self.targets[:middle]), (self.inputs[middle:], self.targets[middle:])]
        first, second = (replace(self, inputs=inputs, targets=targets) for inputs, targets in parts)
        return first, second


def probe_of(task: Any, *, examples: int = EXAMPLES, seed: int = 0) -> Probe:
    """Return a batch of a task's training examples that holds every class as evenly as the data do.

    Raises:
        EvaluationError: there are fewer than four examples.
    """
    order = nested_order(task.train.targets, stratified=task.spec.kind == "classification")[:examples]
    if len(order) < 4:
        raise EvaluationError(f"proxies need at least 4 training examples, got {len(order)}", hint="give more data")
    with torch.no_grad():
        inputs: Tensor = task.preprocessing.module()(*raw_tensors(task.train, order))
    return Probe(inputs.float(), _targets(torch.from_numpy(task.train.targets[order]), task.spec), task.spec, seed)


def random_probe(spec: TaskSpec, *, examples: int = EXAMPLES, seed: int = 0) -> Probe:
    """Return a batch of normal inputs with targets drawn evenly: for where there are no data."""
    drawn = torch.Generator().manual_seed(derive(seed, "proxy", "data"))
    inputs = torch.randn((examples, *spec.inputs), generator=drawn)
    if spec.kind == "regression":
        return Probe(inputs, torch.randn((examples, spec.outputs), generator=drawn), spec, seed)
    return Probe(inputs, torch.randint(spec.outputs, (examples,), generator=drawn), spec, seed)


def _targets(targets: Tensor, spec: TaskSpec) -> Tensor:
    if spec.kind == "classification":
        return targets.long()
    values = targets.float().view(len(targets), -1)
    return (values - values.mean(0)) / values.std(0).clamp_min(1e-6)
