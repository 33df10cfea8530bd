"""From an architecture to a model, or to one clear sentence why there is none; and what is known without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from searchitect.errors import EvaluationError, SearchitectError
from searchitect.hardware import (
    count_activations,
    count_flops,
    count_parameters,
    flash_int8_bytes,
    model_bytes,
    peak_memory_bytes,
    peak_memory_int8_bytes,
)
from searchitect.seeding import isolated
from searchitect.spaces.architecture import Architecture
from searchitect.spaces.search_space import SearchSpace
from searchitect.spaces.task_spec import TaskSpec

__all__ = ["build", "count", "count_if_module", "inspect_model", "with_shapes"]

_COUNTS: dict[str, Callable[[nn.Module, tuple[int, ...]], int]] = {
    "parameters": lambda body, inputs: count_parameters(body),
    "flops": count_flops,
    "activations": count_activations,
    "peak_memory_bytes": peak_memory_bytes,
    "peak_memory_int8_bytes": peak_memory_int8_bytes,
    "flash_bytes": lambda body, inputs: model_bytes(body),
    "flash_int8_bytes": lambda body, inputs: flash_int8_bytes(body),
}
_SHAPELESS = frozenset({"parameters", "flash_bytes", "flash_int8_bytes"})
"""Of these, what needs no input."""


def build(space: Any, architecture: Architecture, spec: TaskSpec) -> nn.Module:
    """Build the model of an architecture with fresh weights, those of lazy layers (`nn.LazyLinear` …) included.

    Every model of a space is made here, whether it is checked, trained, or filled from a file.

    Raises:
        EvaluationError: `build` refuses the architecture or returns something else than a module; or as `with_shapes`.
    """
    try:
        model = SearchSpace.of(space).build(architecture, spec)
    except SearchitectError as error:
        raise EvaluationError(error.message, hint=error.hint) from error
    except Exception as error:  # a user's build may raise anything
        raise EvaluationError(f"build failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise EvaluationError(
            f"expected a torch.nn.Module from build, got {type(model).__name__}", hint="return the model from build"
        )
    return with_shapes(model, spec)


def with_shapes(model: nn.Module, spec: TaskSpec) -> nn.Module:
    """Return the model, its lazy layers given their weights by one pass over two examples of zeros, in eval mode.

    The weights are drawn from torch's global generator, as `build` itself draws them. A model without lazy layers is
    left alone.

    Raises:
        EvaluationError: the model does not run on the task's inputs, or they do not reach a lazy layer.
    """
    if not _shapeless(model):
        return model
    _scores(model, torch.zeros((2, *spec.inputs)))
    if unreached := _shapeless(model):
        raise EvaluationError(
            f"the lazy layer of {unreached[0]!r} gets no shape: no input reaches it in eval mode",
            hint="give the layer its number of input channels or features in build",
        )
    return model


def _shapeless(model: nn.Module) -> list[str]:
    """Names of the parameters and buffers of lazy layers that have seen no input."""
    held = (*model.named_parameters(), *model.named_buffers())
    return [name for name, tensor in held if nn.parameter.is_lazy(tensor)]


def count(body: nn.Module, spec: TaskSpec, names: frozenset[str]) -> dict[str, float]:
    """Return those of `names` that follow from the model and the shape of its input.

    Raises:
        EvaluationError: the model does not run on that shape.
    """
    return {name: float(function(body, spec.inputs)) for name, function in _COUNTS.items() if name in names}


def count_if_module(subject: object, spec: TaskSpec | None, names: frozenset[str]) -> dict[str, float]:
    """Return those of `names` that follow from a torch module, without a spec those that need no input; else nothing.

    Raises:
        EvaluationError: the module does not run on the shape of the spec's inputs.
    """
    if not isinstance(subject, nn.Module):
        return {}
    if spec is None:
        return {name: float(_COUNTS[name](subject, ())) for name in names & _SHAPELESS}
    return count(with_shapes(subject, spec), spec, names)


def inspect_model(space: Any, architecture: Architecture, spec: TaskSpec, names: frozenset[str]) -> dict[str, float]:
    """Build on the meta device, where nothing is allocated or computed, run one forward pass, and count.

    Raises:
        EvaluationError: no model can be built, it does not run on the task's inputs, or gives scores of another shape.
    """
    with isolated(0):
        try:
            with torch.device("meta"):
                body = build(space, architecture, spec)
                _check_output(body, spec, "meta")
        except EvaluationError:
            # Some code needs values (`torch.linspace(…).tolist()`): what counts is whether it works with them.
            body = build(space, architecture, spec)
            _check_output(body, spec, "cpu")
        return count(body, spec, names)


def _check_output(body: nn.Module, spec: TaskSpec, device: str) -> None:
    scores = _scores(body, torch.zeros((2, *spec.inputs), device=device))
    if not isinstance(scores, torch.Tensor) or tuple(scores.shape) != (2, spec.outputs):
        got = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
        raise EvaluationError(
            f"expected scores of shape {(2, spec.outputs)} for 2 examples, got {got}",
            hint="end build with a layer of task.outputs features",
        )


def _scores(body: nn.Module, example: torch.Tensor) -> object:
    try:
        with torch.no_grad(), _evaluating(body):
            scores: object = body(example)
            return scores
    except Exception as error:  # a user's forward may raise anything
        raise EvaluationError(
            f"the model does not run on inputs of shape {tuple(example.shape)}: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def _evaluating(body: nn.Module) -> Iterator[None]:
    """Eval mode: nothing is dropped and no running statistics change; every module's own mode comes back."""
    modes = [(module, module.training) for module in body.modules()]
    body.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
