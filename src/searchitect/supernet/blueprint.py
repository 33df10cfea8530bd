"""A model and the decisions about its sizes; together they make the `build` of a search space.

The template is copied as it is, and the layers that a decision touches are cut in place; so what comes out is the
user's own class with smaller layers. With open decisions the same layers are wrapped instead.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from searchitect.nn.elastic import is_open
from searchitect.spaces import Value, choice
from searchitect.supernet.channel_flow import ChannelFlow
from searchitect.supernet.layer_kinds import cut_in_place
from searchitect.supernet.user_layers import ElasticLayer, FirstInput, Removable, replace
from searchitect.supernet.width_groups import Axis, Group, axes

__all__ = ["Blueprint", "Depth", "Kernel", "Width", "decision_names"]


@dataclass(frozen=True, eq=False)
class Width:
    """How many channels the layers of a group give.

    Attributes:
        kept: channels of its first layer -> how many classes of the group that is; the first as it is now.
    """

    name: str
    group: Group
    kept: Mapping[int, int]

    @property
    def options(self) -> tuple[int, ...]:
        return tuple(self.kept)

    @property
    def layers(self) -> tuple[str, ...]:
        return self.group.layers


@dataclass(frozen=True)
class Kernel:
    """How large the window of a convolution is.

    Attributes:
        options: the first as it is now.
    """

    name: str
    layer: str
    options: tuple[int, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)


@dataclass(frozen=True)
class Depth:
    """How many of a row of blocks are there; the last ones leave first.

    Attributes:
        blocks: those that can leave, with their number of arguments, in order.
        others: blocks beside them that stay and are counted too.
        options: the first as it is now.
    """

    name: str
    blocks: Mapping[str, int]
    others: int
    options: tuple[int, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.blocks)


@dataclass(frozen=True, eq=False)
class Blueprint:
    """What is decided about a model.

    Attributes:
        template: the model, with the weights it came with.
    """

    template: nn.Module
    flow: ChannelFlow
    widths: tuple[Width, ...] = ()
    kernels: tuple[Kernel, ...] = ()
    depths: tuple[Depth, ...] = ()

    @property
    def decisions(self) -> tuple[Width | Kernel | Depth, ...]:
        return (*self.widths, *self.depths, *self.kernels)

    def declarations(self) -> dict[str, Any]:
        """What `make_space` takes."""
        return {decision.name: choice(*decision.options) for decision in self.decisions}

    def without(self, names: Iterable[str]) -> Blueprint:
        """The blueprint with these decisions left as they are."""
        dropped = set(names)
        return Blueprint(
            self.template,
            self.flow,
            tuple(width for width in self.widths if width.name not in dropped),
            tuple(kernel for kernel in self.kernels if kernel.name not in dropped),
            tuple(depth for depth in self.depths if depth.name not in dropped),
        )

    def build(self, decided: Any, *, fresh: bool = True) -> nn.Module:
        """Return the model for these decisions, or the supernet's body where one of them is open.

        Args:
            decided: an object with a value for every decision, under its name.
            fresh: initialise the weights of a concrete model anew; parameters that stand outside of any layer keep
                their values.
        """
        model = copy.deepcopy(self.template)
        values = {decision.name: getattr(decided, decision.name) for decision in self.decisions}
        self._size(model, values)
        self._remove(model, values)
        if fresh and not is_open(*values.values()):
            initialise(model)
        return model

    def removed(self, values: Mapping[str, Any]) -> set[str]:
        """The blocks that are left out."""
        return {
            block
            for depth in self.depths
            for place, block in enumerate(depth.blocks, start=depth.others)
            if place >= values[depth.name]
        }

    def inert(self, values: Mapping[str, Any]) -> set[str]:
        """Decisions about layers that are all left out."""
        gone = tuple(f"{block}." for block in self.removed(values))
        sized: tuple[Width | Kernel, ...] = (*self.widths, *self.kernels)
        return {d.name for d in sized if all(layer.startswith(gone) for layer in d.layers)}

    def canonical(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The same model, with decisions that change nothing as they were."""
        inert = self.inert(values) if self.depths else set()
        first = {decision.name: decision.options[0] for decision in self.decisions}
        return {name: first[name] if name in inert else value for name, value in values.items()}

    @cached_property
    def axes(self) -> dict[str, tuple[Axis, Axis]]:
        """Both sides of every layer that a decision touches."""
        found = axes(self.flow, self.template, {width.name: width.group for width in self.widths})
        for kernel in self.kernels:
            found.setdefault(kernel.layer, (Axis([], [], {}), Axis([], [], {})))
        return found

    def _size(self, model: nn.Module, values: Mapping[str, Any]) -> None:
        kernels = {kernel.layer: values[kernel.name] for kernel in self.kernels}
        classes = {width.name: width.kept for width in self.widths}
        for name, pair in self.axes.items():
            layer, kind, kernel = model.get_submodule(name), self.flow.kinds[name], kernels.get(name)
            touched = {owner: (values[owner], classes[owner]) for side in pair for owner in side.names}
            if is_open(kernel, *[number for number, _ in touched.values()]):
                replace(model, layer, ElasticLayer(layer, kind, pair, touched, kernel))
            else:
                kept = {owner: known[value] for owner, (value, known) in touched.items()}
                cut_in_place(layer, kind, pair[0].index(kept), pair[1].index(kept), kernel)

    def _remove(self, model: nn.Module, values: Mapping[str, Any]) -> None:
        for depth in self.depths:
            count = values[depth.name]
            for place, (name, arguments) in enumerate(depth.blocks.items(), start=depth.others):
                block = model.get_submodule(name)
                if is_open(count):
                    replace(model, block, Removable(count.exceeds(place), block))
                elif place >= count:
                    replace(model, block, nn.Identity() if arguments == 1 else FirstInput())


def initialise(model: nn.Module) -> None:
    """Draw the weights of all layers anew, as torch does."""
    for module in model.modules():
        reset = getattr(module, "reset_parameters", getattr(module, "_reset_parameters", None))
        if reset is not None and next(module.parameters(recurse=False), None) is not None:
            reset()


def decision_names(wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Return a name of a field for each (module, what is decided), as like the module's as can be, each once."""
    found: dict[str, None] = {}
    for module, what in wanted:
        stem = re.sub(r"\W+", "_", module).strip("_") or "model"
        stem = stem if stem[0].isalpha() else f"layer_{stem}"
        name, number = f"{stem}_{what}", 1
        while name in found:
            number += 1
            name = f"{stem}_{number}_{what}"
        found[name] = None
    return list(found)
