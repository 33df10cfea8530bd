"""What can be decided about a plain model: widths, windows, rows of blocks; and what its own code can follow."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from searchitect.seeding import stream
from searchitect.supernet.blueprint import Blueprint, Depth, Kernel, Width, decision_names
from searchitect.supernet.channel_flow import ChannelFlow, follow
from searchitect.supernet.layer_kinds import CONVOLUTIONS, sides
from searchitect.supernet.marking import calm
from searchitect.supernet.width_groups import Group

__all__ = [
    "Fixed",
    "differs",
    "failure",
    "keeps_size",
    "outputs",
    "removable_rows",
    "shrinking_kernels",
    "shrinking_widths",
    "stray_widths",
    "tied",
    "workable",
]

SMALLEST_KERNEL = 3
TOLERANCE = 1e-5


class Fixed(NamedTuple):
    """A module that keeps its size, and why."""

    module: str
    reason: str


def tied(model: nn.Module) -> dict[str, str]:
    """Layers that share a weight with another one, with the reason to leave them."""
    holders: dict[int, list[str]] = {}
    for name, module in model.named_modules():
        for held in dict.fromkeys(module._parameters.values()):
            if held is not None:
                holders.setdefault(id(held), []).append(name)
    return {
        name: f"it shares a weight with '{next(other for other in names if other != name)}'; untie them to cut either"
        for names in holders.values()
        if len(names) > 1
        for name in names
    }


def shrinking_widths(found: Sequence[Group], shares: Sequence[float]) -> tuple[Width, ...]:
    """A decision per group, from all of its channels down."""
    names = decision_names([(group.layers[0], "width") for group in found])
    made = []
    for name, group in zip(names, found, strict=True):
        count = len(group.classes)
        kept = sorted({count, *[max(1, round(share * count)) for share in shares]}, reverse=True)
        width = Width(name, group, {group.channels(k): k for k in kept if group.channels(k)})
        if len(width.options) > 1:
            made.append(width)
    return tuple(made)


def shrinking_kernels(flow: ChannelFlow, model: nn.Module) -> tuple[Kernel, ...]:
    """A decision per convolution with an odd window larger than 3, where padding leaves the map as large."""
    found = {}
    for name in flow.kinds:
        layer: Any = model.get_submodule(name)
        if not isinstance(layer, CONVOLUTIONS) or "does not call" in flow.fixed.get(name, ""):
            continue
        smaller = [k for k in range(max(layer.kernel_size) - 2, SMALLEST_KERNEL - 1, -2) if keeps_size(layer, k)]
        if smaller:
            found[name] = (max(layer.kernel_size), *smaller)
    names = decision_names([(layer, "kernel") for layer in found])
    return tuple(Kernel(name, layer, options) for name, (layer, options) in zip(names, found.items(), strict=True))


def keeps_size(layer: Any, kernel: int) -> bool:
    """Whether a window of another size, with padding to match, gives a map as large."""
    if any(side % 2 == 0 for side in layer.kernel_size):
        return False
    if isinstance(layer.padding, str):
        return layer.padding == "same"
    sizes = zip(layer.padding, layer.dilation, layer.kernel_size, strict=True)
    longest = max(layer.kernel_size)
    return all(p + d * ((kernel if side == longest else min(side, kernel)) - side) // 2 >= 0 for p, d, side in sizes)


def removable_rows(flow: ChannelFlow, model: nn.Module, keep: Sequence[str]) -> tuple[Depth, ...]:
    """A decision per row of residual blocks side by side; one block of a kind always stays."""
    innermost = [n for n in flow.residual if not any(other.startswith(f"{n}.") for other in flow.residual)]
    innermost = [n for n in innermost if not any(f"{n}.".startswith(f"{k}.") or k.startswith(f"{n}.") for k in keep)]
    found = []
    for parent, module in model.named_modules():
        names = [f"{parent}.{child}".lstrip(".") for child, _ in module.named_children()]
        for row in _rows(names, set(innermost)):
            kinds = {type(model.get_submodule(name)) for name in row}
            alike = [name for name in names if type(model.get_submodule(name)) in kinds and name not in row]
            others = len([name for name in alike if name not in innermost])
            fewest = others or 1
            if len(row) + others > fewest:
                place = parent if len(row) + others == len(names) and parent else row[0]
                found.append((place, row, others, tuple(range(len(row) + others, fewest - 1, -1))))
    named = decision_names([(place, "depth") for place, *_ in found])
    return tuple(
        Depth(name, {block: flow.residual[block] for block in row}, others, options)
        for name, (_, row, others, options) in zip(named, found, strict=True)
    )


def _rows(names: Sequence[str], wanted: set[str]) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    for name in names:
        if name in wanted:
            rows[-1].append(name)
        elif rows[-1]:
            rows.append([])
    return [row for row in rows if row]


def workable(blueprint: Blueprint, example: Tensor) -> tuple[Blueprint, dict[str, str]]:
    """Leave out the decisions that the model's own code cannot follow; return the reasons, by module."""
    whole = {decision.name: decision.options[0] for decision in blueprint.decisions}
    small = {decision.name: min(decision.options) for decision in blueprint.decisions}
    reasons: dict[str, str] = {}
    failing = []
    if blueprint.decisions and failure(blueprint, small, example):
        values = whole
        for decision in blueprint.decisions:
            problem = failure(blueprint, values | {decision.name: small[decision.name]}, example)
            if problem is None:
                values = values | {decision.name: small[decision.name]}
            else:
                failing.append(decision.name)
                reasons |= dict.fromkeys(decision.layers, f"the model fails with fewer of its channels: {problem}")
    blueprint = blueprint.without(failing)
    strays = stray_widths(blueprint, example, lambda width, rng: rng.choice(width.options[1:]))
    for width in blueprint.widths:
        if width.name in strays:
            reasons |= dict.fromkeys(width.layers, "its channels land elsewhere when they are fewer (a fixed layout)")
    return blueprint.without(strays), reasons


def failure(blueprint: Blueprint, values: Mapping[str, Any], example: Tensor) -> str | None:
    """Why a subnet cannot be run, or gives outputs of another shape."""
    try:
        model = blueprint.build(SimpleNamespace(**values), fresh=False)
        wanted, got = ([t.shape for t in outputs(each, example)] for each in (blueprint.template, model))
    except Exception as error:  # noqa: BLE001 - a user's forward may raise anything
        return (str(error).splitlines() or [""])[0] or type(error).__name__
    return None if wanted == got else f"its output becomes {got} instead of {wanted}"


def stray_widths(blueprint: Blueprint, example: Tensor, choose: Callable[[Width, random.Random], int]) -> set[str]:
    """Widths whose channels do not arrive where those of the whole model do, in a subnet whose widths are mixed.

    A shuffle, or a split at a fixed place, may run with fewer channels and yet mean other ones.
    """
    if not blueprint.widths:
        return set()
    rng = stream(0, "make_elastic")
    values = {decision.name: decision.options[0] for decision in blueprint.decisions}
    values |= {width.name: choose(width, rng) for width in blueprint.widths}
    model = blueprint.build(SimpleNamespace(**values), fresh=False)
    seen = follow(model, example, blueprint.flow.closed)
    kept = {width.name: width.kept[values[width.name]] for width in blueprint.widths}
    owner = {layer: width.name for width in blueprint.widths for layer in width.layers}
    sizes = {name: sides(blueprint.template.get_submodule(name)) for name in blueprint.flow.kinds}

    def listed(layer: str, side: int) -> list[int]:
        index = blueprint.axes[layer][side].index(kept) if layer in blueprint.axes else None
        everything = list(range(sizes[layer][side]))
        return everything if index is None else everything[index] if isinstance(index, slice) else index.tolist()

    given = {layer: listed(layer, 1) for layer in sizes}
    found: set[str] = set()
    for name, positions in blueprint.flow.sources.items():
        for place, units in zip(listed(name, 0), seen.sources[name], strict=True):
            actual = {(layer, given[layer][channel]) for layer, channel in units}
            expected = {(layer, channel) for layer, channel in positions[place] if channel in given[layer]}
            found |= {owner[layer] for layer, _ in actual ^ expected if layer in owner}
    return found


def outputs(model: nn.Module, example: Tensor) -> list[Tensor]:
    """All tensors that a model gives, in evaluation mode."""
    with calm(model):
        return [leaf for leaf in tree_flatten(model(example))[0] if isinstance(leaf, Tensor)]


def differs(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    """Whether outputs are not the same, by more than 1e-5 of their largest."""
    for one, other in zip(first, second, strict=True):
        if one.shape != other.shape:
            return True
        if one.numel() and float((one - other).abs().max()) > TOLERANCE * float(other.abs().max().clamp_min(1e-12)):
            return True
    return False
