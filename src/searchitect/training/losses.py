"""What is minimised, and how validation is judged, for each kind of task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import EvaluationError
from searchitect.spaces.task_spec import TaskSpec
from searchitect.training.batches import CHUNK, Batches
from searchitect.training.examples import Indices
from searchitect.training.ranks import Ranks

__all__ = ["Criterion", "Lesson", "TargetScale", "check_scores", "criterion", "score_validation", "target_scale"]

Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a model learns from besides its labels.

    Attributes:
        said: numbers for each training example (examples, k), in the order of the split.
        loss: the mean loss of scores (n, outputs) and of what `joined` makes of the labels and the numbers of a batch.
    """

    said: Tensor
    loss: Criterion

    def joined(self, labels: Tensor, indices: Indices) -> Tensor:
        """One float tensor (n, columns + k): the labels of the chosen examples and what is said of them."""
        said = self.said[torch.from_numpy(indices)]
        return torch.cat([labels.view(len(labels), -1).float(), said.float()], dim=1)


@dataclass(frozen=True, eq=False)
class TargetScale:
    """Turns targets into what the loss compares with: class numbers, or standardised values (n, outputs)."""

    mean: Tensor | None = None
    std: Tensor | None = None

    def __call__(self, targets: NDArray[Any]) -> Tensor:
        if self.mean is None or self.std is None:
            return torch.from_numpy(targets.astype(np.int64))
        values = torch.from_numpy(targets.astype(np.float32))
        return (values.view(len(values), -1) - self.mean) / self.std


def target_scale(model: nn.Module, spec: TaskSpec) -> TargetScale:
    """Return the scale of a task's targets; for regression from the model, which turns outputs back by the same.

    Raises:
        EvaluationError: a regression model has no `output_mean` and `output_std`.
    """
    if spec.kind == "classification":
        return TargetScale()
    mean, std = getattr(model, "output_mean", None), getattr(model, "output_std", None)
    if not isinstance(mean, Tensor) or not isinstance(std, Tensor):
        raise EvaluationError(
            f"expected a regression model with buffers output_mean and output_std, got {type(model).__name__}",
            hint="wrap it by tasks.preprocessing.with_preprocessing(task.preprocessing, model)",
        )
    return TargetScale(mean.detach().cpu(), std.detach().cpu())


def criterion(spec: TaskSpec, label_smoothing: float = 0.0) -> Criterion:
    """Return the mean loss of a batch: cross-entropy of logits, or mean squared error of standardised targets."""
    if spec.kind == "regression":
        return lambda scores, targets: F.mse_loss(scores.float(), targets)
    return lambda scores, targets: F.cross_entropy(scores.float(), targets, label_smoothing=label_smoothing)


def check_scores(scores: object, examples: int, spec: TaskSpec) -> None:
    """Refuse outputs of another shape than (n, outputs), which a loss would broadcast without a word.

    Raises:
        EvaluationError: names both shapes.
    """
    expected = (examples, spec.outputs)
    got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    if got != expected:
        raise EvaluationError(
            f"expected scores of shape {expected} from the model, got {got}",
            hint="end build with a layer of task.outputs features",
        )


def score_validation(
    body: nn.Module, examples: Batches, spec: TaskSpec, ranks: Ranks | None = None
) -> Mapping[str, float]:
    """Return `loss`, and for classification `accuracy`, of a model in eval mode; label smoothing plays no part.

    Args:
        ranks: share the work with the others that hold the same model.
    """
    body.eval()
    loss = torch.zeros((), dtype=torch.float64)
    right = torch.zeros((), dtype=torch.int64)
    with torch.inference_mode():
        for inputs, targets in examples.in_order(CHUNK):
            if ranks is not None:
                inputs, targets, share = ranks.part(inputs, targets)
                if not share:
                    continue
            scores = body(inputs).float()
            if spec.kind == "classification":
                loss += F.cross_entropy(scores, targets, reduction="sum").cpu()
                right += (scores.argmax(1) == targets).sum().cpu()
            else:
                loss += F.mse_loss(scores, targets, reduction="sum").cpu() / spec.outputs
    if ranks is not None:
        ranks.sum(loss)
        ranks.sum(right)
    values = {"loss": float(loss) / len(examples)}
    return values if spec.kind == "regression" else {"accuracy": int(right) / len(examples), **values}
