"""Find by looking which channels of a child repeat which of its parent, and how new layers can change nothing.

Copies of both run on the same inputs. The parent's has random weights, so that no channel is silent or equal to another
by chance; layers of the child's that continue one are made to give what that one gave. What they read then shows how
channels flow from layer to layer, whatever code lies between.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.supernet.alignment import Leaf, leaves, new_parts
from searchitect.supernet.carrying import channel_axis, kind_of
from searchitect.supernet.flows import NEW, Flow, kept, matched, replicated, untouched
from searchitect.supernet.neutral import NEUTRAL, neutralise

__all__ = ["Probe", "probe", "twin"]

EXAMPLES = 24
"""So many that a ReLU unit with random weights is silent on all of them once in 10⁷ times."""

MISSED = 1e-6  # relative error of a parent's channels, put together from the child's, above which a flow is a guess

Pairs = list[tuple[Leaf | None, Leaf]]
Record = tuple[Tensor, Any]
Records = dict[str, list[Record]]


@dataclass(slots=True)
class Probe:
    """What one run found.

    Attributes:
        flows: by name of a child's leaf that continues one: the flow that it reads and the one that it makes.
        neutral: by name of a new part: the way to make it change nothing.
        misses: places at which the child does not carry what the parent carries.
    """

    flows: dict[str, tuple[Flow, Flow]] = field(default_factory=dict)
    neutral: dict[str, str] = field(default_factory=dict)
    misses: int = 0


def twin(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy on the CPU, in evaluation mode, that calculates in `dtype`."""
    return copy.deepcopy(model).cpu().to(dtype).eval()


def probe(
    parent: nn.Module, child: nn.Module, pairs: Pairs, inputs: Tensor, unevenness: float, dtype: torch.dtype
) -> Probe:
    """Return what is found on a few random inputs of the shape of `inputs`; whole numbers are taken as they are.

    Args:
        dtype: what the twins calculate in; in float64 equal channels differ by rounding only.
    """
    examples = inputs[:EXAMPLES].detach().cpu()
    if examples.is_floating_point():
        generator = torch.Generator().manual_seed(0)
        examples = torch.randn((EXAMPLES, *inputs.shape[1:]), generator=generator, dtype=dtype)
    widths = _Widths(pairs, unevenness)
    records, outputs = _recorded(_randomised(twin(parent, dtype)), examples)
    best: Probe | None = None
    for way in ("last", "identity", None):
        found = _Run(twin(child, dtype), pairs, widths, records, way).on(examples, outputs)
        if best is None or found.misses < best.misses:
            best = found
        if not best.misses:
            break
    assert best is not None
    return best


class _Widths:
    """What is expected of channels from their number alone, alike at all places of the same numbers."""

    def __init__(self, pairs: Pairs, unevenness: float) -> None:
        self.unevenness = unevenness
        self._importance: dict[tuple[int, int], Tensor] = {}
        self._labels: dict[tuple[int, int], list[Tensor]] = {}
        for source, leaf in pairs:
            if source is None or kind_of(leaf.module) != "matrix":
                continue
            weight, after = source.tensors["weight"].detach(), leaf.tensors["weight"].shape[0]
            if after < len(weight):
                rows = weight.double().cpu().flatten(1)
                size, key = rows.norm(dim=1), (len(weight), after)
                self._importance[key] = self._importance.get(key, torch.zeros(1)) + size / size.mean().clamp_min(1e-30)
                self._labels.setdefault(key, []).append(equal_rows(rows))

    def flow(self, before: int, after: int) -> Flow:
        if before == after:
            return untouched(before)
        if before < after:
            return replicated(before, after, self.unevenness)
        key = (before, after)
        if key not in self._importance:
            return kept(torch.ones(before), after)
        same = equal_rows(torch.stack(self._labels[key], 1))
        return kept(self._importance[key], after, same)


