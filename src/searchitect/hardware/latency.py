"""Latency, measured while no other process of this user measures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from filelock import FileLock, Timeout
from torch import nn

from searchitect.errors import ConfigError, EvaluationError
from searchitect.hardware.measure_onnx import LOCK_SECONDS, WARM_UP, interleaved, lock_file, quartiles

__all__ = ["Latency", "latencies_ms", "latency_ms", "machine_lock", "measuring", "one_pass"]

FEWEST_REPEATS, MOST_REPEATS = 50, 1_000
"""Timed passes. `latencies_ms` takes 100: a distribution-free bound (95 % of passes, with 95 % confidence) needs 59."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one forward pass takes.

    Attributes:
        median_ms: the median of the repeats, milliseconds.
        iqr_ms: distance between the first and the third quartile, milliseconds: how much to trust the median.
        repeats: number of timed passes.
        threads: of one operation during the measurement.
        times_ms: every repeat, milliseconds, in the order in which it was taken.
    """

    median_ms: float
    iqr_ms: float
    repeats: int
    threads: int
    times_ms: tuple[float, ...] = ()

    @classmethod
    def of(cls, times_ms: Sequence[float], threads: int) -> Latency:
        """The summary of repeats."""
        low, median, high = quartiles(times_ms)
        return cls(median, high - low, len(times_ms), threads, tuple(times_ms))


def latency_ms(
    model: nn.Module,
    inputs: Sequence[torch.Tensor],
    *,
    threads: int = 1,
    repeats: int | None = None,
    seconds: float = 0.2,
    lock_timeout: float = LOCK_SECONDS,
) -> Latency:
    """Time `model(*inputs)` in eval and inference mode, after 10 passes of warm-up, under the machine lock.

    Args:
        model: its mode is put back afterwards.
        inputs: tensors on the model's device, usually one example.
        threads: torch threads to use; put back afterwards.
        repeats: timed passes; None takes as many as fit into `seconds`, at least 50.
        seconds: about how long to measure where `repeats` is None.
        lock_timeout: seconds to wait while another process measures.

    Raises:
        ConfigError: a count is not positive.
        EvaluationError: the lock stayed taken, or the model does not run on these inputs.
    """
    _check(threads, repeats)
    with machine_lock(lock_timeout), measuring([model], threads), torch.inference_mode():
        once = one_pass(model, inputs)
        [warm] = interleaved([once], repeats=WARM_UP, warm_up=0)
        taken = repeats or _repeats(seconds, statistics.median(warm))
        [times] = interleaved([once], repeats=taken, warm_up=0)
    return Latency.of(times, threads)


def latencies_ms(
    models: Mapping[str, tuple[nn.Module, Sequence[torch.Tensor]]],
    *,
    threads: int = 1,
    repeats: int = 100,
    lock_timeout: float = LOCK_SECONDS,
) -> dict[str, Latency]:
    """Time several models in turn, round after round, so that a machine that grows warm slows all of them alike.

    Args:
        models: name to model and inputs; the rest as for `latency_ms`.

    Raises:
        ConfigError: a count is not positive.
        EvaluationError: the lock stayed taken, or a model does not run on its inputs.
    """
    _check(threads, repeats)
    bodies = [model for model, _ in models.values()]
    with machine_lock(lock_timeout), measuring(bodies, threads), torch.inference_mode():
        passes = [one_pass(model, inputs) for model, inputs in models.values()]
        found = interleaved(passes, repeats=repeats)
    return {name: Latency.of(times, threads) for name, times in zip(models, found, strict=True)}


def _check(threads: int, repeats: int | None) -> None:
    if threads < 1 or (repeats is not None and repeats < 1):
        raise ConfigError(f"latency needs at least one thread and one repeat, got threads={threads}, repeats={repeats}")


@contextmanager
def machine_lock(timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock under which latency is measured: one holder at a time among this user's processes.

    Raises:
        EvaluationError: another process held it for `timeout` seconds.
    """
    lock = FileLock(lock_file(), timeout=timeout)
    try:
        lock.acquire(poll_interval=0.01)
    except Timeout:
        raise EvaluationError(
            f"another process measured latency for {timeout:g} s and the lock did not come free",
            hint="measure with fewer workers, or end the process that hangs",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def measuring(models: Sequence[nn.Module], threads: int) -> Iterator[None]:
    """Eval mode and so many torch threads; what was before comes back."""
    before = torch.get_num_threads()
    with ExitStack() as back:
        for module in (module for model in models for module in model.modules()):
            back.callback(setattr, module, "training", module.training)
        for model in models:
            model.eval()
        if threads != before:
            torch.set_num_threads(threads)
            back.callback(torch.set_num_threads, before)
        yield


def one_pass(model: nn.Module, inputs: Sequence[torch.Tensor]) -> Callable[[], object]:
    """One pass; it has been made once.

    Raises:
        EvaluationError: the model does not run on these inputs.
    """
    on_gpu = any(tensor.is_cuda for tensor in inputs)

    def once() -> None:
        model(*inputs)
        if on_gpu:  # kernels run behind the call: wait for them
            torch.cuda.synchronize()

    try:
        once()
    except Exception as error:  # a user's forward may raise anything
        shapes = [tuple(tensor.shape) for tensor in inputs]
        raise EvaluationError(
            f"the model does not run on inputs of shape {shapes}: {type(error).__name__}: {error}"
        ) from error
    return once


def _repeats(seconds: float, pass_ms: float) -> int:
    fitting = int(seconds * 1e3 / max(pass_ms, 1e-6))
    return min(max(fitting, FEWEST_REPEATS), MOST_REPEATS)
