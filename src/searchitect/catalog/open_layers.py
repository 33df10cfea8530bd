"""Declared layers while their choice is open: which of them begins a group, and what belongs to it.

A concrete build puts the chosen layers into groups, each a wired layer with what follows it, and the groups that read
maps before those that leave vectors. Open, every place may begin a group of either sort, and every later place may
belong to it: whether it does is a condition on the choices at the places so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchitect.spaces.architecture import Value
from searchitect.spaces.open_choice import OpenChoice
from searchitect.spaces.open_values import OpenFlag, OpenOption, condition
from searchitect.spaces.opening import presence

if TYPE_CHECKING:
    from torch import nn

    from searchitect.nn import Builder

__all__ = ["Place", "has_open_places", "open_builders", "place_of"]

Holds = bool | OpenFlag
BuildGroup = Callable[[Sequence[Any]], "Builder"]
"""Makes the builder of a group of (kind, values)."""


@dataclass(frozen=True)
class Place:
    """Where one layer may stand.

    Attributes:
        here: whether it is reached.
        option: which of several layers stands here; None where there is one only.
        layers: label to layer.
    """

    here: Holds
    option: OpenOption | None
    layers: Mapping[Value, Any]

    def holds(self, test: Callable[[Any], bool]) -> Holds:
        """Whether a layer stands here for which the test is true."""
        labels = [label for label, layer in self.layers.items() if test(layer)]
        if not labels or len(labels) == len(self.layers) or self.option is None:
            return self.here if labels else False
        chosen: Holds = condition(lambda here, label: here and label in labels, self.here, self.option)
        return chosen

    def only(self, test: Callable[[Any], bool]) -> Mapping[Value, Any]:
        """The layers for which the test is true."""
        return {label: layer for label, layer in self.layers.items() if test(layer)}


def place_of(element: Any) -> Place:
    """The place of an element of an open instance."""
    flag = presence(element)
    here: Holds = True if flag is None else flag
    if issubclass(type(element), OpenChoice):
        return Place(here, element.option, element.alternatives)
    return Place(here, None, {"": element})


def has_open_places(elements: Sequence[Any]) -> bool:
    """Whether a layer is left open, or whether it is there."""
    return any(presence(e) is not None or issubclass(type(e), OpenChoice) for e in elements)


def open_builders(places: Sequence[Place], build: BuildGroup) -> list[Builder]:
    """Builders of all groups that there may be, those on maps first, in the order of a concrete build."""
    return [_builder(places, group, build) for group in _groups(places)]


@dataclass(frozen=True)
class Group:
    """A group that begins at a place with one of some layers.

    Attributes:
        holds: whether there is such a group.
        belonging: later places and whether their layer belongs to it.
    """

    holds: Holds
    start: int
    layers: Mapping[Value, Any]
    belonging: Sequence[tuple[int, Holds]]


def _groups(places: Sequence[Place]) -> Iterator[Group]:
    yield from _leading(places)
    for vectors in (False, True):
        for start, place in enumerate(places):

            def begins(layer: Any, vectors: bool = vectors) -> bool:
                return bool(layer.wired and (layer.reads == "vector") == vectors)

            holds = place.holds(begins)
            if holds is not False:
                yield Group(holds, start, place.only(begins), list(_belonging(places, start)))


def _leading(places: Sequence[Place]) -> Iterator[Group]:
    """Groups without a wired layer, at the beginning."""
    before: list[Holds] = []
    for start, place in enumerate(places):
        holds = _all(place.holds(_loose), *(_not(one) for one in before))
        if holds is not False:
            yield Group(holds, start, place.only(_loose), list(_belonging(places, start)))
        before.append(place.here)


def _belonging(places: Sequence[Place], start: int) -> Iterator[tuple[int, Holds]]:
    between: list[Holds] = []
    for later in range(start + 1, len(places)):
        holds = _all(places[later].holds(_loose), *(_not(one) for one in between))
        if holds is not False:
            yield later, holds
        wired = places[later].holds(_wired)
        if wired is True:
            return
        between.append(wired)


def _builder(places: Sequence[Place], group: Group, build: BuildGroup) -> Builder:
    def make(shape: Any) -> nn.Module:
        from torch import nn

        from searchitect.nn import when
        from searchitect.nn.open_shapes import shape_after

        parts = [_layer(places[group.start].option, group.layers, shape, build)]
        shape = shape_after(parts[0], shape)
        for later, holds in group.belonging:
            part = when(holds, _made(places[later], shape, build))
            shape = shape_after(part, shape)
            parts.append(part)
        body = parts[0] if len(parts) == 1 else nn.Sequential(*parts)
        return when(group.holds, lambda: body)

    return make


def _made(place: Place, shape: Any, build: BuildGroup) -> Callable[[], nn.Module]:
    return lambda: _layer(place.option, place.only(_loose), shape, build)


def _layer(option: OpenOption | None, layers: Mapping[Value, Any], shape: Any, build: BuildGroup) -> nn.Module:
    from searchitect.nn.mixed import Mixed

    made = {label: build([layer.layer()])(shape) for label, layer in layers.items()}
    if option is None or len(made) == 1:
        return next(iter(made.values()))
    return Mixed(option, made)


def _loose(layer: Any) -> bool:
    return not layer.wired


def _wired(layer: Any) -> bool:
    return bool(layer.wired)


def _not(holds: Holds) -> Holds:
    answer: Holds = condition(lambda one: not one, holds)
    return answer


def _all(*holds: Holds) -> Holds:
    if False in [one for one in holds if isinstance(one, bool)]:
        return False
    flags = [one for one in holds if not isinstance(one, bool)]
    if len(flags) < 2:
        return flags[0] if flags else True
    answer: Holds = condition(lambda *each: all(each), *flags)
    return answer
