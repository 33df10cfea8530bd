"""The families by name, and the way back from a space class to the words that made it."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from searchitect.errors import SpaceError, did_you_mean
from searchitect.spaces import TaskSpec

__all__ = ["FAMILIES", "Parameter", "default_for", "family", "get", "record", "reference"]

FAMILIES: dict[str, str] = {
    "mlp": "searchitect.catalog.families.mlp:mlp",
    "plain_cnn": "searchitect.catalog.families.plain_cnn:plain_cnn",
    "resnet": "searchitect.catalog.families.resnet:resnet",
    "mbconv": "searchitect.catalog.families.mbconv:mbconv",
    "mobilenet_v3": "searchitect.catalog.families.mobilenet_v3:mobilenet_v3",
    "nasbench201": "searchitect.catalog.families.nasbench201:nasbench201",
    "nasbench101": "searchitect.catalog.families.nasbench101:nasbench101",
    "nasbench1shot1": "searchitect.catalog.families.nasbench1shot1:nasbench1shot1",
    "darts": "searchitect.catalog.families.darts:darts",
    "darts_edges": "searchitect.catalog.families.darts_edges:darts_edges",
    "nasnet": "searchitect.catalog.families.nasnet:nasnet",
    "transnas_micro": "searchitect.catalog.families.transnas_micro:transnas_micro",
    "transnas_macro": "searchitect.catalog.families.transnas_macro:transnas_macro",
    "rnn": "searchitect.catalog.families.rnn:rnn",
    "enas_rnn": "searchitect.catalog.families.enas_rnn:enas_rnn",
    "transformer_encoder": "searchitect.catalog.families.transformer_encoder:transformer_encoder",
    "autoformer": "searchitect.catalog.families.autoformer:autoformer",
}
"""Every family: short name to the function that makes its space. Add a line to add a family."""

MAX_ITEMS = 1_000
"""A parameter read from a file may hold no longer list than this."""

REFERENCE = "__made_of__"  # part of the description of a space, so that its digest knows the constants

Parameter = str | int | float | bool | None | tuple["Parameter", ...]


def family(name: str) -> Callable[..., type[Any]]:
    """Return the function of a family; called with keyword parameters it gives the space, the same for the same words.

    Raises:
        SpaceError: no family has this name; the message names the nearest.
    """
    if name not in FAMILIES:
        raise SpaceError(f"no family {name!r} in the catalogue", hint=did_you_mean(str(name), FAMILIES))
    module, _, attribute = FAMILIES[name].partition(":")
    function = getattr(importlib.import_module(module), attribute)

    @functools.wraps(function)
    def make(**parameters: Any) -> type[Any]:
        known = inspect.signature(function).parameters
        for parameter in parameters:
            if parameter not in known:
                raise SpaceError(f"{name} has no parameter {parameter!r}", hint=did_you_mean(parameter, known))
        given = {key: _plain(f"{name}: {key}", value) for key, value in parameters.items()}
        changed = {key: given[key] for key in known if key in given and given[key] != known[key].default}
        return _made(name, FAMILIES[name], tuple(changed.items()))

    return make


def get(name: str, **parameters: Any) -> type[Any]:
    """Return the space of a family: `catalog.get("plain_cnn", widths=(16, 32))`. Equal words give the same class.

    Raises:
        SpaceError: the family or a parameter is unknown, or the parameters make no space.
    """
    return family(name)(**parameters)


LARGER_IMAGES: dict[str, Any] = {
    "stages": (3, 3),
    "depths": (1, 2),
    "widths": (32, 24, 48),
    "growth": 2.0,
    "smallest": 3,
    "stems": (16, 24),
    "reductions": ("average", "max"),
}
"""What of plain_cnn suits images of 24 places and more: thin layers on large maps, wide ones on small maps. On CIFAR-10
in grey, 28 × 28, such a network reached 0.753 in the time in which the family's own default reached 0.730."""


def default_for(spec: TaskSpec) -> type[Any]:
    """Return the space that a search starts with when none is named: convolutions for images."""
    is_image = spec.domain == "image" and len(spec.inputs) == 3 and min(spec.inputs[1:]) >= 4
    if not is_image:
        return get("mlp")
    return get("plain_cnn", **(LARGER_IMAGES if min(spec.inputs[1:]) >= 24 else {}))


def reference(cls: type) -> dict[str, Any] | None:
    """Return the JSON words that `resolve` makes this space of again; None for a user's own class."""
    found: dict[str, Any] | None = vars(cls).get(REFERENCE)
    return found


def record(cls: type[Any], words: Mapping[str, Any]) -> type[Any]:
    """Write on a space the words that make it again."""
    setattr(cls, REFERENCE, dict(words))
    return cls


@functools.lru_cache(maxsize=256)
def _made(name: str, path: str, parameters: tuple[tuple[str, Parameter], ...]) -> type[Any]:
    module, _, attribute = path.partition(":")
    function = getattr(importlib.import_module(module), attribute)
    try:
        cls = function(**dict(parameters))
    except (TypeError, ValueError) as error:
        raise SpaceError(f"{name} cannot be made of {dict(parameters)}: {error}") from error
    listed = {key: _listed(value) for key, value in parameters}
    return record(cls, {"family": name, "parameters": listed})


def _plain(where: str, value: object) -> Parameter:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple | range) and len(value) <= MAX_ITEMS:
        return tuple(_plain(where, item) for item in value)
    raise SpaceError(f"{where}: expected a plain value or a list of up to {MAX_ITEMS}, got {str(value)[:60]!r}")


def _listed(value: Parameter) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
