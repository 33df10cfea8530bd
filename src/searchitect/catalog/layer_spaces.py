"""`layers`: a search space made of names and dictionaries.

Two forms. A list of layers is that list, in this order, and lists inside it are choices. A list with a
`length` is a choice: that many layers, each one of those listed. A classifier is always added at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.catalog import registry
from searchitect.catalog.layer_classes import LayerDeclaration, make_class
from searchitect.catalog.layer_values import Options, read_options, training_field
from searchitect.catalog.vocabulary import LAYERS, REDUNDANT, LayerKind, find
from searchitect.errors import SpaceError, did_you_mean

__all__ = ["MAX_LAYERS", "layers", "resolve"]

MAX_LAYERS = 100
"""A declaration may have no more layers than this, after repetition."""

CONNECTIONS = ("full", "residual", "dense", "sparse")
KEYS = ("layers", "length", "connections", "training", "name")
DEFAULT_TRAINING = {"learning_rate": {"low": 5e-4, "high": 2e-2, "log": True}}


def layers(
    *layers: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]],
    length: int | Sequence[int] | None = None,
    connections: str | Sequence[str] = "full",
    training: Mapping[str, Any] | None = None,
    name: str = "Layers",
) -> type[Any]:
    """Return a search space made of layers; `docs/layers.md` lists their names and fields.

    Args:
        layers: names ("conv") or dictionaries ({"type": "Conv2D", "filters": [32, 64]}), or one list of them,
        or one
            document {"layers": […], "length": […], "connections": …, "training": {…}, "name": …}.
        length: fewest and most layers; each is then one of those listed. Without it the layers stand in this
        order. connections: "full", "residual", "dense" or "sparse"; several are a choice.
        training: fields of the recipe with their options; the learning rate is searched where nothing is
        said. name: name of the space class.

    Raises:
        SpaceError: a type, a field or a value is unknown or out of bounds; the message names the nearest.
    """
    if len(layers) == 1 and isinstance(layers[0], Mapping) and "layers" in layers[0]:
        if length is not None or training is not None or connections != "full" or name != "Layers":
            raise SpaceError("a document with 'layers' says everything itself", hint="put length, training … into it")
        return _from_document(layers[0])
    entries = layers[0] if len(layers) == 1 and isinstance(layers[0], list | tuple) else layers
    document = {
        "layers": list(entries),
        "length": length,
        "connections": connections,
        "training": training,
        "name": name,
    }
    return _from_document({key: value for key, value in document.items() if value is not None})


def resolve(reference: Mapping[str, Any]) -> type[Any]:
    """Make a space again of the words that `reference` gave.

    Raises:
        SpaceError: the words are of another form, or name what does not exist.
    """
    if isinstance(reference.get("family"), str):
        parameters = reference.get("parameters", {})
        if not isinstance(parameters, Mapping):
            raise SpaceError(f"the parameters of a family are a dictionary, got {str(parameters)[:60]!r}")
        return registry.get(reference["family"], **parameters)
    if isinstance(reference.get("layers"), Mapping):
        return _from_document(reference["layers"])
    raise SpaceError(f"expected {{'family': …}} or {{'layers': {{…}}}}, got {str(dict(reference))[:80]!r}")


def _from_document(document: Mapping[str, Any]) -> type[Any]:
    for key in document:
        if key not in KEYS:
            raise SpaceError(f"a declaration of layers has no {str(key)!r}", hint=did_you_mean(str(key), KEYS))
    entries = document.get("layers")
    if not isinstance(entries, list | tuple) or not 1 <= len(entries) <= MAX_LAYERS:
        raise SpaceError(f"expected a list of 1 to {MAX_LAYERS} layers, got {str(entries)[:60]!r}")
    bounds = None if document.get("length") is None else _bounds("length", document["length"])
    declared = _declarations(entries)
    wirings = _connections(document.get("connections", "full"))
    training = _training(document.get("training", DEFAULT_TRAINING))
    name = document.get("name", "Layers")
    if not isinstance(name, str) or not name.isidentifier():
        raise SpaceError(f"the name of a space is an identifier, got {str(name)[:60]!r}")

    if bounds is None and sum(one.times[1] for one in declared) > MAX_LAYERS:
        raise SpaceError(f"at most {MAX_LAYERS} layers, repetitions included")
    cls = make_class(name, declared, bounds, wirings, training)
    words = {"layers": [dict(one.given) for one in declared], "connections": list(wirings), "training": training}
    return registry.record(cls, {"layers": words | ({"length": list(bounds)} if bounds else {}) | {"name": name}})


def _declarations(entries: Sequence[Any]) -> list[LayerDeclaration]:
    named = [_named(f"layer {place}", entry) for place, entry in enumerate(entries, 1)]
    kinds = {kind.name for kind, _ in named}
    # A list that says where its activations and normalisations stand gets none added.
    own = {"activation": ("identity",)} if "activation" in kinds else {}
    own |= {"normalisation": ("none",)} if "norm" in kinds else {}
    return [_declaration(f"layer {n} ({kind.name})", kind, given, own) for n, (kind, given) in enumerate(named, 1)]


def _named(where: str, entry: object) -> tuple[LayerKind, dict[str, Any]]:
    if isinstance(entry, str):
        kind, fixed = find(entry)
        return kind, dict(fixed)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        raise SpaceError(
            f"{where}: expected a name or a dictionary with a 'type', got {str(entry)[:60]!r}",
            hint="{'type': 'conv', 'filters': [32, 64]}; types: " + ", ".join(LAYERS),
        )
    kind, fixed = find(entry["type"])
    return kind, fixed | {str(key): value for key, value in entry.items() if key != "type"}


def _declaration(
    where: str, kind: LayerKind, given: Mapping[str, Any], own: Mapping[str, tuple[str, ...]]
) -> LayerDeclaration:
    canonical: dict[str, Any] = {"type": kind.name}
    times, is_optional = (1, 1), False
    by_name = {name: f for f in reversed(kind.fields) for name in (*f.aliases, f.name)}
    for key, value in given.items():
        if key == "repeat":
            times = _bounds(f"{where}.repeat", value)
            canonical[key] = list(times)
        elif key == "optional":
            is_optional = value is True
            canonical[key] = value
        elif key in REDUNDANT and not (key == "padding" and value == "same"):
            raise SpaceError(f"{where}: no field {key!r}", hint=REDUNDANT[key])
        elif key not in REDUNDANT:
            if key not in by_name:
                names = [*(f.name for f in kind.fields), "repeat", "optional"]
                raise SpaceError(f"{where}: no field {key!r}", hint=did_you_mean(key, [*by_name, *names]))
            name = by_name[key].name
            if name in canonical:
                raise SpaceError(f"{where}: {name!r} is given twice, the second time as {key!r}")
            options = read_options(f"{where}.{key}", by_name[key], value)
            canonical[name] = dict(options) if isinstance(options, Mapping) else list(options)
    options_of = {f.name: _given(canonical, f.name, own.get(f.name, f.default)) for f in kind.fields}
    words = {name: dict(o) if isinstance(o, Mapping) else list(o) for name, o in options_of.items()}
    return LayerDeclaration(kind, options_of, times, is_optional, canonical | words)


def _given(canonical: Mapping[str, Any], name: str, default: Options) -> Options:
    found = canonical.get(name, default)
    return found if isinstance(found, Mapping) else tuple(found)


def _bounds(where: str, value: object) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) for n in pair):
        raise SpaceError(f"{where}: expected a number or two numbers (fewest, most), got {str(value)[:60]!r}")
    fewest, most = int(pair[0]), int(pair[1])
    if not 0 <= fewest <= most <= MAX_LAYERS or most < 1:
        raise SpaceError(f"{where}: expected 0 ≤ fewest ≤ most ≤ {MAX_LAYERS}, got {fewest} and {most}")
    return fewest, most


def _connections(value: object) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(value)) if isinstance(value, list | tuple) else (value,)
    for kind in kinds:
        if kind not in CONNECTIONS:
            raise SpaceError(f"no connections {str(kind)[:60]!r}", hint=did_you_mean(str(kind), CONNECTIONS))
    if not kinds:
        raise SpaceError("connections: expected a name or a list of names", hint="one of: " + ", ".join(CONNECTIONS))
    return kinds


def _training(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise SpaceError(f"training: expected fields of the recipe with their options, got {str(given)[:60]!r}")
    read = {str(k): read_options(f"training.{k}", training_field(str(k)), v) for k, v in given.items()}
    return {key: dict(v) if isinstance(v, Mapping) else list(v) for key, v in read.items()}
