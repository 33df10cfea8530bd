"""Recurrent networks for sequences; images are read row by row, vectors number by number.

Hochreiter & Schmidhuber, "Long short-term memory", 1997; Cho et al., "Learning phrase representations using RNN
encoder-decoder", 2014 (gru); Elman, "Finding structure in time", 1990 (rnn); Schuster & Paliwal, "Bidirectional
recurrent neural networks", 1997; dropout between layers only: Zaremba et al., "Recurrent neural network
regularization", 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from searchitect.catalog.inputs import sequence_shape
from searchitect.catalog.weights import first_half
from searchitect.spaces import TaskSpec, choice, real, space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["rnn"]


def rnn(
    *,
    kinds: Sequence[str] = ("gru", "lstm", "rnn"),
    widths: Sequence[int] = (64, 32, 128),
    depths: Sequence[int] = (1, 2, 3),
    directions: Sequence[str] = ("forward", "both"),
    results: Sequence[str] = ("last", "mean"),
    dropouts: Sequence[float] = (0.1, 0.0, 0.3),
) -> type[Any]:
    """Return the space of recurrent networks. The first of each list is the default.

    Args:
        kinds: keys of `nn.RECURRENT`; the first is drawn as often as all the others together.
        widths: values of a state, in one direction.
        depths: layers.
        directions: keys of `nn.DIRECTIONS`.
        results: what the classifier reads, "last" or "mean" of the states.
        dropouts: between layers and before the classifier.
    """

    @space
    class RNN:
        kind: str = choice(*kinds, weights=first_half(kinds))
        hidden: int = choice(*widths)
        layers: int = choice(*depths)
        direction: str = choice(*directions)
        result: str = choice(*results)
        dropout: float = choice(*dropouts)
        learning_rate: float = real(1e-3, 2e-2, log=True, role="training")
        weight_decay: float = real(1e-4, 1e-1, log=True, role="training")

        def build(self, task: TaskSpec) -> nn.Module:
            return _build(self, task)

    return RNN


def _build(rnn: Any, task: TaskSpec) -> nn.Module:
    from torch import nn

    from searchitect.nn import DIRECTIONS, as_sequence, classifier, number_for, recurrent

    _, features = sequence_shape(task, "rnn")
    sequence, _ = as_sequence(task.inputs)
    body = recurrent(
        rnn.kind,
        features,
        rnn.hidden,
        rnn.layers,
        direction=rnn.direction,
        dropout=rnn.dropout,
        result=rnn.result,
    )
    values = rnn.hidden * number_for(rnn.direction, DIRECTIONS)
    return nn.Sequential(sequence, body, classifier((values,), task.outputs, dropout=rnn.dropout))
