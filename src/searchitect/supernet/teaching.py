"""Training a subnet on, alone, while a model that was trained before says what it thinks of every example.

Small subnets gain most: Hinton et al., "Distilling the knowledge in a neural network", 2015; Cai et al.,
"Once-for-all", 2020, section 3.3. The teacher is asked once, about the examples as they are, so that an epoch costs
what it costs without a teacher.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.evaluation import Context
from searchitect.seeding import derive
from searchitect.spaces import Recipe, TaskSpec
from searchitect.supernet.distillation import distilled
from searchitect.tasks import Task
from searchitect.training import Training, predict, train
from searchitect.training.losses import Lesson, check_scores, criterion, target_scale

__all__ = ["SHARE", "TEMPERATURE", "Taught", "train_taught"]

SHARE = 0.9
"""What the teacher's word counts; labels count the rest."""

TEMPERATURE = 4.0
"""By which both scores are divided before they are compared: above 1 the teacher also tells the unlikely classes."""


@dataclass(frozen=True, eq=False)
class Taught:
    """The loss of scores against labels and against what the teacher said (Hinton et al. 2015, section 2).

    (1 - share) · loss(scores, labels) + share · T² · KL(softmax(teacher / T) || softmax(scores / T)); the factor T²
    keeps the gradients of both in proportion. For values the second term is the mean squared difference.
    """

    spec: TaskSpec
    label_smoothing: float = 0.0
    share: float = SHARE
    temperature: float = TEMPERATURE

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch of scores (n, outputs); targets as `Lesson.joined` makes them."""
        wanted, said = targets[:, : -self.spec.outputs], targets[:, -self.spec.outputs :]
        labels = wanted if self.spec.kind == "regression" else wanted[:, 0].long()
        degrees = 1.0 if self.spec.kind == "regression" else self.temperature
        scores = scores.float()
        taught = distilled(scores / degrees, said / degrees, self.spec) * degrees**2
        return (1.0 - self.share) * criterion(self.spec, self.label_smoothing)(scores, labels) + self.share * taught


def train_taught(
    model: nn.Module,
    teacher: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    share: float = SHARE,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    device: str = "cpu",
) -> Training:
    """Train a model on in place, from the weights it has, by labels and by a teacher's scores.

    For subnets of one supernet: train the largest on alone (`training.train`), then let it teach the smaller ones. The
    same seed gives the same weights, bit for bit on one thread.

    Args:
        model: takes raw inputs (`trained.scores.model(architecture)`); left in eval mode, with the weights of its best
            validation epoch where the recipe wants them.
        teacher: takes raw inputs; asked once about every training example, and not changed.
        share: of the loss that the teacher has, in [0, 1].
        temperature: above 0.

    Raises:
        EvaluationError: share or temperature lie outside, the teacher's scores have another shape than the task's, or
            the loss is not finite or explodes.
    """
    if not (0.0 <= share <= 1.0 and math.isfinite(temperature) and temperature > 0.0):
        raise EvaluationError(f"share lies in [0, 1] and temperature above 0, got {share} and {temperature}")
    said = torch.from_numpy(predict(teacher, task.train, device=device))
    check_scores(said, len(task.train), task.spec)
    if task.spec.kind == "regression":
        said = target_scale(model, task.spec)(said.numpy())
    lesson = Lesson(said, Taught(task.spec, recipe.label_smoothing, share, temperature))
    return train(model, task, recipe, context=Context(seed=derive(seed, "taught"), device=device), lesson=lesson)
