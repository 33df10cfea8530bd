"""Which executors there are."""

from __future__ import annotations

import importlib
from typing import cast

from searchitect.errors import ConfigError
from searchitect.evaluation import Evaluator, Executor
from searchitect.executors.serial import SerialExecutor

__all__ = ["EXECUTORS", "open_executor"]

EXECUTORS = {
    "serial": "searchitect.executors.serial:SerialExecutor",
    "processes": "searchitect.executors.processes:ProcessExecutor",
    "simulated": "searchitect.executors.simulated:SimulatedExecutor",
}


def open_executor(evaluator: Evaluator, workers: int = 0, *, memory_bytes: int | None = None) -> Executor:
    """Return an executor for this many workers: 0 runs in this process, 1 or more start worker processes.

    Args:
        memory_bytes: what one evaluation may allocate in a worker process; None for no limit.

    Raises:
        ConfigError: `workers` is not a whole number from 0 on, or 0 with a limit of memory.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise ConfigError(f"workers is a whole number from 0 on, got {workers!r}", hint="0 runs them here")
    if workers == 0 and memory_bytes is not None:
        raise ConfigError("memory is limited in worker processes only, and workers=0 starts none", hint="workers=1")
    if workers == 0:
        return SerialExecutor(evaluator)
    module, name = EXECUTORS["processes"].split(":")
    processes = getattr(importlib.import_module(module), name)
    return cast(Executor, processes(evaluator, workers=workers, memory_bytes=memory_bytes))
