"""The recurrent cell of ENAS: a tree of nodes, each with an activation of its own.

Pham, Guan, Zoph, Le & Dean, "Efficient neural architecture search via parameter sharing", 2018, section 2.1. Node 0
reads the input and the state; every further node reads one earlier node; what no node reads is averaged. There are
4^N · (N − 1)! written cells of N nodes: the paper writes 4^N · N! and, for 12 nodes, "approximately 10^15", which
6.7 · 10^14 agrees with. Cells that are the same tree share a key.

Sequences are read as they are, images row by row, vectors number by number; the last state is classified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchitect.catalog.enas_strings import ENAS_ACTIVATIONS, activation_of, reads_of, representative
from searchitect.catalog.inputs import sequence_shape
from searchitect.errors import SpaceError
from searchitect.spaces import TaskSpec, choice, make_space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["enas_rnn"]


def enas_rnn(*, nodes: int = 12, hidden: int = 64) -> type[Any]:
    """Return the space of recurrent cells. Conversions: `from_enas_string`, `to_enas_string`.

    Args:
        nodes: of the cell, 1 to 20.
        hidden: values of a node.
    """
    if not 1 <= nodes <= 20:
        raise SpaceError(f"enas_rnn has 1 to 20 nodes, got {nodes}")
    activations = [activation_of(node) for node in range(nodes)]
    reads = [reads_of(node) for node in range(2, nodes)]  # node 1 can only read node 0
    fields: dict[str, Any] = {}
    for node in range(nodes):
        if node > 1:
            fields[reads_of(node)] = choice(*[f"node_{earlier}" for earlier in range(node)])
        fields[activation_of(node)] = choice(*ENAS_ACTIVATIONS)

    def build(self: Any, task: TaskSpec) -> nn.Module:
        tree = ["node_0", *(getattr(self, name) for name in reads)][: nodes - 1]
        return _build([getattr(self, name) for name in activations], tree, task, hidden)

    methods = {"canonical": staticmethod(representative), "build": build}
    return make_space("ENASRNN", fields, methods, doc="A recurrent cell of ENAS.")


def _build(activations: list[Any], reads: list[Any], task: TaskSpec, hidden: int) -> nn.Module:
    from torch import nn

    from searchitect.nn import as_sequence, classifier, pool_tokens, recurrent_cell

    _, features = sequence_shape(task, "enas_rnn")
    sequence, _ = as_sequence(task.inputs)
    cell = recurrent_cell(features, hidden, activations, reads)
    return nn.Sequential(sequence, cell, pool_tokens("last"), classifier((hidden,), task.outputs))
