"""Does a map depend on what the model learned? The same map of the model with random weights must be another.

Adebayo et al., "Sanity checks for saliency maps", 2018, section 3: layers lose their weights from the last to the
first ("cascading"), or all at once. Weights are drawn with the size of those they replace, so that scores stay finite.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import nn

from searchitect.explain.models.subject import Floats, Subject, embedding_of
from searchitect.predictors.targets import rank_agreement
from searchitect.seeding import derive

__all__ = ["Maker", "cascade", "randomised", "weight_randomisation"]

Maker = Callable[[Subject], Floats]
"""What makes maps (n, *places) of a subject."""


def randomised(model: nn.Module, seed: int, layers: Collection[str] | None = None) -> nn.Module:
    """A copy with random weights: matrices and filters normal with their own root mean square, vectors shuffled.

    Args:
        layers: names of the modules whose own parameters are drawn; all by default.
    """
    drawn = copy.deepcopy(model)
    rng = torch.Generator().manual_seed(derive(seed, "random weights") % 2**63)
    with torch.no_grad():
        for name, layer in drawn.named_modules():
            for weight in layer.parameters(recurse=False):
                if layers is not None and name not in layers:
                    continue
                if weight.dim() > 1:
                    weight.copy_(torch.randn(weight.shape, generator=rng) * weight.square().mean().sqrt())
                else:
                    weight.copy_(weight[torch.randperm(len(weight), generator=rng)] if weight.dim() else weight)
    return drawn


def weight_randomisation(
    subject: Subject, make: Maker, maps: Floats, *, draws: int = 4, seed: int = 0
) -> tuple[Floats, Floats]:
    """Spearman's ρ between maps of the model and of one with all weights random, for the same targets.

    Returns:
        (draws, n) of the maps as they are, and of their sizes without signs. The second is high where a map is the
        input times something: the input then decides where it is strong, the weights what speaks for and against.
    """
    signed, sizes = [], []
    for draw in range(draws):
        other = make(_with_model(subject, randomised(subject.model, derive(seed, draw))))
        signed.append(rank_agreement(maps, other))
        sizes.append(rank_agreement(np.abs(maps), np.abs(other)))
    return np.stack(signed), np.stack(sizes)


def cascade(subject: Subject, make: Maker, maps: Floats, *, seed: int = 0) -> tuple[tuple[str, float], ...]:
    """Mean ρ after each layer from the last to the first has lost its weights: (layer, ρ), in that order."""
    names = [name for name, layer in subject.model.named_modules() if any(True for _ in layer.parameters(False))]
    found, lost = [], set[str]()
    for name in reversed(names):
        lost.add(name)
        other = _with_model(subject, randomised(subject.model, seed, lost))
        found.append((name, float(rank_agreement(maps, make(other)).mean())))
    return tuple(found)


def _with_model(subject: Subject, model: nn.Module) -> Subject:
    embedding = None if subject.embedding is None else embedding_of(model)
    return dataclasses.replace(subject, model=model, embedding=embedding)
