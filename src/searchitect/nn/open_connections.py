"""Wiring while it is open: which layers are there, what they read and how large it is are told by what is active.

One module holds what every architecture needs: the layers at their largest, and between any two nodes that may be wired
an adapter of open size. For the active architecture it wires the layers that are there by the same tables as a
concrete build, so that both compute the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn

from searchitect.nn.adapters import OpenAdapt
from searchitect.nn.elastic import Switch, is_open
from searchitect.nn.joins import How, joined
from searchitect.nn.mixed import Gated, Mixed
from searchitect.nn.open_shapes import OpenShape, by_number, features_of, shape_after
from searchitect.nn.shapes import Shape, common_shape
from searchitect.spaces.architecture import Value
from searchitect.spaces.open_values import OpenFlag, OpenNumber, OpenOption, Selection

__all__ = ["MixedWiring", "OpenConnected"]

Table = Callable[[int, Any], Sequence[Sequence[int]]]
"""Number of layers, and declared sources, to the nodes that each layer reads and those that make the result."""
Values = Mapping[str, Value]
KEPT_PLANS = 8


@dataclass
class Plan:
    """What is wired for one architecture. Node 0 is the input, node i the i-th layer, the last the result.

    Attributes:
        reads: node to the nodes it reads, for the layers that are there, in order; last the result.
        joins: node to the shape that it reads.
        shapes: node to its shape.
    """

    reads: dict[int, tuple[int, ...]] = field(default_factory=dict)
    joins: dict[int, Shape] = field(default_factory=dict)
    shapes: dict[int, Shape] = field(default_factory=dict)


class OpenConnected(Switch):
    """Layers with their wiring, both open; made by `connect`.

    Attributes:
        shape: shape of the result, without the batch; its numbers may be open.
    """

    def __init__(
        self, builders: Sequence[Any], kind: str, table: Table, sources: Any, *, how: How, shape: Sequence[Any]
    ) -> None:
        super().__init__()
        self.kind, self.table, self.sources, self.how = kind, table, sources, how
        self.flags: list[OpenFlag | None] = [None]
        self.shapes: list[Sequence[Any]] = [tuple(shape)]
        self.layers, self.adapters, self.skips = nn.ModuleList(), nn.ModuleDict(), nn.ModuleDict()
        self._plans: dict[Any, Plan] = {}
        self._result = len(builders) + 1
        self.selection: Selection | None = None
        self._see(*shape, *(sources or ()))
        for node, builder in enumerate(builders, 1):
            read = self._joined_shape(node)
            layer = builder(read)
            flag, body = (layer.flag, layer.body) if type(layer) is Gated else (None, layer)
            self._see(flag, *vars(body).values())
            self.flags.append(flag)
            self.shapes.append(shape_after(body, read))
            self._see(*self.shapes[-1])
            self.layers.append(body)
            if kind == "residual" and (is_open(*read, *self.shapes[-1]) or read != self.shapes[-1]):
                self.skips[str(node)] = OpenAdapt(read, self.shapes[-1], vector=True)
        self.shape = self._joined_shape(self._result)

    def _see(self, *values: Any) -> None:
        """Remember the selection that open values share."""
        for value in values:
            if self.selection is None and is_open(value):
                self.selection = getattr(value, "selection", None)

    def _sources(self, node: int) -> list[int]:
        """The nodes that a node may read."""
        if self.kind in ("dense", "sparse"):
            return list(range(node))
        found = [node - 1]
        while self.flags[found[-1]] is not None:
            found.append(found[-1] - 1)
        return found

    def _joined_shape(self, node: int) -> Sequence[Any]:
        """The shape that a node reads, open; makes the adapters on its way."""
        sources = self._sources(node)
        shapes = [self.shapes[source] for source in sources]
        wanted = self._between(node, shapes)
        vector = any(len(shape) == 1 for shape in shapes)
        for source, shape in zip(sources, shapes, strict=True):
            target = (shape[0] if self.how == "concatenate" else wanted[0], *wanted[1:])
            if is_open(*shape, *target) or shape != target:
                self.adapters[f"{source}_{node}"] = OpenAdapt(
                    shape, target, vector=vector, keeps=self.how == "concatenate"
                )
        return wanted

    def _between(self, node: int, shapes: list[Sequence[Any]]) -> Sequence[Any]:
        """The shape that a node reads from any of these; its numbers are told by the plan."""
        if len(shapes) == 1:
            return shapes[0]
        dims = max(map(len, shapes))
        padded = [(*shape, *(1,) * (dims - len(shape))) for shape in shapes]
        ends = [[_ends(n) for n in each] for each in zip(*padded, strict=True)]
        bounds = [(min(low for low, _ in each), max(high for _, high in each)) for each in ends]
        features = [_ends(features_of(shape)) for shape in shapes]
        among = (min(low for low, _ in features), max(high for _, high in features))
        if self.how == "concatenate":
            bounds[0] = (ends[0][0][0], sum(high for _, high in ends[0]))
            maps = sum(high for (_, high), shape in zip(ends[0], shapes, strict=True) if len(shape) > 1)
            among = (min(low for low, _ in bounds), max(bounds[0][1], maps * math.prod(high for _, high in bounds[1:])))
        known = [one for shape in shapes for one in shape]
        numbers = [self._number(node, ends, known, place) for place, ends in enumerate(bounds)]
        return OpenShape(numbers, self._number(node, among, known, None))

    def _number(self, node: int, bounds: tuple[Any, Any], known: Sequence[Any], place: int | None) -> Any:
        if bounds[0] == bounds[1]:
            return bounds[0]
        open_ones = [one for one in (*known, *self.flags, *(self.sources or ())) if is_open(one)]
        paths = tuple(dict.fromkeys(path for one in open_ones for path in one.paths))

        def value(values: Values) -> int:
            shape = self.plan(values).joins[node]
            return math.prod(shape) if place is None else shape[place] if place < len(shape) else 1

        self._see(*open_ones)
        # Any whole number between the ends may come out.
        every = partial(range, int(bounds[0]), int(bounds[1]) + 1)
        return OpenNumber(self.selection or Selection(), paths, value, every, bounds=lambda: bounds)

    def plan(self, values: Values) -> Plan:
        """What is wired for these decisions."""
        key = tuple(values.items())
        if key in self._plans:
            return self._plans[key]
        while len(self._plans) >= KEPT_PLANS:
            self._plans.pop(next(iter(self._plans)))
        plan = self._plans[key] = Plan()  # open numbers of layers may ask for what is planned so far
        try:
            self._fill(plan, values)
        except BaseException:
            self._plans.pop(key, None)
            raise
        return plan

    def _fill(self, plan: Plan, values: Values) -> None:
        there = [n for n, flag in enumerate(self.flags) if n and (flag is None or flag.value(values))]
        sources = self.sources and [_decided(one, values) for one in self.sources[: len(there)]]
        nodes = [0, *there]
        plan.shapes[0] = _shape(self.shapes[0], values)
        for place, read in enumerate(self.table(len(there), sources)):
            node = there[place] if place < len(there) else self._result
            plan.reads[node] = tuple(nodes[i] for i in read)
            shapes = [plan.shapes[n] for n in plan.reads[node]]
            plan.joins[node] = common_shape(shapes, concatenate=self.how == "concatenate")
            if node != self._result:
                plan.shapes[node] = _shape(self.shapes[node], values)

    @property
    def _now(self) -> Plan:
        if self.selection is None:  # only flags that ask by themselves: nothing tells when they change
            self._plans.clear()
        return self.plan({} if self.selection is None else self.selection.values)

    def _adapter(self, plan: Plan, source: int, node: int) -> tuple[OpenAdapt | None, Shape, Shape]:
        shape, joined_shape = plan.shapes[source], plan.joins[node]
        channels = shape[0] if self.how == "concatenate" else joined_shape[0]
        key = f"{source}_{node}"
        adapter: Any = self.adapters[key] if key in self.adapters else None  # noqa: SIM401 - it has no get
        return adapter, shape, (channels, *joined_shape[1:])

    def active_parts(self) -> Iterator[nn.Module]:
        plan = self._now
        there = [node for node in plan.reads if node != self._result]
        yield from (part for node in there for part in self._adapters(plan, node))
        yield from (self.layers[node - 1] for node in there)
        for node in there:
            if str(node) in self.skips:
                skip: Any = self.skips[str(node)]
                yield from skip.parts_between(plan.joins[node], plan.shapes[node])
        yield from self._adapters(plan, self._result)

    def _adapters(self, plan: Plan, node: int) -> Iterator[nn.Module]:
        for source in plan.reads[node]:
            adapter, shape, target = self._adapter(plan, source, node)
            if adapter is not None:
                yield from adapter.parts_between(shape, target)

    def forward(self, x: Tensor) -> Tensor:
        plan, nodes = self._now, {0: x}
        for node, sources in plan.reads.items():
            read = joined([self._adapted(plan, nodes[source], source, node) for source in sources], self.how)
            if node == self._result:
                return read
            given: Tensor = self.layers[node - 1](read)
            if self.kind == "residual":
                given = given + self._skipped(plan, read, node)
            nodes[node] = given
        raise AssertionError("a plan ends with the result")

    def _skipped(self, plan: Plan, read: Tensor, node: int) -> Tensor:
        if str(node) not in self.skips:
            return read
        skip: Any = self.skips[str(node)]
        result: Tensor = skip.between(read, plan.joins[node], plan.shapes[node])
        return result

    def _adapted(self, plan: Plan, x: Tensor, source: int, node: int) -> Tensor:
        adapter, shape, target = self._adapter(plan, source, node)
        return x if adapter is None else adapter.between(x, shape, target)


class MixedWiring(Mixed):
    """One wiring for each option of a choice.

    Attributes:
        shape: shape of the result, without the batch; its numbers may be open.
    """

    def __init__(self, option: OpenOption, wirings: Mapping[Value, Any]) -> None:
        super().__init__(option, wirings)
        each = {label: tuple(wiring.shape) for label, wiring in wirings.items()}
        self.shape: OpenShape = by_number(each, lambda *n: option.number(dict(zip(each, n, strict=True))))


def _shape(shape: Sequence[Any], values: Values) -> Shape:
    return tuple(int(n.value(values)) if isinstance(n, OpenNumber) else n for n in shape)


def _decided(sources: Any, values: Values) -> Sequence[int]:
    found: Sequence[int] = sources.value(values) if is_open(sources) else sources
    return found


def _ends(number: Any) -> tuple[Any, Any]:
    return (number.smallest, number.largest) if isinstance(number, OpenNumber) else (number, number)
