"""A model whose layers give what they gave before and tell which marks they read: the instrument of `channel_flow`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from searchitect.errors import SpaceError
from searchitect.seeding import isolated
from searchitect.supernet.layer_kinds import LayerKind, channel_dim, layer_kind, refusal, sides

__all__ = ["Reached", "Tracer", "calm"]

NAN = float("nan")


@contextmanager
def calm(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, no randomness, no fused paths that pass by a layer's `forward`."""
    training = {module: module.training for module in model.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    model.eval()
    try:
        with isolated(0), torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, was in training.items():
            module.training = was


@dataclass
class Reached:
    """What arrived as NaN.

    Attributes:
        inputs: layer -> its input channels.
        closed: modules that keep their size and read something NaN.
        output: whether the model's output holds NaN.
    """

    inputs: dict[str, Tensor] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    output: bool = False

    def layers(self) -> set[str]:
        return {name for name, channels in self.inputs.items() if bool(channels.any())}


@dataclass
class _Block:
    """A module that may be left out: what it gives is marked exactly where what it reads is.

    Attributes:
        differs: it changed a shape or a mark, or is called twice.
        marked: a mark from outside has come by.
    """

    name: str
    arguments: int = 1
    differs: bool = False
    marked: bool = False
    before: Tensor | None = None

    @property
    def is_residual(self) -> bool:
        return self.marked and not self.differs


class Tracer:
    """A copy of the model whose layers give what they gave before, and tell what marks they read."""

    def __init__(self, model: nn.Module, example: Tensor, keep: Mapping[str, str]) -> None:
        self.model, self.example = model, example[:2].detach().clone()
        self.kinds: dict[str, LayerKind] = {}
        self.closed: dict[str, str] = {}
        self.layers: dict[str, nn.Module] = {}
        self.raw: dict[str, Tensor] = {}
        self._find(model, "", keep, set())
        self.given: dict[str, list[Any]] = {name: [] for name in self.layers}
        self.marks: Mapping[str, Tensor] = {}
        self.reached = Reached()
        self.calls: dict[str, int] = {}
        for name, module in self.layers.items():
            module.forward = self._recording(name, module.forward)
        with calm(model):
            self.output = self._run_plainly()
        for name, module in self.layers.items():
            module.forward = self._replaying(name, module.forward)
        self.blocks = self._watched_blocks()
        if self.run({}).output or self.reached.layers():
            raise SpaceError(f"{type(model).__name__} gives NaN for the example", hint="pass an example it can handle")

    def reads(self, name: str) -> int:
        return sides(self.layers[name])[0]

    def gives(self, name: str) -> int:
        return sides(self.layers[name])[1]

    def run(self, marks: Mapping[str, Tensor]) -> Reached:
        """Set these output channels to NaN and tell what arrives where."""
        self.marks, self.calls, self.reached = marks, {}, Reached()
        with calm(self.model):
            output = self.model(self.example)
        self.reached.output = _any_nan(output)
        return self.reached

    def run_raw(self, name: str, tensor: Tensor) -> Reached:
        """Set a parameter, a buffer or the example to NaN and tell what arrives where; no layer has its name."""
        clean = tensor.detach().clone()
        with torch.no_grad():
            tensor.fill_(NAN)
            try:
                return self.run({f"{name} (bare)": tensor})
            finally:
                tensor.copy_(clean)

    def _run_plainly(self) -> Any:
        try:
            return self.model(self.example)
        except Exception as error:  # a user's forward may raise anything
            raise SpaceError(
                f"{type(self.model).__name__} fails on an example of shape {tuple(self.example.shape)}: "
                f"{type(error).__name__}: {error}",
                hint="pass `inputs` as a batch that model(inputs) takes",
            ) from error

    def _find(self, module: nn.Module, name: str, keep: Mapping[str, str], seen: set[int]) -> None:
        if id(module) in seen:
            return
        seen.add(id(module))
        kind, reason = layer_kind(module), keep.get(name) or refusal(module)
        if kind is not None or _is_whole(module):
            self.layers[name] = module
            if kind is not None and reason is None:
                self.kinds[name] = kind
            else:
                self.closed[name] = reason or ""
            return
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for tensor_name, held in own:
            if held.numel() > 1 and held.is_floating_point():
                self.raw[f"{name}.{tensor_name}".lstrip(".")] = held
        for child, inner in module.named_children():
            place = f"{name}.{child}".lstrip(".")
            self._find(inner, place, {**keep, place: keep[name]} if name in keep else keep, seen)

    def _recording(self, name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def record(*arguments: Any, **named: Any) -> Any:
            result = forward(*arguments, **named)
            self.given[name].append(tree_map(_copied, result))
            return result

        record.original = forward  # type: ignore[attr-defined]
        return record

    def _replaying(self, name: str, recorder: Any) -> Callable[..., Any]:
        def replay(*arguments: Any, **named: Any) -> Any:
            call = self.calls[name] = self.calls.get(name, -1) + 1
            if call >= len(self.given[name]):  # control flow that asks for values took another way
                return recorder.original(*arguments, **named)
            result = tree_map(_copied, self.given[name][call])
            if name in self.closed:
                return self._closed_result(name, (arguments, named), result)
            return self._marked_result(name, arguments, result)

        return replay

    def _closed_result(self, name: str, given: Any, result: Any) -> Any:
        if _any_nan(given):
            self.reached.closed.add(name)
        return tree_map(_filled, result) if name in self.marks else result

    def _marked_result(self, name: str, arguments: tuple[Any, ...], result: Tensor) -> Tensor:
        layer, kind = self.layers[name], self.kinds[name]
        if self.reads(name):
            x = arguments[0]
            arrived = _nan_channels(x, channel_dim(layer, x))
            before = self.reached.inputs.get(name)
            self.reached.inputs[name] = arrived if before is None else arrived | before
            if not kind.mixes and bool(arrived.any()):
                self._pass_on(name, x, arrived, result)
        if name in self.marks:
            _mark(result, channel_dim(layer, result), self.marks[name])
        return result

    def _pass_on(self, name: str, x: Tensor, arrived: Tensor, result: Tensor) -> None:
        """Mark what a layer that keeps channels apart makes of marked ones."""
        blocks = self.kinds[name].blocks
        if x.shape == result.shape and blocks == len(arrived):
            result.masked_fill_(x.isnan(), NAN)
        else:
            marked = arrived.reshape(blocks, -1).any(1).repeat_interleave(self.gives(name) // blocks)
            _mark(result, channel_dim(self.layers[name], result), marked)

    def _watched_blocks(self) -> dict[str, _Block]:
        """Elements of sequences and lists that hold layers, each with hooks that compare marks before and after."""
        blocks: dict[str, _Block] = {}
        deciding = [n for n in self.layers if self.given[n] and (n in self.closed or self.kinds[n].mixes)]
        for name, module in self.model.named_modules():
            if not isinstance(module, (nn.Sequential, nn.ModuleList)):
                continue
            for child, inner in module.named_children():
                place = f"{name}.{child}".lstrip(".")
                if any(layer.startswith(place + ".") for layer in deciding):
                    blocks[place] = _Block(place)
                    inner.register_forward_pre_hook(self._entering(blocks[place]), with_kwargs=True)
                    inner.register_forward_hook(self._leaving(blocks[place]))
        return blocks

    def _entering(self, block: _Block) -> Callable[..., None]:
        def enter(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            block.arguments = len(arguments) + len(named)
            is_second = self.calls.get(block.name) is not None
            self.calls[block.name] = 0
            block.differs |= is_second or not (arguments and isinstance(arguments[0], Tensor))
            marked_inside = any(name.startswith(block.name + ".") for name in self.marks)
            block.before = None if block.differs or marked_inside else arguments[0].isnan()

        return enter

    def _leaving(self, block: _Block) -> Callable[..., None]:
        def leave(module: nn.Module, arguments: tuple[Any, ...], result: Any) -> None:
            if not isinstance(result, Tensor):
                block.differs = True
            elif block.before is not None:
                block.differs |= not torch.equal(block.before, result.isnan())
                block.marked |= bool(block.before.any())

        return leave


def _is_whole(module: nn.Module) -> bool:
    """Whether a module is judged as a whole, not by its children."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    return refusal(module) is not None and all(next(c.parameters(), None) is None for c in module.children())


def _mark(tensor: Tensor, dim: int, channels: Tensor) -> None:
    shape = [1] * tensor.dim()
    shape[dim] = len(channels)
    tensor.masked_fill_(channels.to(tensor.device).reshape(shape), NAN)


def _nan_channels(tensor: Tensor, dim: int) -> Tensor:
    return tensor.isnan().movedim(dim, 0).flatten(1).any(1).cpu()


def _any_nan(tree: Any) -> bool:
    return any(isinstance(leaf, Tensor) and bool(leaf.isnan().any()) for leaf in tree_flatten(tree)[0])


def _copied(leaf: Any) -> Any:
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def _filled(leaf: Any) -> Any:
    return torch.full_like(leaf, NAN) if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf
