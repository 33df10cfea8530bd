"""From where channels go to which of them are kept together.

Channels that meet (are added, multiplied, mixed by an attention) belong to one class and stay or go together; layers
that share classes belong to one group, whose width is one decision. Every side of every layer is then an `Axis`, which
says, for any widths, which of its positions are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor, nn

from searchitect.supernet.channel_flow import ChannelFlow, Unit
from searchitect.supernet.layer_kinds import Index, sides

__all__ = ["Axis", "Group", "axes", "groups", "importance"]


@dataclass(frozen=True)
class Group:
    """Layers of one width.

    Attributes:
        layers: those whose outputs it decides, in the order of the model.
        classes: channels that stay or go together, in the order in which they are kept.
    """

    layers: tuple[str, ...]
    classes: tuple[frozenset[Unit], ...]

    def channels(self, kept: int) -> int:
        """How many outputs of its first layer the first `kept` classes are; classes beyond the last are copies."""
        own = [sum(layer == self.layers[0] for layer, _ in units) for units in self.classes]
        return sum(own[place % len(own)] for place in range(kept))


class Axis:
    """One side of a layer: which of its positions belong to which class of which width.

    Args:
        owners: for every position the name of a width; "" where it stays.
        ranks: for every position the place of its class in the order of keeping; also an attribute.
        classes: name of a width -> number of its classes.
    """

    def __init__(self, owners: Sequence[str], ranks: Sequence[int], classes: Mapping[str, int]) -> None:
        self.names = tuple(dict.fromkeys(name for name in owners if name))
        self._owners, self.ranks = tuple(owners), tuple(ranks)
        self._classes = {name: classes[name] for name in self.names}
        self._known: dict[tuple[int, ...], Index] = {}

    def reordered(self, ranks: Sequence[int]) -> Axis:
        """The same side, whose classes are kept in another order."""
        return self if tuple(ranks) == self.ranks else Axis(self._owners, ranks, self._classes)

    def index(self, kept: Mapping[str, int]) -> Index:
        """Return which positions are kept.

        Args:
            kept: name of a width -> number of classes; beyond those there are, the first ones are taken again, each
                behind the part of the axis in which its class occurs.
        """
        key = tuple(kept[name] for name in self.names)
        if key not in self._known:
            self._known[key] = self._shortest(self._positions(kept))
        return self._known[key]

    def _positions(self, kept: Mapping[str, int]) -> list[int]:
        found: list[int] = []
        for owner, places in self._parts():
            if not owner:
                found += places
                continue
            found += [p for p in places if self.ranks[p] < kept[owner]]
            for extra in range(self._classes[owner], kept[owner]):
                found += [p for p in places if self.ranks[p] == extra % self._classes[owner]]
        return found

    def _parts(self) -> Iterable[tuple[str, list[int]]]:
        """Stretches of one width in which classes rise: a part of a concatenation, a place of a channels-last map."""
        part, last, parts = 0, -1, []
        for place, (owner, rank) in enumerate(zip(self._owners, self.ranks, strict=True)):
            if place and (owner != self._owners[place - 1] or rank < last):
                part += 1
            last = rank
            parts.append(part)
        for _, places in groupby(range(len(parts)), key=parts.__getitem__):
            listed = list(places)
            yield self._owners[listed[0]], listed

    def _shortest(self, positions: list[int]) -> Index:
        if positions == list(range(len(self._owners))):
            return None
        if positions == list(range(len(positions))):
            return slice(0, len(positions))
        return torch.tensor(positions)


def groups(flow: ChannelFlow, model: nn.Module) -> tuple[list[Group], dict[str, str]]:
    """Return the groups whose width can change, and for each other layer the reason why it cannot."""
    classes = _Classes()
    pinned: dict[Unit, str] = {}
    for name, positions in flow.sources.items():
        for place, units in enumerate(positions):
            classes.join(units)
            if units and place in flow.pinned[name]:
                pinned[next(iter(units))] = f"its channels meet {flow.pinned[name][place]}"
        blocks = flow.kinds[name].blocks
        if not flow.kinds[name].mixes and blocks < len(positions):
            size = len(positions) // blocks
            for start in range(0, len(positions), size):
                classes.join(set().union(*positions[start : start + size]))
    fixed: dict[str, str] = {}
    found = []
    for group in _together(flow, model, classes):
        reasons = [reason for unit, reason in pinned.items() if unit[0] in group.layers]
        if len(group.classes) < 2:
            mixed = "its channels are mixed before the next layer (attention, softmax, a norm over channels)"
            reasons.append("it has one channel" if len(group.classes[0]) == 1 else mixed)
        if reasons:
            fixed |= dict.fromkeys(group.layers, reasons[0])
        else:
            found.append(group)
    return found, fixed


class _Classes:
    """Disjoint sets of units."""

    def __init__(self) -> None:
        self._parents: dict[Unit, Unit] = {}

    def of(self, unit: Unit) -> Unit:
        root = unit
        while self._parents.setdefault(root, root) != root:
            root = self._parents[root]
        while self._parents[unit] != root:
            self._parents[unit], unit = root, self._parents[unit]
        return root

    def join(self, units: Iterable[Unit]) -> None:
        known = [self.of(unit) for unit in units]
        for other in known[1:]:
            self._parents[self.of(other)] = self.of(known[0])


def _together(flow: ChannelFlow, model: nn.Module, classes: _Classes) -> list[Group]:
    """Layers that share classes, with these in the order of their lowest channel."""
    names = [name for name, kind in flow.kinds.items() if kind.mixes and name not in flow.fixed]
    order = {name: number for number, name in enumerate(names)}
    members: dict[Unit, list[Unit]] = {}
    sharing = _Classes()
    for name in names:
        for channel in range(sides(model.get_submodule(name))[1]):
            members.setdefault(classes.of((name, channel)), []).append((name, channel))
    for units in members.values():
        sharing.join({(name, 0) for name, _ in units})
    grouped: dict[Unit, list[list[Unit]]] = {}
    for units in members.values():
        grouped.setdefault(sharing.of((units[0][0], 0)), []).append(units)
    found = []
    for lists in grouped.values():
        lists.sort(key=lambda units: min((channel, order[name]) for name, channel in units))
        layers = sorted({name for units in lists for name, _ in units}, key=order.__getitem__)
        found.append(Group(tuple(layers), tuple(map(frozenset, lists))))
    return found


def importance(group: Group, flow: ChannelFlow, model: nn.Module) -> list[float]:
    """Return how strongly the next layers read each class: L1 norms of their weights, each relative to its mean.

    Cai et al., "Once-for-all", 2020, section 3.3 sort channels by it before widths are made elastic.
    """
    place = {unit: number for number, units in enumerate(group.classes) for unit in units}
    total = [0.0] * len(group.classes)
    for name, positions in flow.sources.items():
        kind = flow.kinds[name]
        if not kind.mixes:
            continue
        numbers = [next((place[unit] for unit in units if unit in place), -1) for units in positions]
        if max(numbers, default=-1) < 0:
            continue
        weight: Tensor = model.get_submodule(name).weight  # type: ignore[assignment]
        norms = weight.detach().abs().movedim(kind.axes["weight"].index("inputs"), 0).flatten(1).sum(1)
        relative = (norms / norms.mean().clamp_min(1e-12)).tolist()
        for number, norm in zip(numbers, relative, strict=True):
            if number >= 0:
                total[number] += norm
    return total


@dataclass
class _Places:
    """Owner and rank of every unit."""

    known: dict[Unit, tuple[str, int]] = field(default_factory=dict)

    def of(self, units: Iterable[Unit]) -> tuple[str, int]:
        return next((self.known[unit] for unit in units if unit in self.known), ("", 0))


def axes(flow: ChannelFlow, model: nn.Module, named: Mapping[str, Group]) -> dict[str, tuple[Axis, Axis]]:
    """Return the input and the output axis of every layer that a width changes.

    Args:
        named: name of a width -> its group.
    """
    places = _Places({u: (name, rank) for name, g in named.items() for rank, us in enumerate(g.classes) for u in us})
    classes = {name: len(group.classes) for name, group in named.items()}
    found = {}
    for name, kind in flow.kinds.items():
        outputs = sides(model.get_submodule(name))[1]
        reads = [places.of(units) for units in flow.sources[name]]
        if kind.mixes:
            gives = [places.of([(name, channel)]) for channel in range(outputs)]
        else:
            wide, narrow = len(reads) // kind.blocks, outputs // kind.blocks
            gives = [
                reads[channel // narrow * wide + (channel % narrow) * wide // narrow] for channel in range(outputs)
            ]
        pair = tuple(Axis([o for o, _ in side], [r for _, r in side], classes) for side in (reads, gives))
        if pair[0].names or pair[1].names:
            found[name] = (pair[0], pair[1])
    return found
