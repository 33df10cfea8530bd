"""What is asked of an open build before it is handed out: a module of the right kind, equal to concrete builds.

The smallest, the largest and three random architectures are built both ways and compared: that finds what Python cannot
trap (`is`, `type()`, `len` of an open tuple). Whatever is still zero or one, as at the start, is moved meanwhile: a
branch whose last scale is zero would hide everything before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError, SearchitectError, SpaceError
from searchitect.nn.mixed import Gated, Mixed
from searchitect.seeding import isolated, stream
from searchitect.spaces import Architecture, SearchSpace, Value
from searchitect.spaces.open_values import OpenValue
from searchitect.supernet.members import Members

if TYPE_CHECKING:
    from searchitect.supernet.open_build import Supernet

__all__ = ["check_body", "check_equal", "examples", "explained"]

TOLERANCE = 1e-5
RANDOM_CHECKS = 3

FACTORIES = {
    "Linear": "fully_connected",
    "Conv": "conv",
    "BatchNorm": "norm",
    "LayerNorm": "norm",
    "GroupNorm": "norm",
    "RMSNorm": "norm",
    "Dropout": "dropout",
    "MaxPool": "max_pool",
    "AvgPool": "average_pool",
    "AdaptiveAvgPool": "global_pool",
    "Embedding": "embedding",
    "MultiheadAttention": "attention",
    "Transformer": "transformer_block",
    "LSTM": "recurrent",
    "GRU": "recurrent",
    "RNN": "recurrent",
}
"""Beginning of the name of a torch layer to the factory of sa.nn whose sizes may be open."""


def explained(error: Exception, space: str) -> SearchitectError:
    """Say which of torch's layers stumbled over an open decision; the error itself where it was none of them."""
    layer = _layer_of(error.__traceback__)
    reason = error.message if isinstance(error, SearchitectError) else f"{type(error).__name__}: {error}"
    if layer is not None:
        return _wants_number(space, type(layer).__name__, reason)
    if isinstance(error, SearchitectError):
        return error
    hint = "layers of open sizes come from sa.nn (conv, fully_connected, norm …); torch's own want numbers"
    return SpaceError(f"{space}.build failed on open decisions: {reason}", hint=hint)


def _layer_of(trace: TracebackType | None) -> nn.Module | None:
    """The outermost layer of torch that was being made."""
    while trace is not None:
        frame = trace.tb_frame
        made = frame.f_locals.get("self") if frame.f_code.co_name == "__init__" else None
        if issubclass(type(made), nn.Module) and type(made).__module__.startswith("torch.nn"):
            return made
        trace = trace.tb_next
    return None


def _wants_number(space: str, layer: str, reason: str) -> SpaceError:
    factory = next((made for name, made in FACTORIES.items() if layer.startswith(name)), None)
    remedy = "write the module so that it takes the largest and reads what is active in forward"
    hint = f"sa.nn.{factory} takes open values" if factory else f"choose between spaces that make it, or {remedy}"
    return SpaceError(
        f"{space}.build gave an open decision to torch.nn.{layer}, which wants a plain value ({reason})",
        hint=f"{hint}; layers of open sizes come from sa.nn",
    )


def check_body(space: str, body: object) -> None:
    """Refuse what is no module, holds an open value where a number is wanted, or changes its input in place.

    Raises:
        SpaceError: with the layer and what to write instead.
    """
    if not isinstance(body, nn.Module):
        raise SpaceError(
            f"{space}.build returned {type(body).__name__} of open decisions, expected a torch.nn.Module",
            hint="join several parts by torch.nn.Sequential, and wire them inside a module's forward",
        )
    for module in body.modules():
        if type(module).__module__.startswith("torch.nn"):
            held = [one for value in vars(module).values() for one in (value if type(value) is tuple else (value,))]
            found = next((one for one in held if issubclass(type(one), OpenValue)), None)
            if found is not None:
                raise _wants_number(space, type(module).__name__, f"{' and '.join(found.paths)} is open")
        if isinstance(module, Mixed):
            for label, place in module.places.items():
                if getattr(_first(module.operations[place]), "inplace", False):
                    raise _in_place(module, label, _first(module.operations[place]))


