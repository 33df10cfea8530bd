"""AZ-NAS: three looks at the features of a model's blocks; the fourth part of the published score is FLOPs.

Lee and Ham, "AZ-NAS: assembling zero-cost proxies for network architecture search", CVPR 2024, eqs. 2-8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError
from searchitect.evaluators.proxies.passing import for_training, weighted
from searchitect.evaluators.proxies.probe import Probe

__all__ = ["az_nas", "blocks", "entropy", "spectral_norm"]


def az_nas(model: nn.Module, probe: Probe) -> Mapping[str, float]:
    """Return expressivity Σ_l E_l, progressivity min_l E_l − E_(l−1), and trainability mean_l 2 − s_l − 1/s_l.

    E_l is the entropy of the principal components of block l's features, s_l the spectral norm of the block's Jacobian
    as seen by one vector of random signs. The input is normal, not data.

    Raises:
        EvaluationError: the model has no two blocks that follow one another.
    """
    features = _features(model, probe)
    if len(features) < 2:
        raise EvaluationError("the model has fewer than two blocks that follow one another", hint="leave az_nas out")
    expressed = [entropy(_rows(feature.detach())) for feature in features]
    signs = probe.generator("az_nas signs")
    trained = [_trainability(before, after, signs) for before, after in reversed(list(pairwise(features)))]
    found = [value for value in trained if value is not None]
    if not found:
        raise EvaluationError("no gradient passes from block to block")
    return {
        "az_expressivity": sum(expressed),
        "az_progressivity": min(after - before for before, after in pairwise(expressed)),
        "az_trainability": sum(found) / len(found),
    }


def entropy(rows: Tensor) -> float:
    """Return −Σ p log p of the normalised variances p of the principal components of rows (n, channels), eq. 2."""
    centred = (rows - rows.mean(0, keepdim=True)).double()
    variances = torch.linalg.eigvalsh(centred.T @ centred / len(centred)).clamp_min(0.0)
    total = float(variances.sum())
    if total <= 0.0:
        return 0.0
    shares = variances / total
    return float(-(shares * (shares + 1e-8).log()).sum())


def spectral_norm(before: Tensor, after: Tensor) -> float:
    """Return the largest singular value of E[g_in g_outᵀ] from rows of gradients (n, channels), eq. 7."""
    mixed = before.double().T @ after.double() / len(after)
    return float(torch.linalg.matrix_norm(mixed, ord=2))


def blocks(model: nn.Module) -> list[nn.Module]:
    """Return the modules whose outputs are looked at: the longest sequence of composite children, outermost first.

    Without such a sequence, the convolutions and linear maps but the last.
    """
    best: list[nn.Module] = []
    for module in model.modules():
        if isinstance(module, (nn.Sequential, nn.ModuleList)):
            composite = [child for child in module if next(child.children(), None) is not None]
            best = composite if len(composite) > max(1, len(best)) else best
    return best or list(weighted(model).values())[:-1]


def _features(model: nn.Module, probe: Probe) -> list[Tensor]:
    """The outputs of the blocks in the order of the forward pass, with the graph that connects them."""
    seen: list[Tensor] = []

    def note(module: nn.Module, given: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim >= 2 and output.requires_grad:
            seen.append(output)

    hooks = [block.register_forward_hook(note) for block in blocks(model)]
    inputs = torch.randn(probe.inputs.shape, generator=probe.generator("az_nas inputs")).to(probe.inputs)
    try:
        for_training(model)(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return [feature for feature in seen if feature.ndim == seen[0].ndim]  # a classifier's vectors follow the maps


def _trainability(before: Tensor, after: Tensor, signs: torch.Generator) -> float | None:
    """2 − s − 1/s of one block; None where it changes nothing, or nothing comes through it."""
    probing = (torch.randint(2, after.shape, generator=signs) * 2 - 1).to(after)
    [gradient] = torch.autograd.grad(after, before, probing, retain_graph=True, allow_unused=True)
    if gradient is None or (gradient.shape == probing.shape and torch.equal(gradient, probing)):
        return None
    inward, outward = _rows(_unshuffled(gradient, probing)), _rows(probing)
    if len(inward) != len(outward):
        return None
    norm = spectral_norm(inward, outward)
    return 2.0 - norm - 1.0 / (norm + 1e-6)


def _unshuffled(gradient: Tensor, like: Tensor) -> Tensor:
    """The gradient with the places of one stride as channels, where the block makes its map smaller."""
    if gradient.ndim != 4 or gradient.shape[2:] == like.shape[2:]:
        return gradient
    stride = gradient.shape[2] // like.shape[2]
    fits = all(here == there * stride for here, there in zip(gradient.shape[2:], like.shape[2:], strict=True))
    return nn.functional.pixel_unshuffle(gradient, stride) if fits else gradient


def _rows(feature: Tensor) -> Tensor:
    """Channels as columns: (n, c, h, w) to (n·h·w, c), tokens (n, t, c) to (n·t, c)."""
    channels_last: Sequence[int] = (0, *range(2, feature.ndim), 1)
    turned = feature.permute(*channels_last) if feature.ndim >= 4 else feature
    return turned.reshape(-1, turned.shape[-1])
