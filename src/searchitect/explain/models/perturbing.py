"""Maps by taking parts of an input away: occlusion, LIME and Kernel SHAP.

LIME and Kernel SHAP ask the same masks of all inputs: squares of an image, columns, tokens, windows of time
(`Subject.groups`). Where all masks fit into the effort, every one is asked and Shapley values are exact.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from searchitect.explain.models.effort import Effort, Found
from searchitect.explain.models.subject import Floats, Subject

__all__ = ["coalitions", "kernel_shap", "lime", "masked_scores", "occlusion", "shapley_values"]

Masks = NDArray[np.bool_]

LIME_WIDTH = 0.25
"""Width of LIME's kernel in cosine distance, and `RIDGE` its penalty: as in the authors' package."""

RIDGE = 1.0

SQUARES, SPANS = 5, 10
"""A covering square has this part of an image's side, a span this part of a series' time; each moves by its half."""


def occlusion(subject: Subject, effort: Effort, seed: int) -> Found:
    """Loss of score under a sliding window that shows the reference (Zeiler and Fergus 2014, section 4.2)."""
    from captum.attr import Occlusion

    points, window, stride = subject.points, *_window(subject)
    values: Any = Occlusion(subject.answer).attribute(
        points,
        window,
        strides=stride,
        baselines=subject.reference.expand_as(points),
        target=subject.targets,
        perturbations_per_eval=8,
    )
    largest = subject.reduced(values)
    if subject.channels is not None:  # a window covers all channels: each was given its whole loss
        largest = largest / points.shape[subject.channels]
    return Found(largest, subject.groups())


def lime(subject: Subject, effort: Effort, seed: int) -> Found:
    """Weights of a ridge regression of the score on masks, near ones counting more (Ribeiro et al. 2016, equation 2).

    The kernel is exp(-D² / 0.25²) with D the cosine distance of a mask to that of all parts.
    """
    groups = subject.groups()
    parts, rng = int(groups.max()) + 1, np.random.default_rng(seed)
    masks = rng.random((max(effort.evaluations, 2 * parts), parts)) < 0.5
    masks[0] = True
    near = np.exp(-((1 - np.sqrt(masks.mean(1))) ** 2) / LIME_WIDTH**2)
    found = masked_scores(subject, masks, groups)
    columns: Floats = masks - np.average(masks, axis=0, weights=near)
    answers = found - np.average(found, axis=1, weights=near)[:, None]
    gram = (columns * near[:, None]).T @ columns + RIDGE * np.eye(parts)
    weights = np.linalg.solve(gram, (columns * near[:, None]).T @ answers.T).T
    return Found(weights[:, groups], groups)


def kernel_shap(subject: Subject, effort: Effort, seed: int) -> Found:
    """Shapley values by weighted least squares (Lundberg and Lee 2017, theorem 2); exact where all masks are asked."""
    groups = subject.groups()
    parts = int(groups.max()) + 1
    masks, weights = coalitions(parts, max(effort.evaluations, 2 * parts), np.random.default_rng(seed))
    ends = np.stack([np.zeros(parts, bool), np.ones(parts, bool)])
    found = masked_scores(subject, np.concatenate([ends, masks]), groups)
    values = np.stack([shapley_values(masks, weights, row[2:], row[0], row[1]) for row in found])
    gap = float(np.abs(values.sum(1) - (found[:, 1] - found[:, 0])).max())
    return Found(values[:, groups], groups, gap)


def masked_scores(subject: Subject, masks: Masks, groups: NDArray[np.int64]) -> Floats:
    """(n, m) scores of the targets of n inputs under m masks of parts; what is not in a mask shows the reference."""
    keep = torch.from_numpy(masks[:, groups])
    rows = []
    for point, target in zip(subject.points, subject.targets, strict=True):
        shown = subject.kept(point.expand(len(keep), *point.shape), keep)
        rows.append(subject.scores(shown, target.expand(len(keep))))
    return np.stack(rows)


def coalitions(parts: int, most: int, rng: np.random.Generator) -> tuple[Masks, Floats]:
    """Masks of parts, neither empty nor full, with their weights in the regression.

    All 2^parts - 2 with the Shapley kernel (parts - 1) / (C(parts, k)·k·(parts - k)) where they are at most `most`;
    otherwise drawn by that kernel, each with its complement, with equal weights.
    """
    if parts == 1:
        return np.zeros((0, 1), bool), np.zeros(0)
    sizes = np.arange(1, parts)
    if 2**parts - 2 <= most:
        codes = np.arange(1, 2**parts - 1)
        masks = (codes[:, None] >> np.arange(parts)) % 2 == 1
        kernel = [(parts - 1) / (comb(parts, k) * k * (parts - k)) for k in masks.sum(1).tolist()]
        return masks, np.asarray(kernel)
    chance = 1 / (sizes * (parts - sizes))
    drawn = rng.choice(sizes, most // 2, p=chance / chance.sum())
    places = rng.random((len(drawn), parts)).argsort(1)
    masks = places < drawn[:, None]
    return np.concatenate([masks, ~masks]), np.ones(2 * len(drawn))


def shapley_values(masks: Masks, weights: Floats, answers: Floats, empty: float, full: float) -> Floats:
    """(parts,) values that sum to full - empty and fit the answers best (Lundberg and Lee 2017, equation 8).

    The sum holds exactly: the last part is what the others leave.
    """
    total = full - empty
    if masks.shape[1] == 1:
        return np.array([total])
    last = masks[:, -1].astype(float)
    columns = (masks[:, :-1] - last[:, None]) * np.sqrt(weights)[:, None]
    wanted = (answers - empty - last * total) * np.sqrt(weights)
    first = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    return np.append(first, total - first.sum())


def _window(subject: Subject) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape of what is covered at once, in points, and by how much it moves."""
    shape = tuple(subject.points.shape[1:])
    if subject.kind == "tabular":
        return (1,), (1,)
    if subject.kind == "text":
        return (1, shape[1]), (1, shape[1])
    if len(shape) == 3:
        sides = tuple(max(1, -(-size // SQUARES)) for size in shape[1:])
        return (shape[0], *sides), (shape[0], *(max(1, side // 2) for side in sides))
    length = max(1, -(-shape[0] // SPANS))
    return (length, *shape[1:]), (max(1, length // 2), *shape[1:])