class _Run:
    """One run of the child's twin beside the parent's records.

    Args:
        beside: what becomes of new parts that stand beside something: silent, as a rule; the identity, where they take
            the place of a plain skip; None leaves them as they were built.
    """

    def __init__(self, child: nn.Module, pairs: Pairs, widths: _Widths, records: Records, beside: str | None) -> None:
        self.model = child
        self.widths, self.records, self.found = widths, records, Probe()
        self.calls: dict[str, int] = {}
        self.parts = list(new_parts(child, pairs))
        for source, leaf in pairs:
            if source is not None and leaf.tensors:
                self._watch(leaf.name, source)
        for name, _, in_sequence in self.parts:
            part = self.model.get_submodule(name)
            if in_sequence:
                part.register_forward_pre_hook(self._neutralising(name))
            elif beside is not None and NEUTRAL[beside](part):
                self.found.neutral[name] = beside

    def on(self, examples: Tensor, outputs: Tensor) -> Probe:
        with torch.no_grad():
            given = self.model(examples)
        same = given.shape == outputs.shape and torch.allclose(given, outputs, rtol=MISSED, atol=MISSED)
        self.found.misses += not same
        return self.found

    def _watch(self, name: str, source: Leaf) -> None:
        """Note what a leaf reads, and let it give what its source gave."""
        module = self.model.get_submodule(name)
        self.found.flows[name] = self._expected(source.module, module)
        if any(module.children()):
            return

        def enter(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            records = self.records.get(source.name)
            if name not in self.calls and records and arguments and isinstance(arguments[0], Tensor):
                self.found.flows[name] = self._seen(module, records[0][0], arguments[0], self.found.flows[name])

        def leave(module: nn.Module, arguments: tuple[Any, ...], given: Any) -> Any:
            call = self.calls[name] = self.calls.get(name, -1) + 1
            records = self.records.get(source.name, [])
            return _forced(given, records[call][1], self.found.flows[name][1], module) if call < len(records) else None

        module.register_forward_pre_hook(enter)
        module.register_forward_hook(leave)

    def _expected(self, before: nn.Module, after: nn.Module) -> tuple[Flow, Flow]:
        if kind_of(after) == "matrix":
            old, new = before.get_parameter("weight").shape, after.get_parameter("weight").shape
            made, read = self.widths.flow(old[0], new[0]), self.widths.flow(old[1], new[1])
            return read, made
        vectors = [(a, b) for a, b in zip(_vectors(before), _vectors(after), strict=False) if a and b]
        flow = self.widths.flow(*vectors[0]) if vectors else untouched(1)
        return flow, flow

    def _seen(self, module: nn.Module, before: Tensor, after: Tensor, expected: tuple[Flow, Flow]) -> tuple[Flow, Flow]:
        axis = channel_axis(module)
        first, second = _by_channel(before, axis), _by_channel(after, axis)
        kind = kind_of(module)
        if kind == "other" or (len(first), len(second)) != tuple(expected[0].parts.shape):
            self.found.misses += before.shape != after.shape or not torch.allclose(before, after)
            return expected
        read = matched(first, second, expected[0], self.widths.unevenness)
        put_together = read.parts @ second if first.shape[1] == second.shape[1] else torch.zeros_like(first)
        self.found.misses += bool((put_together - first).norm() > MISSED * first.norm())
        return read, (expected[1] if kind == "matrix" else read)

    def _neutralising(self, name: str) -> Callable[..., None]:
        def enter(part: nn.Module, arguments: tuple[Any, ...]) -> None:
            if name not in self.calls and len(arguments) == 1 and isinstance(arguments[0], Tensor):
                self.calls[name] = 0
                way = neutralise(part, arguments[0])
                if way is not None:
                    self.found.neutral[name] = way

        return enter


def _randomised(model: nn.Module) -> nn.Module:
    """Give random weights; equal rows stay equal, and no normalisation, bias or gate tells channels apart."""
    generator = torch.Generator().manual_seed(1)
    for leaf in leaves(model):
        kind = kind_of(leaf.module)
        if isinstance(leaf.module, nn.modules.batchnorm._BatchNorm):
            leaf.module.train()  # by the statistics of the examples, no channel stays below zero
        for name, tensor in leaf.tensors.items() if kind != "other" else ():
            if tensor.dim() >= 2:
                rows = tensor.detach().flatten(1)
                places = equal_rows(rows)
                drawn = torch.randn(rows.shape, generator=generator, dtype=torch.float64) / rows.shape[1] ** 0.5
                if rows.shape[1] > 3:  # what is read is positive, as a rule: of weights with a mean it would be as well
                    drawn -= drawn.mean(1, keepdim=True)
                tensor.data.copy_(drawn[places].reshape(tensor.shape))
            elif tensor.is_floating_point():
                is_factor = name in ("weight", "running_var") or tensor.dim() == 0
                tensor.data.fill_(1.0 if is_factor and kind != "matrix" else 0.0)
    return model


def _recorded(model: nn.Module, examples: Tensor) -> tuple[Records, Tensor]:
    """What every leaf with weights read and gave, call by call, and the outputs."""
    records: Records = {}

    def recorder(name: str) -> Callable[..., None]:
        def note(module: nn.Module, arguments: tuple[Any, ...], given: Any) -> None:
            if arguments and isinstance(arguments[0], Tensor):
                records.setdefault(name, []).append((arguments[0].clone(), given))

        return note

    for leaf in leaves(model):
        leaf.module.register_forward_hook(recorder(leaf.name))
    with torch.no_grad():
        return records, model(examples)


def _forced(given: Any, wanted: Any, made: Flow, module: nn.Module) -> Any:
    """What the source gave, its channels repeated; None leaves what the leaf gives itself."""
    if not isinstance(given, Tensor) or not isinstance(wanted, Tensor) or given.dim() != wanted.dim():
        return None
    axis = channel_axis(module)
    first, second = wanted.movedim(axis, 0), given.movedim(axis, 0)
    sizes = (len(first), len(second))
    if first.shape[1:] != second.shape[1:]:
        return None
    if sizes != (len(made.parts), len(made.sources)):
        return wanted.clone() if wanted.shape == given.shape else None
    known = (made.sources != NEW).reshape(-1, *[1] * (second.dim() - 1))
    return torch.where(known, first[made.sources.clamp_min(0)], second).movedim(0, axis)


def equal_rows(rows: Tensor) -> Tensor:
    """A label for every row; equal rows, equal labels."""
    found: tuple[Tensor, Tensor] = rows.unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
    return found[1]


def _by_channel(x: Tensor, axis: int) -> Tensor:
    """(channels, values) as float64."""
    if x.dim() < 2:
        return x.reshape(1, -1).double()
    return x.movedim(axis, 0).flatten(1).double()


def _vectors(module: nn.Module) -> list[int]:
    """Sizes of the first axis of its tensors, single numbers left out."""
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return [tensor.shape[0] if tensor.dim() else 0 for tensor in own]
