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


def open_executor(evaluator: Evaluator, workers: int = 0) -> Executor:
    """Return an executor for this many workers: 0 runs in this process, 1 or more start worker processes.

    Raises:
        ConfigError: `workers` is not a whole number from 0 on.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise ConfigError(f"workers is a whole number from 0 on, got {workers!r}", hint="0 runs them here")
    if workers == 0:
        return SerialExecutor(evaluator)
    module, name = EXECUTORS["processes"].split(":")
    return cast(Executor, getattr(importlib.import_module(module), name)(evaluator, workers=workers))
