"""Layers whose working can be read: what is pooled is told, terms are added, distances to prototypes, known directions.

They cost little and take no open sizes but for `attention_pool`: a space offers them as alternatives, and searches them
for `surrogate_fidelity` and `explanation_stability` beside its metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.nn.activations import activation as make_activation
from searchitect.nn.elastic import is_open
from searchitect.nn.shapes import describe
from searchitect.nn.units import fully_connected

__all__ = [
    "RISING",
    "AdditiveHead",
    "AttentionPool",
    "Monotone",
    "Prototypes",
    "additive_head",
    "attention_pool",
    "monotone",
    "prototype_classifier",
    "prototypes",
]

RISING = ("identity", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "sigmoid", "tanh", "softplus", "softsign")
"""Activations that never fall: those that a monotone layer may have."""


class AttentionPool(nn.Module):
    """One vector for all tokens, as a weighted mean whose weights can be read; made by `attention_pool`."""

    def __init__(self, score: nn.Module) -> None:
        super().__init__()
        self.score = score

    def weights(self, x: Tensor) -> Tensor:
        """(n, tokens), at least 0, the sum is 1: how much of each token is in the result."""
        scores: Tensor = self.score(x)
        return scores.squeeze(-1).softmax(1)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 3:
            raise EvaluationError(f"attention pooling reads tokens (n, tokens, width), got {describe(x.shape[1:])}")
        return (self.weights(x).unsqueeze(1) @ x).squeeze(1)


def attention_pool(width: int, hidden: int = 32) -> nn.Module:
    """Tokens (n, tokens, width) to (n, width) by learned attention (Ilse et al. 2018, equation 8). Sizes may be open.

    Args:
        hidden: width of the layer between a token and its score.
    """
    return AttentionPool(nn.Sequential(fully_connected(width, hidden), nn.Tanh(), fully_connected(hidden, 1)))


class AdditiveHead(nn.Module):
    """A small model of each feature alone, and the sum of what they say; made by `additive_head`."""

    def __init__(self, features: int, outputs: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.inward = nn.Parameter(torch.empty(features, hidden))
        self.shift = nn.Parameter(torch.empty(features, hidden))
        self.outward = nn.Parameter(torch.empty(features, hidden, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.activation = make_activation(activation)
        nn.init.normal_(self.inward)
        nn.init.uniform_(self.shift, -1.0, 1.0)
        nn.init.normal_(self.outward, std=(features * hidden) ** -0.5)

    def terms(self, x: Tensor) -> Tensor:
        """(n, features, outputs): what each feature adds; with the bias their sum over features is the result."""
        if x.dim() != 2 or x.shape[1] != len(self.inward):
            expected = f"vectors of {len(self.inward)} features"
            raise EvaluationError(f"an additive head reads {expected}, got {describe(x.shape[1:])}")
        hidden = self.activation(x.unsqueeze(-1) * self.inward + self.shift)
        return torch.einsum("nfh,fho->nfo", hidden, self.outward)

    def forward(self, x: Tensor) -> Tensor:
        return self.terms(x).sum(1) + self.bias


def additive_head(features: int, outputs: int, hidden: int = 16, *, activation: str = "relu") -> nn.Module:
    """Vectors (n, features) to scores (n, outputs) that are a sum of one curve per feature (Agarwal et al. 2021).

    What a feature adds does not depend on the others: `terms` tells it, and drawn over its values it is the model.

    Args:
        hidden: units of each feature's own model.
        activation: may be open.

    Raises:
        SpaceError: a size is below one or open, or no activation has this name.
    """
    _check("additive_head", features=features, outputs=outputs, hidden=hidden)
    return AdditiveHead(features, outputs, hidden, activation)


class Prototypes(nn.Module):
    """Squared distances to learned vectors; made by `prototypes`."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(count, width))
        nn.init.normal_(self.vectors)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() < 2 or x.shape[1] != self.vectors.shape[1]:
            raise EvaluationError(
                f"prototypes of {self.vectors.shape[1]} values are compared with as many channels, got "
                f"{describe(x.shape[1:])}"
            )
        if x.dim() == 2:
            return (x.unsqueeze(1) - self.vectors).square().sum(-1)
        places = x.flatten(2)
        near = places.square().sum(1, keepdim=True) - 2 * (self.vectors @ places)
        return (near + self.vectors.square().sum(1)[:, None]).amin(2).clamp_min(0.0)


