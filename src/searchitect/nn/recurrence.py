"""Recurrent layers over sequences (n, length, features).

Hochreiter & Schmidhuber, "Long short-term memory", 1997; Cho et al., "Learning phrase representations using RNN
encoder-decoder", 2014 (gru); Elman, "Finding structure in time", 1990 (rnn, with tanh).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SpaceError, did_you_mean
from searchitect.nn.elastic import Elastic, is_open, largest, now
from searchitect.nn.elastic_blocks import block_part
from searchitect.nn.mixed import Mixed, chain, choose
from searchitect.nn.regularisation import dropout as make_dropout
from searchitect.spaces.open_values import OpenNumber, OpenOption

__all__ = [
    "DIRECTIONS",
    "RECURRENT",
    "SEQUENCE_RESULTS",
    "ElasticRecurrent",
    "RecurrentLayer",
    "recurrent",
]

RECURRENT: dict[str, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
"""Every kind of recurrent layer by name."""

SEQUENCE_RESULTS = ("last", "mean", "sequence")
"""What a stack of recurrent layers hands on: the state that has read everything, the mean, or all of them."""

DIRECTIONS = {"forward": 1, "both": 2}
"""Every way of reading a sequence, with how many sets of weights it takes."""

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
_COMPUTE: dict[str, Callable[..., Any]] = {"lstm": torch.lstm, "gru": torch.gru, "rnn": torch.rnn_tanh}


class RecurrentLayer(nn.Module):
    """One recurrent layer: (n, length, inputs) to (n, length, hidden), or twice as much where it reads both ways."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.cell(x)[0]
        return result


class ElasticRecurrent(Elastic):
    """A recurrent layer of open size: of each gate the first values, of each direction that it reads the first too.

    Args:
        inputs: values read at each place; the input tells how many of them are there.
        blocks: 2 where the layer before reads both ways and gives the values of one after those of the other.
    """

    def __init__(self, kind: str, inputs: Any, hidden: Any, both_ways: bool, blocks: int) -> None:
        super().__init__()
        self.kind, self.hidden, self.both_ways, self.blocks = kind, hidden, both_ways, blocks
        self.full = RECURRENT[kind](
            int(largest(inputs)), int(largest(hidden)), batch_first=True, bidirectional=both_ways
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        weights = [self._part(name, x.shape[-1]) for name in self.full._flat_weights_names]
        start = x.new_zeros(1 + self.both_ways, x.shape[0], int(now(self.hidden)))
        state = (start, start) if self.kind == "lstm" else start
        result = _COMPUTE[self.kind](x, state, weights, True, 1, 0.0, self.training, self.both_ways, True)
        return result[0], result[1:]

    def copy_into(self, target: nn.Module) -> None:
        if not isinstance(target, type(self.full)) or target.hidden_size != int(now(self.hidden)):
            raise EvaluationError(
                f"the supernet has {self.kind} layer of {int(now(self.hidden))} values where the subnet has {target}"
            )
        with torch.no_grad():
            for name in target._flat_weights_names:
                target.get_parameter(name).copy_(self._part(name, target.input_size))

    def _part(self, name: str, inputs: int) -> Tensor:
        full, hidden = self.full, int(now(self.hidden))
        weight: Tensor = getattr(full, name)
        gates = GATES[self.kind]
        weight = block_part(weight, 0, (gates, full.hidden_size), (gates, hidden))
        if name.startswith("weight_hh"):
            return weight[:, :hidden]
        if name.startswith("weight_ih"):
            each = full.input_size // self.blocks
            return block_part(weight, 1, (self.blocks, each), (self.blocks, inputs // self.blocks))
        return weight


class SequenceResult(nn.Module):
    """One vector for a sequence of states: the state that has read all of it, or the mean of all.

    Args:
        both_ways: the second half of the values was read from the end, so its last state stands at the start.
    """

    def __init__(self, how: str, both_ways: bool) -> None:
        super().__init__()
        self.how, self.both_ways = how, both_ways

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "mean":
            return x.mean(1)
        if not self.both_ways:
            return x[:, -1]
        half = x.shape[-1] // 2
        return torch.cat((x[:, -1, :half], x[:, 0, half:]), 1)

    def extra_repr(self) -> str:
        return f"{self.how!r}, both_ways={self.both_ways}"


def recurrent(
    kind: str,
    inputs: int,
    hidden: int,
    layers: int = 1,
    *,
    direction: str = "forward",
    dropout: float = 0.0,
    result: str = "last",
) -> nn.Module:
    """Recurrent layers on top of one another: (n, length, inputs) to (n, hidden), or to (n, length, hidden).

    Every argument but `inputs` may be open; kinds and directions then have weights of their own.

    Args:
        kind: a key of `RECURRENT`.
        inputs: features of each place.
        hidden: values of a state.
        direction: a key of `DIRECTIONS`; with "both" a second set of weights reads from the end, and states have twice
            as many values.
        dropout: between layers.
        result: one of `SEQUENCE_RESULTS`.

    Raises:
        SpaceError: a name is unknown (the message has the nearest), or a number is below one.
    """
    stack = partial(recurrent, inputs=inputs, hidden=hidden, layers=layers, dropout=dropout, result=result)
    if isinstance(kind, OpenOption):
        return Mixed(kind, {name: stack(str(name), direction=direction) for name in kind.options})
    if isinstance(direction, OpenOption):
        return Mixed(direction, {name: stack(kind, direction=str(name)) for name in direction.options})
    _check_words(kind, direction, result)
    _check_numbers({"inputs": inputs, "hidden": hidden, "layers": layers})
    both_ways = direction == "both"

    def make(number: int) -> nn.Module:
        read = inputs if number == 0 else hidden * (1 + both_ways)
        cell = _layer(kind, read, hidden, both_ways, 1 if number == 0 else 1 + both_ways)
        return RecurrentLayer(cell) if number == 0 else nn.Sequential(make_dropout(dropout), RecurrentLayer(cell))

    names = result.options if isinstance(result, OpenOption) else (result,)
    makers = {name: partial(_result, str(name), both_ways) for name in names}
    return nn.Sequential(chain(layers, make), choose(result, makers))


def _layer(kind: str, inputs: Any, hidden: Any, both_ways: bool, blocks: int) -> nn.Module:
    if is_open(inputs, hidden):
        return ElasticRecurrent(kind, inputs, hidden, both_ways, blocks)
    return RECURRENT[kind](inputs, hidden, batch_first=True, bidirectional=both_ways)


def _result(how: str, both_ways: bool) -> nn.Module:
    return nn.Identity() if how == "sequence" else SequenceResult(how, both_ways)


def _check_words(kind: str, direction: str, result: Any) -> None:
    if kind not in RECURRENT:
        raise SpaceError(f"no recurrent layer {kind!r}", hint=did_you_mean(str(kind), RECURRENT))
    if direction not in DIRECTIONS:
        raise SpaceError(f"no direction {direction!r}", hint=did_you_mean(str(direction), DIRECTIONS))
    for how in result.options if isinstance(result, OpenOption) else (result,):
        if how not in SEQUENCE_RESULTS:
            raise SpaceError(f"no result of a sequence {how!r}", hint=did_you_mean(str(how), SEQUENCE_RESULTS))


def _check_numbers(numbers: dict[str, Any]) -> None:
    for name, number in numbers.items():
        if (number.smallest if isinstance(number, OpenNumber) else number) < 1:
            raise SpaceError(f"recurrent layers need {name} of at least 1, got {number}")
