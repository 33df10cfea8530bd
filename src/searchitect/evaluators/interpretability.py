"""How well a trained model can be explained, as measurements that a search can maximise; computed when asked for.

Both look at validation inputs as the model sees them, after preprocessing. They say nothing of how good the model is:
one that always gives the same answer has a perfect surrogate. They belong beside a metric, never alone.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.evaluators.measurements import READABLE
from searchitect.nn.shapes import evaluating
from searchitect.predictors.targets import rank_agreement
from searchitect.seeding import derive
from searchitect.tasks import Task
from searchitect.training.examples import raw_tensors

__all__ = ["explanation_stability", "interpretability", "surrogate_fidelity"]

Floats = NDArray[np.float64]

DEPTH = 4
"""Of the tree: at most sixteen rules, what a person can still read."""

ROWS, MAPPED = 2_000, 64
"""Validation examples at most: of the tree, and of the maps."""

SIDE = 7
"""Squares along each side of an image, whose means are the tree's columns."""

NOISE, DRAWS = 0.1, 3


def interpretability(names: frozenset[str], model: nn.Module, task: Task, device: str) -> dict[str, float]:
    """Return those of `names` that are in `READABLE`, of a model with its preprocessing (`with_preprocessing`)."""
    wanted = names & READABLE
    if not wanted:
        return {}
    preprocess: nn.Module = model.preprocess  # type: ignore[assignment]
    body: nn.Module = model.body  # type: ignore[assignment]
    with evaluating(model.to(device)):
        with torch.no_grad():
            indices = np.arange(min(ROWS, len(task.validation)))
            parts = np.array_split(indices, max(1, len(indices) // 500))
            inputs = torch.cat([preprocess(*raw_tensors(task.validation, part, device)) for part in parts])
            scores = torch.cat([body(some) for some in torch.split(inputs, 500)])
        found = {}
        if "surrogate_fidelity" in wanted:
            told = scores.double().cpu().numpy()
            found["surrogate_fidelity"] = surrogate_fidelity(_columns(inputs), told, task.spec.kind == "classification")
        if "explanation_stability" in wanted:
            found["explanation_stability"] = explanation_stability(body, inputs[:MAPPED])
        return found


def surrogate_fidelity(
    columns: Floats, scores: Floats, classifies: bool, *, depth: int = DEPTH, seed: int = 0
) -> float:
    """How well a tree of few rules answers as the model does, on rows that it did not learn from: 0..1.

    Each half of the rows is answered by a tree of the other half. Of classes, the share of equal answers; of values, R²
    or 0 where that is negative.

    Args:
        columns: (n, features); scores: (n, outputs) of the model.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    answers = scores.argmax(1) if classifies else scores
    order = np.random.default_rng(derive(seed, "surrogate")).permutation(len(columns))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    told = np.zeros_like(answers)
    for learned, asked in (halves, halves[::-1]):
        tree = (DecisionTreeClassifier if classifies else DecisionTreeRegressor)(max_depth=depth, random_state=0)
        told[asked] = tree.fit(columns[learned], answers[learned]).predict(columns[asked]).reshape(answers[asked].shape)
    if classifies:
        return float((told == answers).mean())
    spread = float(((answers - answers.mean(0)) ** 2).sum())
    return max(0.0, 1.0 - float(((told - answers) ** 2).sum()) / spread) if spread > 0 else 1.0


def explanation_stability(body: nn.Module, inputs: Tensor, *, noise: float = NOISE, seed: int = 0) -> float:
    """How little maps change when the input hardly does: mean Spearman's ρ, -1..1 (Alvarez-Melis and Jaakkola 2018).

    Maps are input × gradient of the class the model gives; inputs get normal noise of `noise` times their own standard
    deviation. A map without any order, all values alike, counts as 0.
    """
    rng = torch.Generator().manual_seed(derive(seed, "stability"))
    with torch.no_grad():
        targets = body(inputs).flatten(1).argmax(1)
    clean, size = _maps(body, inputs, targets), noise * float(inputs.std())
    found = []
    for _ in range(DRAWS):
        shaken = inputs + size * torch.randn(inputs.shape, generator=rng).to(inputs)
        found.append(rank_agreement(clean, _maps(body, shaken, targets)))
    return float(np.mean(found))


def _columns(inputs: Tensor) -> Floats:
    """(n, features): values as they are; of large images the means of squares."""
    if inputs.dim() == 4 and max(inputs.shape[2:]) > 2 * SIDE:
        step = -(-max(inputs.shape[2:]) // SIDE)
        inputs = F.avg_pool2d(inputs, step, ceil_mode=True)
    return inputs.flatten(1).double().cpu().numpy()


def _maps(body: nn.Module, inputs: Tensor, targets: Tensor) -> Floats:
    points = inputs.detach().clone().requires_grad_()
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN's recurrent layers go back in training
        scores = body(points).flatten(1).gather(1, targets[:, None]).sum()
        slopes = torch.autograd.grad(scores, points, allow_unused=True)[0] if scores.requires_grad else None
    slope = torch.zeros_like(points) if slopes is None else slopes
    return (points * slope).detach().flatten(1).double().cpu().numpy()