class Likeness(nn.Module):
    """log((d + 1) / (d + ε)): large where a distance is small (Chen et al. 2019, section 2.1)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.log((x + 1.0) / (x + 1e-4))


def prototypes(width: int, count: int) -> nn.Module:
    """Squared distances (n, count) to `count` learned vectors of `width` values (Li et al. 2018, equation 1).

    Vectors (n, width) are compared as they are; of maps (n, width, *size) the nearest place counts ("this looks like
    that", Chen et al. 2019).

    Raises:
        SpaceError: a size is below one or open.
    """
    _check("prototypes", width=width, count=count)
    return Prototypes(width, count)


def prototype_classifier(width: int, count: int, outputs: int) -> nn.Module:
    """Scores (n, outputs) from likeness to `count` prototypes: an answer is told by what an example is like.

    Raises:
        SpaceError: as `prototypes`.
    """
    _check("prototype_classifier", outputs=outputs)
    return nn.Sequential(prototypes(width, count), Likeness(), nn.Linear(count, outputs))


class Monotone(nn.Module):
    """A linear map whose outputs never fall, or never rise, with some inputs; made by `monotone`."""

    signs: Tensor

    def __init__(self, inputs: int, outputs: int, signs: Sequence[int], activation: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("signs", torch.tensor(signs, dtype=torch.float32))
        self.activation = make_activation(activation)
        self.turned = outputs // 2
        nn.init.normal_(self.weight, std=inputs**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.where(self.signs == 0, self.weight, self.weight.abs() * self.signs)
        made = F.linear(x, weight, self.bias)
        # Half of the units bend the other way: a sum of rising convex functions alone stays convex.
        up, down = made[..., self.turned :], made[..., : self.turned]
        return torch.cat((self.activation(up), -self.activation(-down)), -1)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


def monotone(inputs: int, outputs: int, signs: int | Sequence[int] = 1, *, activation: str = "identity") -> nn.Module:
    """Vectors (n, inputs) to (n, outputs), each output rising or falling with chosen inputs, whatever the weights.

    Runje and Shankaranarayana, "Constrained monotonic neural networks", 2023, equations 3 to 7. Behind it only layers
    that rise keep the promise: put `monotone(…, signs=1)` there.

    Args:
        signs: 1 for inputs with which outputs rise, -1 for those with which they fall, 0 for those that are free; one
            for all, or one each.
        activation: one of `RISING`.

    Raises:
        SpaceError: a size is below one or open, the signs do not fit, or the activation may fall.
    """
    _check("monotone", inputs=inputs, outputs=outputs)
    if is_open(activation) or activation not in RISING:
        name = "an open one" if is_open(activation) else repr(activation)
        raise SpaceError(f"a monotone layer needs an activation that never falls, got {name}", hint=_rising(activation))
    told = (signs,) * inputs if isinstance(signs, int) else tuple(signs)
    if len(told) != inputs or not set(told) <= {-1, 0, 1}:
        raise SpaceError(f"monotone needs a sign of -1, 0 or 1 for each of {inputs} inputs, got {list(told)}")
    return Monotone(inputs, outputs, told, activation)


def _rising(activation: Any) -> str:
    return did_you_mean(str(activation), RISING) if isinstance(activation, str) else "one of: " + ", ".join(RISING)


def _check(layer: str, **sizes: Any) -> None:
    for name, size in sizes.items():
        if is_open(size):
            raise SpaceError(
                f"{' and '.join(size.paths)} is open in a supernet, and {layer} has no open {name}",
                hint=f"fix the decision that {name} comes from, or search without shared weights",
            )
        if size < 1:
            raise SpaceError(f"{layer} needs {name} of at least 1, got {size}")
