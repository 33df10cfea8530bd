"""`Subject`: a model with a few inputs to explain it on, told in one form for images, tables, texts, sounds and series.

A map has a value for each *place* of an example: a pixel of an image (its channels together), a column, a token (its
embedding together), a cell (time, feature) of a series. *Points* are the numbers that gradients are taken by: the
inputs themselves; of a text, which has no gradient, the vectors of its tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.errors import ConfigError, did_you_mean
from searchitect.nn.tokens import ElasticEmbedding

__all__ = ["KINDS", "MAX_GROUPS", "Floats", "Subject", "Tokenizer", "embedding_of", "subject_of"]

Floats = NDArray[np.float64]
Tokenizer = Callable[[str], Sequence[int]]

KINDS = ("image", "tabular", "text", "audio", "series")

MAX_GROUPS = 49
"""Super-pixels of an image, or windows of a series, at most."""

WINDOWS = 16

BATCH = 512


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is explained; made by `subject_of`.

    Attributes:
        model: a copy on the processor, in eval mode, from floats (or token numbers) to scores.
        inputs: (n, *shape), what the model takes.
        targets: (n,) the column of the scores that is explained, for each input.
        kind: one of `KINDS`.
        reference: what a place shows that is taken away, of the shape of one example of the points.
        classifies: whether scores are logits of classes.
        embedding: the layer that makes points of tokens; None but for a text.
        answer_unit: (scale, shift) that bring scores into the unit of a regression's targets.
        column_units: the same for each column of a table, (2, features); None where there is nothing to bring back.
    """

    model: nn.Module
    inputs: Tensor
    targets: Tensor
    kind: str
    reference: Tensor
    classifies: bool
    embedding: nn.Module | None = None
    answer_unit: tuple[Tensor, Tensor] | None = None
    column_units: Floats | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def points(self) -> Tensor:
        """(n, *shape) floats by which gradients are taken."""
        if self.embedding is None:
            return self.inputs
        with torch.no_grad():
            found: Tensor = self.embedding(self.inputs)
        return found

    @property
    def channels(self) -> int | None:
        """The axis of the points that has no place of its own; None where every value is a place."""
        if self.embedding is not None:
            return 2
        return 1 if self.inputs.dim() == 4 else None

    @property
    def places(self) -> tuple[int, ...]:
        """Shape of a map of one example."""
        shape = list(self.points.shape)
        if self.channels is not None:
            del shape[self.channels]
        return tuple(shape[1:])

    def answer(self, points: Tensor) -> Tensor:
        """Scores (m, outputs) of m points; differentiable."""
        scores = self._scores_of(points)
        return scores if self.answer_unit is None else scores * self.answer_unit[0] + self.answer_unit[1]

    def _scores_of(self, points: Tensor) -> Tensor:
        if self.embedding is None:
            return _as_columns(self.model(points))
        hook = self.embedding.register_forward_hook(lambda layer, given, made: points)
        try:
            tokens = self.inputs.repeat(-(-len(points) // len(self.inputs)), 1)[: len(points)]
            return _as_columns(self.model(tokens))
        finally:
            hook.remove()

    def answers(self, points: Tensor) -> Tensor:
        """Scores (m, outputs) of many points; no gradient."""
        with torch.no_grad():
            return torch.cat([self.answer(some) for some in torch.split(points, BATCH)])

    def belief(self, points: Tensor, targets: Tensor) -> Floats:
        """(m,) probability of the targets, or their value where the model is no classifier; no gradient."""
        scores = self.answers(points)
        scores = scores.softmax(1) if self.classifies else scores
        return scores.gather(1, targets[:, None])[:, 0].double().numpy()

    def scores(self, points: Tensor, targets: Tensor) -> Floats:
        """(m,) raw scores of the targets: what maps share out among places; no gradient."""
        return self.answers(points).gather(1, targets[:, None])[:, 0].double().numpy()

    def spread(self, values: Tensor) -> Tensor:
        """(m, *places) as something that multiplies (m, *shape) points."""
        return values if self.channels is None else values.unsqueeze(self.channels)

    def reduced(self, values: Tensor, *, largest: bool = False) -> Floats:
        """(m, *shape) values of points as (m, *places): sums over channels, or the largest size among them."""
        if self.channels is None:
            kept = values.abs() if largest else values
        else:
            kept = values.abs().amax(self.channels) if largest else values.sum(self.channels)
        return kept.detach().double().numpy()

    def kept(self, points: Tensor, keep: Tensor) -> Tensor:
        """Points whose places outside `keep` (m, *places; truth values) show the reference."""
        return torch.where(self.spread(keep), points, self.reference)

    def groups(self) -> NDArray[np.int64]:
        """(*places) numbers of the parts taken away together: squares, columns, tokens or windows of time."""
        places = self.places
        if self.kind in ("tabular", "text") or (len(places) < 2 and places[0] <= WINDOWS):
            return np.arange(int(np.prod(places))).reshape(places)
        if self.inputs.dim() == 4:
            side = max(1, -(-max(places) // int(MAX_GROUPS**0.5)))
            rows, columns = (np.arange(size) // side for size in places)
            return np.asarray(rows[:, None] * (columns[-1] + 1) + columns[None, :])
        length = -(-places[0] // WINDOWS)
        windows = np.arange(places[0]) // length
        return np.broadcast_to(windows.reshape(-1, *(1,) * (len(places) - 1)), places).copy()


def subject_of(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    *,
    kind: str | None = None,
    reference: Any = None,
    classifies: bool | None = None,
    tokenizer: Tokenizer | None = None,
) -> Subject:
    """Bring a model and inputs into the form that this room explains. The model is copied, never changed.

    Args:
        model: takes floats (n, *shape), or token numbers (n, tokens). One with its preprocessing
            (`result.best.model`, `sa.load(…)`) is explained behind it, in standardised
            units; columns of tables and values that are told come in their own.
        inputs: what the model takes: an array or tensor; a tuple of arrays for a model with preprocessing; texts.
        targets: (n,) columns of the scores, or one for all; by default what the model answers.
        kind: one of `KINDS`; by default what the shape suggests.
        reference: what an absent place shows, of the shape of one example; zeros by default: the mean of
            standardised inputs.
        classifies: whether scores are logits; by default where there are several.
        tokenizer: from a text to numbers of tokens; needed for texts. Shorter texts are filled up with 0.

    Raises:
        ConfigError: the inputs do not fit the kind or the model, texts come without a tokenizer, a target is no column.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"no kind of input {kind!r}", hint=did_you_mean(kind, KINDS))
    own = copy.deepcopy(_module(model)).cpu().eval().requires_grad_(False)
    body, given = _behind_preprocessing(own, _numbers(inputs, tokenizer), kind)
    units = _units(own) if body is not own else (None, None)
    kind = kind or _kind_of(given)
    _check_shape(kind, given)
    embedding = embedding_of(body) if kind == "text" else None
    if kind == "text" and embedding is None:
        raise ConfigError(
            "a text is explained by the vectors of its tokens, and this model has no embedding layer",
            hint="build it with sa.nn.embedding, or explain its inputs with kind='series'",
        )
    scores = _first_scores(body, given)
    with torch.no_grad():
        shape = given.shape[1:] if embedding is None else embedding(given[:1]).shape[1:]
    wanted = _targets(targets, scores)
    shown = torch.zeros(shape) if reference is None else _reference(reference, tuple(shape))
    return Subject(body, given, wanted, kind, shown, _classifies(classifies, scores), embedding, *units)


def embedding_of(model: nn.Module) -> nn.Module | None:
    """The first layer that makes vectors of token numbers."""
    return next((layer for layer in model.modules() if isinstance(layer, nn.Embedding | ElasticEmbedding)), None)


def _module(model: Any) -> nn.Module:
    """The module, or that of a model that was loaded."""
    found = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if not isinstance(found, nn.Module):
        raise ConfigError(
            f"expected a torch.nn.Module to explain, got {type(model).__name__}",
            hint="result.best.model, or sa.load(FOLDER)",
        )
    return found


def _first_scores(model: nn.Module, inputs: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            return torch.cat([_as_columns(model(some)) for some in torch.split(inputs, BATCH)])
    except Exception as error:  # whatever a user's forward raises
        raise ConfigError(
            f"the model does not run on these inputs {tuple(inputs.shape)}: {type(error).__name__}: {error}"
        ) from error


def _numbers(inputs: Any, tokenizer: Tokenizer | None) -> tuple[Tensor, ...]:
    if isinstance(inputs, str):
        inputs = [inputs]
    if isinstance(inputs, list | tuple) and inputs and all(isinstance(text, str) for text in inputs):
        return (_tokens(inputs, tokenizer),)
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    try:
        found = tuple(part if isinstance(part, Tensor) else torch.from_numpy(np.array(part)) for part in parts)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"expected arrays of numbers to explain, got {type(inputs).__name__}: {error}") from error
    if not found or any(part.dim() < 1 or not len(part) for part in found):
        raise ConfigError("expected at least one input to explain", hint="one example is array[None]")
    return tuple(part.detach().cpu() for part in found)


def _tokens(texts: Sequence[str], tokenizer: Tokenizer | None) -> Tensor:
    if tokenizer is None:
        raise ConfigError(
            "a text cannot be explained without a tokenizer: the model takes numbers of tokens",
            hint="tokenizer=FUNCTION from a text to numbers, or give the numbers themselves, int64 (n, tokens)",
        )
    rows = [list(tokenizer(text)) for text in texts]
    if not all(rows):
        raise ConfigError("the tokenizer makes no token of some text", hint="leave empty texts out")
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.int64)


def _behind_preprocessing(model: nn.Module, given: tuple[Tensor, ...], kind: str | None) -> tuple[nn.Module, Tensor]:
    preprocess, body = getattr(model, "preprocess", None), getattr(model, "body", None)
    if isinstance(preprocess, nn.Module) and isinstance(body, nn.Module):
        with torch.no_grad():
            given = (preprocess(*given),)
        model = body
    if len(given) != 1:
        raise ConfigError(f"this model takes one array, got {len(given)}", hint="pass an array, not a tuple")
    [inputs] = given
    tokens = not inputs.is_floating_point() and (kind == "text" or (kind is None and embedding_of(model) is not None))
    return model, inputs.long() if tokens else inputs.float()


def _units(model: nn.Module) -> tuple[tuple[Tensor, Tensor] | None, Floats | None]:
    """How scores and columns are brought back into their own units, of a model with preprocessing."""
    scale, shift = getattr(model, "output_std", None), getattr(model, "output_mean", None)
    answers = (scale, shift) if isinstance(scale, Tensor) and isinstance(shift, Tensor) else None
    mean, std = (getattr(model.preprocess, name, None) for name in ("mean", "std"))
    if not isinstance(mean, Tensor) or not isinstance(std, Tensor) or mean.dim() != 1:
        return answers, None  # an image's channels: one mean each, (1, channels, 1, 1)
    return answers, np.stack([std.double().numpy(), mean.double().numpy()])


def _kind_of(inputs: Tensor) -> str:
    if not inputs.is_floating_point():
        return "text"
    return {2: "tabular", 3: "series", 4: "image"}.get(inputs.dim(), "series")


def _check_shape(kind: str, inputs: Tensor) -> None:
    wanted = {"image": (4,), "tabular": (2,), "text": (2,), "audio": (2, 3, 4), "series": (2, 3)}[kind]
    if inputs.dim() not in wanted or inputs.is_floating_point() == (kind == "text"):
        shapes = {
            "image": "floats (n, channels, height, width)",
            "tabular": "floats (n, features)",
            "text": "whole numbers (n, tokens)",
            "audio": "floats (n, time), (n, time, features) or (n, channels, height, width)",
            "series": "floats (n, time) or (n, time, features)",
        }
        raise ConfigError(f"kind={kind!r} explains {shapes[kind]}, got {inputs.dtype} {tuple(inputs.shape)}")


def _as_columns(scores: Tensor) -> Tensor:
    return scores.reshape(len(scores), -1)


def _targets(targets: Any, scores: Tensor) -> Tensor:
    if targets is None:
        return scores.argmax(1)
    found = torch.as_tensor(targets, dtype=torch.int64).reshape(-1)
    found = found.expand(len(scores)).clone() if len(found) == 1 else found
    if len(found) != len(scores) or int(found.min()) < 0 or int(found.max()) >= scores.shape[1]:
        raise ConfigError(
            f"expected one target in 0..{scores.shape[1] - 1} for each of {len(scores)} inputs, got {len(found)} "
            f"from {int(found.min())} to {int(found.max())}"
        )
    return found


def _reference(reference: Any, shape: tuple[int, ...]) -> Tensor:
    found = torch.as_tensor(np.asarray(reference), dtype=torch.float32)
    try:
        return found.expand(shape).clone()
    except RuntimeError:
        raise ConfigError(f"expected a reference of the shape {shape}, got {tuple(found.shape)}") from None


def _classifies(told: bool | None, scores: Tensor) -> bool:
    return scores.shape[1] > 1 if told is None else told