def _first(module: nn.Module) -> nn.Module:
    """The part of an operation that reads its input."""
    while isinstance(module, (Gated, nn.Sequential)):
        if isinstance(module, nn.Sequential) and not len(module):
            return module
        module = module.body if isinstance(module, Gated) else module[0]
    return module


def _in_place(mixed: Mixed, label: Value, operation: nn.Module) -> SpaceError:
    return SpaceError(
        f"{mixed.option.path}: the option {label!r} changes its input in place ({type(operation).__name__}), which the "
        "other options read too",
        hint="leave out inplace=True, and write `x = x + …` instead of `x += …` on what forward was given",
    )


def examples(space: SearchSpace, fixed: Mapping[str, Value]) -> Iterator[Architecture]:
    """The architecture of all smallest values, that of all largest, and random ones; those within the constraints."""
    rng, members = stream(0, "open build"), Members(space, fixed)
    smallest = members.decide(lambda path, decision: members.by_size(path, decision)[0])
    largest = members.decide(lambda path, decision: members.by_size(path, decision)[-1])
    drawn = (members.around(space.sample(rng), rng) for _ in range(RANDOM_CHECKS))
    yield from filter(space.contains, (smallest, largest, *drawn))


def check_equal(supernet: Supernet, architecture: Architecture) -> None:
    """Refuse a build that makes another model of open decisions than of this architecture's.

    Raises:
        SpaceError: with the decisions.
    """
    was_training = supernet.training
    supernet.eval()
    with isolated(1), torch.no_grad(), _moved(supernet), _watched(supernet):
        example = torch.randn(2, *supernet.spec.inputs)
        try:
            concrete = supernet.extract(architecture)(example)
            shared = supernet(example)
        except SpaceError:
            raise
        except (EvaluationError, RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise SpaceError(f"{_differs(supernet, architecture)}: {_first_line(error)}", hint=_HINT) from error
    supernet.train(was_training)
    if shared.shape != concrete.shape or not _close(shared, concrete):
        raise SpaceError(_differs(supernet, architecture), hint=_HINT)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def _moved(supernet: nn.Module) -> Iterator[None]:
    """Move every tensor whose values are all alike away from them, and back at the end."""
    held = [t for t in (*supernet.parameters(), *supernet.buffers()) if t.is_floating_point() and t.numel()]
    kept = [(tensor, tensor.clone()) for tensor in held if bool((tensor == tensor.flatten()[0]).all())]
    for tensor, _ in kept:
        tensor.add_(torch.rand_like(tensor), alpha=0.1)
    try:
        yield
    finally:
        for tensor, before in kept:
            tensor.copy_(before)


@contextmanager
def _watched(supernet: nn.Module) -> Iterator[None]:
    """Refuse an option that changes its input in place, as soon as it does."""
    handles = []
    for mixed in [m for m in supernet.modules() if isinstance(m, Mixed)]:
        for label, place in mixed.places.items():
            handles += _watch(mixed, label, mixed.operations[place])
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watch(mixed: Mixed, label: Value, operation: nn.Module) -> list[Any]:
    versions: list[list[int]] = []

    def tensors(inputs: tuple[Any, ...]) -> list[int]:
        return [one._version for one in inputs if isinstance(one, Tensor)]

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        versions.append(tensors(inputs))

    def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if versions.pop() != tensors(inputs):
            raise _in_place(mixed, label, operation)

    return [operation.register_forward_pre_hook(before), operation.register_forward_hook(after)]


_HINT = "build may hand decisions on and calculate with them; `is`, `type()` and len() of a repeat cannot wait for them"


def _differs(supernet: Supernet, architecture: Architecture) -> str:
    decisions = ", ".join(f"{path}={value!r}" for path, value in architecture.items())
    return f"{supernet.space.name}.build makes another model of open decisions than of these: {decisions}"


def _close(first: Tensor, second: Tensor) -> bool:
    scale = float(second.abs().max().clamp_min(1e-12))
    return float((first - second).abs().max()) <= TOLERANCE * scale
