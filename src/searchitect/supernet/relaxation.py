"""A supernet whose decisions are weighted instead of taken: what gradient search trains, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from searchitect.spaces.task_spec import TaskSpec
from searchitect.supernet.architecture_weights import ArchitectureWeights
from searchitect.supernet.open_build import Supernet
from searchitect.supernet.samplers import Sampler, Weights
from searchitect.training.batches import Batches
from searchitect.training.losses import Criterion, check_scores, score_validation
from searchitect.training.recalibration import recalibrate

__all__ = ["Quality", "Relaxation", "batch_statistics", "freeze_norms", "judge", "score"]

Batch = tuple[Tensor, Tensor]
Purpose = Literal["search", "train", "mean"]


@dataclass(frozen=True, slots=True, order=True)
class Quality:
    """How good a model is: the first that differs decides.

    Attributes:
        score: accuracy; 0 where the task has none.
        gain: the loss with its sign turned.
    """

    score: float
    gain: float

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Quality:
        return cls(values.get("accuracy", 0.0), -values["loss"])


@dataclass(eq=False, slots=True)
class Relaxation:
    """A supernet and the weights of its options.

    Attributes:
        betas: logits of the edges that end in one node, by the decisions on these edges; empty for no normalisation.
        edges: path to the weight of its edge, as partial connections read it.
        taken: path to the option of decisions that are taken already.
    """

    supernet: Supernet
    alphas: ArchitectureWeights
    sampler: Sampler
    criterion: Criterion
    betas: Mapping[tuple[str, ...], nn.Parameter] = field(default_factory=dict)
    edges: dict[str, Tensor | float] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)

    @property
    def searched(self) -> list[nn.Parameter]:
        """All architecture weights."""
        return [*self.alphas.logits, *self.betas.values()]

    @property
    def trained(self) -> list[nn.Parameter]:
        """All shared weights that are trained."""
        return [p for p in self.supernet.parameters() if p.requires_grad]

    def probabilities(self) -> list[Tensor]:
        """Return the mean weight of every option (options,), decision by decision."""
        return [self._mean(decision.path, logits) for decision, logits in self.alphas]

    def by_path(self) -> dict[str, Tensor]:
        """Return the same by the path of the decision."""
        found = self.probabilities()
        return {decision.path: share for (decision, _), share in zip(self.alphas, found, strict=True)}

    def _mean(self, path: str, logits: Tensor) -> Tensor:
        if path in self.taken:
            return torch.eye(len(logits), device=logits.device)[self.taken[path]]
        return self.sampler.probabilities(logits)

    def draw(self, purpose: Purpose, temperature: float = 1.0, noise: float = 0.0) -> dict[str, Weights]:
        """Draw weights for one step, put them into the supernet, and return them by path.

        Args:
            purpose: "search" with gradients to the architecture weights; "train" without; "mean" draws nothing.
            noise: uniform perturbation of the architecture weights, up to this.
        """
        drawn: dict[str, Weights] = {}
        with torch.set_grad_enabled(purpose == "search" and torch.is_grad_enabled()):
            for decision, logits in self.alphas:
                path, alpha = decision.path, logits
                if noise > 0.0:
                    alpha = logits + noise * (2.0 * torch.rand_like(logits) - 1.0)  # type: ignore[assignment]
                if path in self.taken:
                    drawn[path] = [1.0 if place == self.taken[path] else 0.0 for place in range(len(logits))]
                elif purpose == "search":
                    drawn[path] = self.sampler.search(alpha, temperature)
                elif purpose == "train":
                    drawn[path] = self.sampler.train(alpha, temperature)
                else:
                    drawn[path] = self.sampler.probabilities(alpha)
            for paths, beta in self.betas.items():
                self.edges.update(zip(paths, beta.softmax(0), strict=True))
        self.put(drawn)
        return drawn

    def put(self, weights: Mapping[str, Weights]) -> None:
        """Let the supernet mix by these weights."""
        selection = self.supernet.selection
        selection.values = {}
        selection.weights.clear()
        selection.weights.update(weights)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch by the weights that were drawn last."""
        inputs, targets = batch
        scores = self.supernet(inputs)
        check_scores(scores, len(targets), self.supernet.spec)
        return self.criterion(scores, targets)


def freeze_norms(relaxation: Relaxation) -> None:
    """Switch scale and shift of batch normalisation off in mixed operations.

    They could undo the architecture weights (Liu et al. 2019, appendix A.1).
    """
    operations = [mixed.operations for decision, _ in relaxation.alphas for mixed in decision.mixed]
    for module in (module for held in operations for module in held.modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)


def judge(supernet: nn.Module, batches: Sequence[Batch], spec: TaskSpec) -> Quality:
    """Judge a supernet as it is mixed now, normalised by the statistics of each batch."""
    loss, right, count = 0.0, 0, 0
    with batch_statistics(supernet), torch.no_grad():
        for inputs, targets in batches:
            scores = supernet(inputs).float()
            count += len(targets)
            if spec.kind == "classification":
                loss += float(nn.functional.cross_entropy(scores, targets, reduction="sum"))
                right += int((scores.argmax(1) == targets).sum())
            else:
                loss += float(nn.functional.mse_loss(scores, targets, reduction="sum")) / spec.outputs
    return Quality(right / max(1, count), -loss / max(1, count))


def score(relaxation: Relaxation, inputs: Iterable[Tensor], examples: Batches) -> Mapping[str, float]:
    """Return `loss` and `accuracy` on examples, after statistics were made anew for what is mixed now."""
    supernet = relaxation.supernet
    recalibrate(supernet, inputs)
    training = supernet.training
    try:
        return score_validation(supernet, examples, supernet.spec)
    finally:
        supernet.train(training)


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Evaluate with the statistics of each batch and leave the running ones as they are."""
    norms = {m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    modes = {module: module.training for module in model.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    counts = {norm: norm.num_batches_tracked.clone() for norm in norms if norm.num_batches_tracked is not None}
    model.eval()
    for module in modes:
        # An elastic layer decides by its own mode, and holds the plain layer as `full`.
        if module in norms or getattr(module, "full", None) in norms:
            module.training = True
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in momenta.items():
            norm.momentum = momentum
        for norm, count in counts.items():
            norm.num_batches_tracked = count
        for module, training in modes.items():
            module.training = training
