"""Latency, measured while no other process of this user measures."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import nn

from searchitect.errors import ConfigError, EvaluationError

__all__ = ["Latency", "latency_ms", "machine_lock"]

LOCK_TIMEOUT_SECONDS = 120.0
WARM_UP = 5
FEWEST_REPEATS, MOST_REPEATS = 10, 1_000


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one forward pass takes.

    Attributes:
        median_ms: the median of the repeats, milliseconds.
        iqr_ms: distance between the first and the third quartile, milliseconds: how much to trust the median.
        repeats: number of timed passes.
        threads: torch threads during the measurement.
    """

    median_ms: float
    iqr_ms: float
    repeats: int
    threads: int


def latency_ms(
    model: nn.Module,
    inputs: Sequence[torch.Tensor],
    *,
    threads: int = 1,
    repeats: int | None = None,
    seconds: float = 0.2,
    lock_timeout: float = LOCK_TIMEOUT_SECONDS,
) -> Latency:
    """Time `model(*inputs)` in eval and inference mode, after a warm-up, under the machine lock.

    Args:
        model: its mode is put back afterwards.
        inputs: tensors on the model's device, usually one example.
        threads: torch threads to use; put back afterwards.
        repeats: timed passes; None takes as many as fit into `seconds`, at least 10.
        seconds: about how long to measure where `repeats` is None.
        lock_timeout: seconds to wait while another process measures.

    Raises:
        ConfigError: a count is not positive.
        EvaluationError: the lock stayed taken, or the model does not run on these inputs.
    """
    if threads < 1 or (repeats is not None and repeats < 1):
        raise ConfigError(f"latency needs at least one thread and one repeat, got threads={threads}, repeats={repeats}")
    with machine_lock(lock_timeout), _measuring(model, threads), torch.inference_mode():
        once = _timer(model, inputs)
        try:
            warm = [once() for _ in range(WARM_UP)]
        except Exception as error:  # a user's forward may raise anything
            shapes = [tuple(tensor.shape) for tensor in inputs]
            raise EvaluationError(
                f"the model does not run on inputs of shape {shapes}: {type(error).__name__}: {error}"
            ) from error
        times = [once() for _ in range(repeats or _repeats(seconds, statistics.median(warm)))]
    return _summary(times, threads)


@contextmanager
def machine_lock(timeout: float = LOCK_TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the lock under which latency is measured: one holder at a time among this user's processes.

    Raises:
        EvaluationError: another process held it for `timeout` seconds.
    """
    # One file per user: another user's file in a shared temporary folder cannot be opened for writing.
    user = os.getuid() if hasattr(os, "getuid") else "user"
    lock = FileLock(Path(tempfile.gettempdir()) / f"searchitect-latency-{user}.lock", timeout=timeout)
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
def _measuring(model: nn.Module, threads: int) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    before = torch.get_num_threads()
    model.eval()
    if threads != before:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if threads != before:
            torch.set_num_threads(before)
        for module, training in modes:
            module.training = training


def _timer(model: nn.Module, inputs: Sequence[torch.Tensor]) -> Callable[[], int]:
    on_gpu = any(tensor.is_cuda for tensor in inputs)

    def once() -> int:
        start = time.perf_counter_ns()
        model(*inputs)
        if on_gpu:  # kernels run behind the call: wait for them
            torch.cuda.synchronize()
        return time.perf_counter_ns() - start

    return once


def _repeats(seconds: float, pass_ns: float) -> int:
    fitting = int(seconds * 1e9 / max(pass_ns, 1.0))
    return min(max(fitting, FEWEST_REPEATS), MOST_REPEATS)


def _summary(times: Sequence[int], threads: int) -> Latency:
    if len(times) == 1:
        return Latency(times[0] / 1e6, 0.0, 1, threads)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Latency(median / 1e6, (high - low) / 1e6, len(times), threads)
