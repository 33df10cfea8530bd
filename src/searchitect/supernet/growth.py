"""`inherit`: a child that starts from the weights of its parent and computes what the parent computes.

Two architectures of one space are built by the same code, so their models consist of the same layers but for the edit:
wider, deeper, a larger kernel, a skip more. Layers are aligned in order (`alignment`). Which channel of the child
repeats which of its parent is found by looking: both run on the same inputs, the child's layers are made to give what
their parents' give, and at every layer equal channels are equal (`flows`). No graph is traced, so sums, concatenations,
pooling, flattening and control flow of the user need no rule of their own. Chen et al., "Net2Net", ICLR 2016; Wei et
al., "Network morphism", ICML 2016.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from searchitect.seeding import derive
from searchitect.supernet.alignment import Leaf, align, leaves
from searchitect.supernet.carrying import Carry, kind_of
from searchitect.supernet.neutral import NEUTRAL, fit_statistics
from searchitect.supernet.probing import probe, twin

__all__ = ["Inheritance", "inherit"]

CHECKED = 32
"""Inputs on which the outputs of both are compared."""

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}
"""Largest `Inheritance.difference` of a preserved function."""


@dataclass(frozen=True, slots=True, eq=False)
class Inheritance:
    """What became of a child's layers, by name.

    Attributes:
        preserved: the child computes what its parent computes.
        difference: largest difference of their outputs in eval mode and float64, relative to how far the outputs of the
            parent lie apart.
        copied: layers filled from the parent's, wider or larger ones included.
        neutral: new layers that change nothing at first: the identity, or a branch that is silent.
        fresh: new layers that keep the weights they were built with.
        carried: for `grow_optimizer`.
    """

    preserved: bool
    difference: float
    copied: tuple[str, ...]
    neutral: tuple[str, ...]
    fresh: tuple[str, ...]
    carried: tuple[Carry, ...] = field(repr=False)


def inherit(
    parent: nn.Module,
    child: nn.Module,
    inputs: Tensor,
    *,
    unevenness: float = 0.5,
    noise: float = 0.0,
    seed: int = 0,
) -> Inheritance:
    """Fill a freshly built child from a trained parent; it computes the same wherever the edit allows it.

    Preserved are: more channels, units or features; more layers in a sequence behind an activation that repeats itself
    (ReLU) or with none, and more residual blocks that end with such a one; larger kernels; new branches and skips with
    weights or a gate; several of these together. Layer, group and RMS normalisation only where every channel is
    repeated equally often. Everything else inherits what fits and says so in `preserved`. Of fewer channels the most
    important stay.

    Args:
        inputs: a batch as the model reads it, preferably real: new batch normalisations take its statistics.
        unevenness: how unequally a weight is divided among copies (`flows.replicated`); 0 as Net2Net, where only noise
            lets copies part.
        noise: standard deviation of what is added to the weights of copies, relative to that of the layer's weights.
            Exact equality ends with it; `difference` is measured before.
        seed: of the noise.
    """
    try:
        # In float64 no rounding hides or feigns a difference; the child gets the result in its own precision.
        return _inherited(parent, child, inputs, unevenness, torch.float64, _Noise(noise, seed))
    except (RuntimeError, TypeError):  # a forward that makes tensors of its own precision
        return _inherited(parent, child, inputs, unevenness, torch.float32, _Noise(noise, seed))


@dataclass(frozen=True, slots=True)
class _Noise:
    scale: float
    seed: int


def _inherited(
    parent: nn.Module, child: nn.Module, inputs: Tensor, unevenness: float, dtype: torch.dtype, noise: _Noise
) -> Inheritance:
    pairs = align(parent, child)
    first, second = twin(parent, dtype), twin(child, dtype)
    exact, x = dict(second.named_modules()), inputs.detach().cpu()
    x = x.to(dtype) if x.is_floating_point() else x
    found = probe(parent, child, pairs, inputs, unevenness, dtype)
    carried = [Carry(p, leaf, *found.flows[leaf.name]) for p, leaf in pairs if p is not None and leaf.tensors]
    neutral = [(name, exact[name], way) for name, way in found.neutral.items()]
    with torch.no_grad():
        for carry in carried:
            dataclasses.replace(carry, child=Leaf(carry.child.name, exact[carry.child.name])).weights()
        for _, part, way in neutral:
            NEUTRAL[way](part)
        fit_statistics(second, [part for _, part, way in neutral if way == "identity"], x)
        difference = _difference(first(x[:CHECKED]), second(x[:CHECKED]))
        child.load_state_dict(second.state_dict())
        for index, carry in enumerate(carried):
            _shake(carry, noise.scale, derive(noise.seed, "noise", index))
    silent = {f"{name}.{leaf.name}".strip(".") for name, part, _ in neutral for leaf in leaves(part)}
    new = [leaf.name for source, leaf in pairs if source is None and leaf.tensors]
    return Inheritance(
        preserved=difference <= TOLERANCE[dtype],
        difference=difference,
        copied=tuple(carry.child.name for carry in carried),
        neutral=tuple(name for name in new if name in silent),
        fresh=tuple(name for name in new if name not in silent),
        carried=tuple(carried),
    )


def _difference(wanted: Tensor, given: Tensor) -> float:
    """Largest difference, relative to what tells examples apart: nearly constant scores are not equal for that."""
    if wanted.shape != given.shape:
        return float("inf")
    spread = wanted - wanted.mean(0) if len(wanted) > 1 else wanted
    return float((wanted - given).abs().max() / spread.abs().max().clamp_min(1e-30))


def _shake(carry: Carry, noise: float, seed: int) -> None:
    """Let the second and later copies of a channel differ a little from the first."""
    if noise == 0.0 or kind_of(carry.child.module) != "matrix":
        return
    sources = carry.made.sources
    first = torch.full((len(carry.made.parts),), len(sources)).scatter_reduce_(
        0, sources, torch.arange(len(sources)), "amin"
    )
    copies = (first[sources] != torch.arange(len(sources))).nonzero().flatten()
    weight = carry.child.tensors["weight"]
    drawn = torch.randn(weight[copies].shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    weight[copies] += (noise * float(weight.std(unbiased=False)) * drawn).to(weight)
