"""Which channels of which layer reach which inputs of which other: found by running the model, not by reading it.

Some of a layer's output channels are set to NaN; what is NaN at the inputs of other layers came from there. Layers
with weights give what they gave for the clean example, so a mark ends at the next one. Sums, concatenations,
flattening, splits, shuffles and any Python control flow are followed as they are. The marks of 2·log₂(C) runs spell
every channel's number in binary, once as it is and once inverted: where exactly one of each pair arrives, one channel
alone does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from searchitect.supernet.layer_kinds import LayerKind
from searchitect.supernet.marking import Reached, Tracer

__all__ = ["ChannelFlow", "Unit", "follow"]

Unit = tuple[str, int]
"""One output channel of a layer: (name of the module, channel)."""


@dataclass
class ChannelFlow:
    """Where channels go.

    Attributes:
        kinds: every layer that can be cut, by name, in the order of the model.
        closed: every other module with weights that was called as a whole: name to the reason why it keeps its size.
        sources: layer -> for each of its input channels, the units of mixing layers that reach it.
        pinned: layer -> input channel -> what of a fixed size reaches it too.
        fixed: mixing layers whose outputs must stay as many as they are, with the reason.
        residual: modules that give what they were given plus something, and can be left out, with their number of
            arguments.
    """

    kinds: dict[str, LayerKind] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    sources: dict[str, list[set[Unit]]] = field(default_factory=dict)
    pinned: dict[str, dict[int, str]] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    residual: dict[str, int] = field(default_factory=dict)


def follow(model: nn.Module, example: Tensor, keep: Mapping[str, str] | None = None) -> ChannelFlow:
    """Follow every channel of a model.

    Args:
        example: a batch that the model takes; nothing but its shape and type matters.
        keep: modules that keep their size, with the reason.

    Raises:
        SpaceError: the model fails on the example, or gives NaN for it.
    """
    tracer = Tracer(copy.deepcopy(model), example, keep or {})
    flow = ChannelFlow(tracer.kinds, tracer.closed)
    for name in tracer.kinds:
        flow.sources[name] = [set() for _ in range(tracer.reads(name))]
        flow.pinned[name] = {}
    _follow_fixed(tracer, flow)
    open_ones = _follow_whole(tracer, flow)
    for together in _apart(open_ones):
        _follow_channels(tracer, flow, {name: open_ones[name] for name in together})
    flow.residual = {name: block.arguments for name, block in tracer.blocks.items() if block.is_residual}
    return flow


def _follow_fixed(tracer: Tracer, flow: ChannelFlow) -> None:
    """Pin the inputs that the example, a bare parameter or a closed module reaches: those have a size of their own."""
    if tracer.example.is_floating_point():
        _pin(tracer.run_raw("", tracer.example), flow, "the model's input")
    for name, tensor in tracer.raw.items():
        _pin(tracer.run_raw(name, tensor), flow, f"'{name}', a weight outside of any layer")
    for name in tracer.closed:
        if tracer.given[name]:
            _pin(tracer.run({name: torch.tensor(True)}), flow, f"what '{name}' gives")


def _pin(reached: Reached, flow: ChannelFlow, what: str) -> None:
    for name, channels in reached.inputs.items():
        for channel in channels.nonzero().flatten().tolist():
            flow.pinned[name].setdefault(channel, what)


def _follow_whole(tracer: Tracer, flow: ChannelFlow) -> dict[str, set[str]]:
    """Mark each mixing layer as a whole; return which layers it reaches, for those that are not fixed by that."""
    found = {}
    for name, kind in flow.kinds.items():
        if not kind.mixes:
            continue
        if not tracer.given[name]:
            flow.fixed[name] = "the model's forward does not call it"
            continue
        reached = tracer.run({name: torch.ones(tracer.gives(name), dtype=torch.bool)})
        if reached.output:
            flow.fixed[name] = "its channels are what the model gives"
        elif reached.closed:
            reader = min(reached.closed)
            flow.fixed[name] = f"'{reader}' reads it, which keeps its size"
        else:
            found[name] = reached.layers()
            continue
        _pin(reached, flow, f"'{name}', whose size is fixed")
    return found


def _apart(reached: Mapping[str, set[str]]) -> list[list[str]]:
    """Layers that may be marked in one run, since no third one reads two of them."""
    runs: list[tuple[list[str], set[str]]] = []
    for name, readers in reached.items():
        for together, taken in runs:
            if not taken & readers:
                together.append(name)
                taken |= readers
                break
        else:
            runs.append(([name], set(readers)))
    return [together for together, _ in runs]


def _follow_channels(tracer: Tracer, flow: ChannelFlow, marked: Mapping[str, set[str]]) -> None:
    bits = max((tracer.gives(name) - 1).bit_length() for name in marked)
    numbers = {name: torch.arange(tracer.gives(name)) for name in marked}
    if bits == 0:
        pairs = [(Reached(), tracer.run({name: number == 0 for name, number in numbers.items()}))]
    else:
        pairs = [
            tuple(tracer.run({n: (number >> bit & 1) == wanted for n, number in numbers.items()}) for wanted in (1, 0))  # type: ignore[misc]
            for bit in range(bits)
        ]
    for name, readers in marked.items():
        clear = [_decode(flow.sources[reader], name, reader, pairs) for reader in readers]
        if not all(clear):
            _follow_one_by_one(tracer, flow, name, readers)


def _decode(sources: list[set[Unit]], name: str, reader: str, pairs: list[tuple[Reached, Reached]]) -> bool:
    """Note which channel arrives at each input; False where several arrive at one."""
    none = torch.zeros(len(sources), dtype=torch.bool)
    ones = torch.stack([first.inputs.get(reader, none) for first, _ in pairs])
    zeros = torch.stack([second.inputs.get(reader, none) for _, second in pairs])
    if bool((ones & zeros).any()):
        return False
    number = (ones * 2 ** torch.arange(len(pairs))[:, None]).sum(0)
    for place in (ones | zeros).all(0).nonzero().flatten().tolist():
        sources[place].add((name, int(number[place])))
    return True


def _follow_one_by_one(tracer: Tracer, flow: ChannelFlow, name: str, readers: set[str]) -> None:
    """Several channels meet at one input: mark each of them alone."""
    count = tracer.gives(name)
    for reader in readers:
        for units in flow.sources[reader]:
            units.difference_update((name, channel) for channel in range(count))
    for channel in range(count):
        reached = tracer.run({name: torch.arange(count) == channel})
        for reader in readers:
            for place in reached.inputs[reader].nonzero().flatten().tolist():
                flow.sources[reader][place].add((name, channel))
