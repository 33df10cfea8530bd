"""Preprocessing: what was learned from the training split about the inputs, as plain data that travels with a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from searchitect.errors import TaskError
from searchitect.tasks.modules import image_module, preprocessed, table_module
from searchitect.tasks.task import Preprocessing

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ImagePreprocessing", "TablePreprocessing", "from_json", "with_preprocessing"]

MAX_ITEMS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePreprocessing:
    """Raw pixels (n, *shape) to float32 of the same shape: ((x / scale) - mean) / std per channel.

    Attributes:
        shape: (channels, height, width).
        dtype: of the raw pixels: "uint8" or "float32".
        scale: what the raw value 1.0 stands for: 255 for 8-bit pixels, 16 for `digits`, 1 for floats.
        mean, std: per channel, of the training pixels divided by `scale`; a constant channel has std 1.
        output_mean, output_std: of the regression targets; empty for a classification.
    """

    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    dtype: Literal["uint8", "float32"] = "uint8"
    scale: float = 255.0
    output_mean: tuple[float, ...] = ()
    output_std: tuple[float, ...] = ()

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the raw inputs, in their order."""
        return ("pixels",)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one example after preprocessing."""
        return self.shape

    def module(self) -> nn.Module:
        """The module `forward(pixels) -> float32 (n, *shape)`."""
        return image_module(self.scale, self.mean, self.std)

    def to_json(self) -> dict[str, Any]:
        return {"domain": "image", **asdict(self)} | {
            name: list(getattr(self, name)) for name in ("shape", "mean", "std", "output_mean", "output_std")
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePreprocessing:
    """Raw columns to float32 (n, features).

    The features are, in this order: every numeric column standardised, with 0 for a missing value; one 0/1 column for
    each name in `marked`, 1 where the value is missing; one 0/1 column per category, all 0 where the code is -1.

    Attributes:
        numeric: names of the numeric columns, in the order of the raw float32 array.
        mean, std: of their training values that are not missing; a constant column has std 1.
        marked: those of `numeric` that had missing values in training.
        categories: for each column of codes its name and its categories, in the order of their codes.
        output_mean, output_std: of the regression targets; empty for a classification.
    """

    numeric: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    marked: tuple[str, ...] = ()
    categories: tuple[tuple[str, tuple[str, ...]], ...] = ()
    output_mean: tuple[float, ...] = ()
    output_std: tuple[float, ...] = ()

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the raw inputs, in their order."""
        present = (("numeric", self.numeric), ("codes", self.categories))
        return tuple(name for name, columns in present if columns)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one example after preprocessing."""
        return (len(self.numeric) + len(self.marked) + sum(len(options) for _, options in self.categories),)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features that `build` sees: `age`, `age is missing`, `colour=red`."""
        marks = tuple(f"{name} is missing" for name in self.marked)
        return (
            self.numeric + marks + tuple(f"{name}={option}" for name, options in self.categories for option in options)
        )

    def module(self) -> nn.Module:
        """The module `forward(numeric, codes) -> float32 (n, features)`; one argument where only one kind exists."""
        places = [self.numeric.index(name) for name in self.marked]
        return table_module(self.mean, self.std, places, [len(options) for _, options in self.categories])

    def to_json(self) -> dict[str, Any]:
        lists = ("numeric", "mean", "std", "marked", "output_mean", "output_std")
        categories = [[name, list(options)] for name, options in self.categories]
        return {"domain": "tabular", "categories": categories} | {name: list(getattr(self, name)) for name in lists}


def with_preprocessing(preprocessing: Preprocessing, body: nn.Module) -> nn.Module:
    """Return one module from raw inputs to scores: the thing that is trained, scored, saved and exported.

    Its attributes are `preprocess` and `body`; for regression also the buffers `output_mean` and `output_std`, by which
    the outputs of `body` are brought into the unit of the targets.
    """
    mean = getattr(preprocessing, "output_mean", ())
    std = getattr(preprocessing, "output_std", ())
    return preprocessed(preprocessing.module(), body, mean, std)


def from_json(document: Mapping[str, Any]) -> Preprocessing:
    """Read what `to_json` wrote.

    Raises:
        TaskError: the document is not of that form: a name missing, a number not finite, lengths that differ.
    """
    try:
        domain = document["domain"]
        if domain == "image":
            return _image_from_json(document)
        if domain == "tabular":
            return _table_from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TaskError(f"cannot read the preprocessing of a saved task: {error}") from error
    raise TaskError(f"a saved preprocessing is of the domain 'image' or 'tabular', got {domain!r}")


def _image_from_json(document: Mapping[str, Any]) -> ImagePreprocessing:
    shape = tuple(int(size) for size in _items(document, "shape"))
    if len(shape) != 3 or min(shape) < 1 or math.prod(shape) > 1 << 30:
        raise ValueError(f"'shape' must be (channels, height, width), got {shape}")
    if document["dtype"] not in ("uint8", "float32"):
        raise ValueError(f"'dtype' must be uint8 or float32, got {document['dtype']!r}")
    mean, std = _moments(document, "mean", "std", shape[0])
    output_mean, output_std = _moments(document, "output_mean", "output_std")
    return ImagePreprocessing(
        shape=(shape[0], shape[1], shape[2]),
        dtype=document["dtype"],
        scale=_positive(document["scale"]),
        mean=mean,
        std=std,
        output_mean=output_mean,
        output_std=output_std,
    )


def _table_from_json(document: Mapping[str, Any]) -> TablePreprocessing:
    numeric = _names(document, "numeric")
    marked = _names(document, "marked")
    if not set(marked) <= set(numeric):
        raise ValueError("'marked' names a column that is not in 'numeric'")
    categories = tuple((_text(name), tuple(map(_text, options))) for name, options in _items(document, "categories"))
    if not numeric and not categories:
        raise ValueError("it has no columns")
    if sum(len(options) for _, options in categories) > MAX_ITEMS:
        raise ValueError(f"it has more than {MAX_ITEMS} categories")
    mean, std = _moments(document, "mean", "std", len(numeric))
    output_mean, output_std = _moments(document, "output_mean", "output_std")
    return TablePreprocessing(
        numeric=numeric,
        mean=mean,
        std=std,
        marked=marked,
        categories=categories,
        output_mean=output_mean,
        output_std=output_std,
    )


def _items(document: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = document[name]
    if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
        raise ValueError(f"{name!r} must be a list of at most {MAX_ITEMS} items")
    return value


def _names(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    names = tuple(map(_text, _items(document, name)))
    if len(set(names)) != len(names):
        raise ValueError(f"{name!r} holds a name twice")
    return names


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {value!r}")
    return value


def _positive(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"expected a positive number, got {value!r}")
    return number


def _moments(
    document: Mapping[str, Any], mean: str, std: str, length: int | None = None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    means = tuple(float(value) for value in _items(document, mean))
    stds = tuple(_positive(value) for value in _items(document, std))
    if len(means) != len(stds) or not all(map(math.isfinite, means)):
        raise ValueError(f"{mean!r} and {std!r} must be finite numbers, as many of each")
    if length is not None and len(means) != length:
        raise ValueError(f"{mean!r} needs {length} numbers, got {len(means)}")
    return means, stds
