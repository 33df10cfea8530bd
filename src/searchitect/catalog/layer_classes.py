"""From checked declarations to space classes: one small space per layer, and one around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.catalog.layer_values import Options, declare
from searchitect.catalog.open_layers import has_open_places, place_of
from searchitect.catalog.vocabulary import LayerKind
from searchitect.errors import SpaceError
from searchitect.spaces import TaskSpec, choice, make_space, nested, optional, repeat, subset
from searchitect.spaces.open_choice import OpenChoice

__all__ = ["REACH", "LayerDeclaration", "make_class"]

REACH = 3
"""How many layers back sparse connections may read."""


@dataclass(frozen=True)
class LayerDeclaration:
    """One entry of the list.

    Attributes:
        options: field to its options, given or by default.
        times: fewest and most repetitions, (1, 1) where it stands once.
        optional: whether its presence is a decision.
        given: the entry in our own words, as JSON.
    """

    kind: LayerKind
    options: Mapping[str, Options]
    times: tuple[int, int]
    optional: bool
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """Where a space keeps its layers: declarations by field, and in order the field or the fixed layer to read."""

    fields: dict[str, Any]
    places: tuple[str | type, ...]
    most: int


def make_class(
    name: str,
    declared: Sequence[LayerDeclaration],
    length: tuple[int, int] | None,
    wirings: Sequence[str],
    training: Mapping[str, Options],
) -> type[Any]:
    """Return the space class of a declaration.

    Raises:
        SpaceError: in a list without a length, a layer that reads maps stands after one that leaves a vector.
    """
    plan = _in_order(declared) if length is None else _drawn(declared, length)
    fields = plan.fields | _wiring_field(wirings, plan.most)
    fields |= {key: declare(options, "training") for key, options in training.items()}
    methods: dict[str, Any] = {"build": _build_method(plan.places, wirings[0])}
    if length is not None or "sparse" in wirings:
        methods["canonical"] = _canonical_method(plan.places)
    return make_space(name, fields, methods, doc="Layers declared by a list.")


def _in_order(declared: Sequence[LayerDeclaration]) -> Plan:
    fields: dict[str, Any] = {}
    places: list[str | type] = []
    vector = ""
    for number, one in enumerate(declared, 1):
        if one.kind.reads == "map" and vector:
            raise SpaceError(
                f"layer {number} ({one.kind.name}) reads a map, but {vector} before it leaves a vector",
                hint="put it before, or leave it out",
            )
        if one.kind.reads == "vector":
            vector = f"layer {number} ({one.kind.name})"
        cls = _layer_class(one, f"{one.kind.title}{number}")
        if one.times == (1, 1) and not one.optional and not _open(one):
            places.append(cls)
            continue
        field = f"{one.kind.name}_{number}"
        many: Any = nested(cls) if one.times == (1, 1) else repeat(cls, *one.times)
        fields[field] = optional(cls if one.times == (1, 1) else many) if one.optional else many
        places.append(field)
    return Plan(fields, tuple(places), sum(one.times[1] for one in declared))


def _drawn(declared: Sequence[LayerDeclaration], length: tuple[int, int]) -> Plan:
    seen: dict[str, int] = {}
    classes = []
    for number, one in enumerate(declared, 1):
        if one.times != (1, 1) or one.optional:
            raise SpaceError(f"layer {number}: 'repeat' and 'optional' belong to a list without a length")
        title = one.kind.title
        seen[title] = seen.get(title, 0) + 1
        classes.append(_layer_class(one, title if seen[title] == 1 else f"{title}{seen[title]}"))
    item: Any = choice(*classes) if len(classes) > 1 else classes[0]
    return Plan({"layers": repeat(item, *length)}, ("layers",), length[1])


def _open(one: LayerDeclaration) -> dict[str, Options]:
    return {name: o for name, o in one.options.items() if isinstance(o, Mapping) or len(o) > 1}


def _layer_class(one: LayerDeclaration, title: str) -> type[Any]:
    opened = _open(one)
    fixed = {name: o[0] for name, o in one.options.items() if name not in opened and not isinstance(o, Mapping)}
    names = tuple(opened)

    def layer(self: Any) -> tuple[LayerKind, dict[str, Any]]:
        return one.kind, fixed | {name: getattr(self, name) for name in names}

    methods = {"layer": layer, "reads": one.kind.reads, "wired": one.kind.wired}
    return make_space(title, {name: declare(o) for name, o in opened.items()}, methods, doc=one.kind.summary)


def _wiring_field(wirings: Sequence[str], most: int) -> dict[str, Any]:
    if tuple(wirings) != ("sparse",) and len(wirings) == 1:
        return {}
    reads = repeat(subset(range(1, REACH + 1), 1, 2), most, most)
    titles = {"full": "Full", "residual": "Residual", "dense": "Dense", "sparse": "Sparse"}
    classes = [
        make_space(titles[w], {"reads": reads} if w == "sparse" else {}, {"wiring": w}, doc=f"{w} connections")
        for w in wirings
    ]
    return {"connections": choice(*classes) if len(classes) > 1 else nested(classes[0])}


def _build_method(places: tuple[str | type, ...], wiring: str) -> Callable[[Any, TaskSpec], Any]:
    def build(self: Any, task: TaskSpec) -> Any:
        from searchitect.catalog.layer_modules import build_layers, build_open_layers

        connections: Any = getattr(self, "connections", None)
        if issubclass(type(connections), OpenChoice) or has_open_places(_elements(self, places)):
            open_kind = issubclass(type(connections), OpenChoice)
            each = connections.alternatives if open_kind else {"": connections}
            kinds = {label: (getattr(one, "wiring", wiring), getattr(one, "reads", ())) for label, one in each.items()}
            found = [place_of(one) for one in _elements(self, places)]
            return build_open_layers(found, kinds, connections.option if open_kind else None, task)
        groups = [[layer.layer() for layer in group] for group in _chosen(self, places)]
        kind = wiring if connections is None else connections.wiring
        return build_layers(groups, kind, getattr(connections, "reads", ()), task)

    return build


def _canonical_method(places: tuple[str | type, ...]) -> Callable[[Any], Any]:
    def canonical(self: Any) -> Any:
        """The same model, written as it is built: maps before vectors, and no reading beyond the input."""
        groups, changes = _chosen(self, places), dict[str, Any]()
        if "layers" in places:
            changes["layers"] = tuple(layer for group in groups for layer in group)
        connections: Any = getattr(self, "connections", None)
        if hasattr(connections, "reads"):
            used = [tuple(sorted({min(back, i) for back in read})) for i, read in enumerate(connections.reads, 1)]
            reads = (*used[: len(groups)], *[(1,)] * (len(used) - len(groups)))
            changes["connections"] = dataclasses.replace(connections, reads=reads)
        return dataclasses.replace(self, **changes)

    return canonical


def _chosen(instance: Any, places: tuple[str | type, ...]) -> list[list[Any]]:
    """The chosen layers in the order in which they are built, each wired one with those that belong to it."""
    groups: list[list[Any]] = []
    for layer in _elements(instance, places):
        if layer.wired or not groups:
            groups.append([])
        groups[-1].append(layer)
    maps = [group for group in groups if group[0].reads != "vector"]
    vectors = [group for group in groups if group[0].reads == "vector"]
    return [*maps, *vectors]


def _elements(instance: Any, places: tuple[str | type, ...]) -> list[Any]:
    """The layers in the order in which they were declared."""
    found: list[Any] = []
    for place in places:
        value = getattr(instance, place) if isinstance(place, str) else place()
        found += value if type(value) is tuple else [] if value is None else [value]
    return found
