"""A recurrent cell that is a tree of small maps, run over sequences (n, length, features).

Pham, Guan, Zoph, Le & Dean, "Efficient neural architecture search via parameter sharing" (ENAS), 2018, section 2.1,
with the gates of its appendix; DARTS (Liu et al. 2019, section 2.4) searches the same cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from searchitect.errors import SpaceError, did_you_mean
from searchitect.nn.activations import activation as make_activation
from searchitect.nn.elastic_blocks import into_blocks
from searchitect.nn.mixed import Mixed
from searchitect.spaces.open_values import OpenOption

__all__ = ["RecurrentCell", "node_label", "recurrent_cell"]


def node_label(number: int) -> str:
    """The option that says "reads this node" in a decision of a `recurrent_cell`."""
    return f"node_{number}"


class RecurrentCell(nn.Module):
    """A cell whose nodes form a tree, run over a sequence: (n, length, inputs) to (n, length, hidden).

    The first node reads the input x and the state h before it, every other node one earlier node. With a gate c:

        c_1 = σ(x W^xc + h W^hc)      s_1 = c_1 · f_1(x W^xh + h W^hh) + (1 − c_1) · h
        c_l = σ(s_j W_l^c)            s_l = c_l · f_l(s_j W_l^h) + (1 − c_l) · s_j

    The state is the mean of the nodes that no node reads (ENAS), or of all but the first (DARTS). Where it is not
    decided what a node reads but weighted, a node counts with the probability that none reads it.

    Made by `recurrent_cell`.
    """

    def __init__(
        self, given: nn.Module, before: nn.Module, first: nn.Module, reading: Sequence[nn.Module], *, loose: bool
    ) -> None:
        super().__init__()
        self.given, self.before, self.first = given, before, first
        self.reading, self.loose = nn.ModuleList(reading), loose

    def forward(self, x: Tensor) -> Tensor:
        given = self.given(x)  # of all places at once
        shares = self.shares()
        state = given.new_zeros(given.shape[0], given.shape[-1] // 2)
        states = []
        for here in given.unbind(1):
            nodes = [_gated(here + self.before(state), state, self.first)]
            for read in self.reading:
                nodes.append(read(nodes))
            state = _mean(nodes, shares)
            states.append(state)
        return torch.stack(states, 1)

    def shares(self) -> list[Any]:
        """For each node how much of it is part of the state: 0 or 1, or a probability."""
        count = 1 + len(self.reading)
        if not self.loose:
            return [0.0, *[1.0] * (count - 1)] if count > 1 else [1.0]
        shares: list[Any] = [1.0] * count
        for read in self.reading:
            for node, probability in _probabilities(read):
                shares[node] = shares[node] * (1.0 - probability)
        return shares


class ReadingNode(nn.Module):
    """A node that reads one earlier node: all nodes so far to its value.

    Args:
        source: number of the node it reads.
        body: to a gate and a candidate, in this order.
    """

    def __init__(self, source: int, body: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.source, self.body, self.activation = source, body, activation

    def forward(self, nodes: list[Tensor]) -> Tensor:
        read = nodes[self.source]
        return _gated(self.body(read), read, self.activation)


def recurrent_cell(
    inputs: int,
    hidden: int,
    activations: Sequence[str],
    reads: Sequence[str],
    *,
    result: Literal["loose", "later"] = "loose",
) -> RecurrentCell:
    """Build a cell of nodes and run it over sequences.

    Args:
        hidden: values of a node; may be open.
        activations: of each node, keys of `nn.ACTIVATIONS`; may be open.
        reads: for each node but the first the `node_label` of the one it reads, counted from 0; may be open. Each
            pair of nodes then has weights of its own, as in ENAS.
        result: the state is the mean of the nodes that are "loose", read by none, or of all "later" than the first.

    Raises:
        SpaceError: there is no node, one reads a node that does not exist yet, or the lists do not fit.
    """
    if not activations or len(reads) != len(activations) - 1:
        raise SpaceError(
            f"a recurrent cell has one activation for each node and reads one fewer, got {len(activations)} and "
            f"{len(reads)}"
        )
    nodes = [_reading(number, reads[number - 1], activations[number], hidden) for number in range(1, len(activations))]
    given, before = (into_blocks(size, 2, 1, hidden, bias=False) for size in (inputs, hidden))
    return RecurrentCell(given, before, make_activation(activations[0]), nodes, loose=result == "loose")


def _reading(number: int, reads: Any, activation: Any, hidden: Any) -> nn.Module:
    known = {node_label(source): source for source in range(number)}

    def make(source: int) -> nn.Module:
        return ReadingNode(source, into_blocks(hidden, 2, 1, hidden, bias=False), make_activation(activation))

    if isinstance(reads, OpenOption):
        return Mixed(reads, {label: make(known[str(label)]) for label in reads.options})
    if reads not in known:
        raise SpaceError(f"node {number} cannot read {reads!r}", hint=did_you_mean(str(reads), known))
    return make(known[reads])


def _gated(both: Tensor, before: Tensor, activation: nn.Module) -> Tensor:
    gate, candidate = both.chunk(2, -1)
    result: Tensor = before + gate.sigmoid() * (activation(candidate) - before)
    return result


def _mean(nodes: Sequence[Tensor], shares: Sequence[Any]) -> Tensor:
    total, sum_of_shares = None, 0.0
    for node, share in zip(nodes, shares, strict=True):
        if isinstance(share, float) and share == 0.0:
            continue
        term = node if isinstance(share, float) and share == 1.0 else share * node
        total, sum_of_shares = term if total is None else total + term, sum_of_shares + share
    assert total is not None, "no node reads the last one"
    return total / sum_of_shares


def _probabilities(read: nn.Module) -> Iterator[tuple[int, Any]]:
    """The nodes that a node reads, each with its probability; those of probability 0 are left out."""
    if isinstance(read, ReadingNode):
        yield read.source, 1.0
        return
    assert isinstance(read, Mixed)
    weights = read.option.selection.weights.get(read.option.path)
    if weights is None:
        yield from _probabilities(read.active)
        return
    for weight, node in zip(weights, read.operations, strict=True):
        assert isinstance(node, ReadingNode)
        yield node.source, weight
