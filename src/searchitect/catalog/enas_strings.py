"""The string by which the authors of ENAS write a recurrent cell, and the form that equal cells share. No torch.

    0 0 0 1 1 2 1 …     activation of node 0; then, for each further node, the node it reads and its activation

Pham et al. 2018; `scripts/ptb_final.sh` of their code has the published cell.
"""

from __future__ import annotations

from collections.abc import Mapping

from searchitect.errors import SpaceError
from searchitect.spaces import Architecture, Value

__all__ = [
    "ENAS_ACTIVATIONS",
    "activation_of",
    "from_enas_string",
    "reads_of",
    "representative",
    "to_enas_string",
]

ENAS_ACTIVATIONS = ("tanh", "relu", "identity", "sigmoid")
"""Activations in the order of their numbers."""

MAX_LENGTH = 1_000
"""Longer strings are refused unread."""


def activation_of(node: int) -> str:
    """Name of the decision that holds the activation of a node."""
    return f"activation_{node}"


def reads_of(node: int) -> str:
    """Name of the decision that holds which node a node reads; nodes 0 and 1 have none."""
    return f"reads_{node}"


def from_enas_string(text: str) -> dict[str, Value]:
    """Return the decisions of `enas_rnn`, with as many nodes as the string has.

    Raises:
        SpaceError: it is no such string; the message says what is wrong with it.
    """
    words = text.split() if len(text) <= MAX_LENGTH else []
    if len(words) % 2 == 0 or not all(word.isdecimal() and len(word) < 4 for word in words):
        raise SpaceError(
            f"expected an activation, then a node and an activation for each further node, got {text[:60]!r}",
            hint="for example '0 0 1 1 0': three nodes",
        )
    numbers = [int(word) for word in words]
    tree = [0, *numbers[1::2]]
    for number in numbers[::2]:
        if number >= len(ENAS_ACTIVATIONS):
            raise SpaceError(f"activations are 0 to {len(ENAS_ACTIVATIONS) - 1} ({', '.join(ENAS_ACTIVATIONS)})")
    for node, read in enumerate(tree[1:], 1):
        if read >= node:
            raise SpaceError(f"node {node} can read nodes 0 to {node - 1}, got {read}")
    return _decisions(tree, [ENAS_ACTIVATIONS[number] for number in numbers[::2]])


def to_enas_string(decisions: Mapping[str, Value]) -> str:
    """Return the string of the decisions of an `enas_rnn` architecture."""
    tree, activations = _tree(decisions)
    words = [ENAS_ACTIVATIONS.index(activations[0])]
    for read, activation in zip(tree[1:], activations[1:], strict=True):
        words += [read, ENAS_ACTIVATIONS.index(activation)]
    return " ".join(str(word) for word in words)


def representative(architecture: Architecture) -> Architecture:
    """The same cell with its nodes in one agreed order: a tree written from its root, lesser subtrees first."""
    tree, activations = _tree(architecture.decisions)
    children: list[list[int]] = [[] for _ in tree]
    for node, read in enumerate(tree[1:], 1):
        children[read].append(node)
    written: dict[int, str] = {}
    for node in reversed(range(len(tree))):  # a node stands behind the one that it reads
        children[node].sort(key=written.__getitem__)
        written[node] = f"({activations[node]}{''.join(written[child] for child in children[node])})"
    order, waiting = list[int](), [(0, 0)]
    parents = []
    while waiting:
        node, parent = waiting.pop()
        parents.append(parent)
        waiting += [(child, len(order)) for child in reversed(children[node])]
        order.append(node)
    changed = _decisions(parents, [activations[node] for node in order])
    return Architecture(architecture.space, {**architecture.decisions, **changed})


def _tree(decisions: Mapping[str, Value]) -> tuple[list[int], list[str]]:
    """For each node the one it reads (0 for node 0), and its activation."""
    count = sum(name.startswith(activation_of(0)[:-1]) for name in decisions)
    tree = [int(str(decisions[reads_of(node)]).removeprefix("node_")) if node > 1 else 0 for node in range(count)]
    return tree, [str(decisions[activation_of(node)]) for node in range(count)]


def _decisions(tree: list[int], activations: list[str]) -> dict[str, Value]:
    decisions: dict[str, Value] = {}
    for node, (read, activation) in enumerate(zip(tree, activations, strict=True)):
        if node > 1:
            decisions[reads_of(node)] = f"node_{read}"
        decisions[activation_of(node)] = activation
    return decisions
