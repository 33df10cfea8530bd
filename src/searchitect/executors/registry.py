"""Which executors there are."""

from __future__ import annotations

import importlib
from typing import cast

from searchitect.errors import ConfigError, did_you_mean
from searchitect.evaluation import Evaluator, Executor
from searchitect.executors.pool import check_workers
from searchitect.executors.serial import SerialExecutor

__all__ = ["EXECUTORS", "KINDS", "check_kind", "open_executor"]

EXECUTORS = {
    "serial": "searchitect.executors.serial:SerialExecutor",
    "processes": "searchitect.executors.processes:ProcessExecutor",
    "ray": "searchitect.executors.on_ray:RayExecutor",
    "simulated": "searchitect.executors.simulated:SimulatedExecutor",
}


KINDS = ("serial", "processes", "ray")
"""Those that a study may ask for by name."""


def check_kind(kind: object) -> None:
    """Refuse an executor that does not exist.

    Raises:
        ConfigError: with the nearest name.
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no executor {kind!r}", hint=did_you_mean(str(kind), KINDS))


def open_executor(
    evaluator: Evaluator,
    workers: int = 0,
    *,
    kind: str | None = None,
    memory_bytes: int | None = None,
    hang_seconds: float | None = None,
    address: str | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
) -> Executor:
    """Return an executor for this many workers: 0 runs in this process, 1 or more start worker processes.

    Args:
        kind: "serial", "processes" or "ray"; by default what the number of workers says.
        memory_bytes: what one evaluation may allocate in a worker; None for no limit.
        hang_seconds: a trial that neither reports nor uses the processor for so long is ended.
        address, cpus, gpus: of the Ray cluster, and what one trial needs of it.

    Raises:
        ConfigError: `workers` is not a whole number from 0 on, does not fit the kind, or 0 comes with a limit.
        MissingExtraError: the kind needs packages that are not installed.
    """
    check_workers(workers, 0, hint="0 runs them here")
    kind = kind or ("processes" if workers else "serial")
    check_kind(kind)
    if workers == 0 and (memory_bytes is not None or hang_seconds is not None):
        what = "memory is limited" if memory_bytes is not None else "a hang is noticed"
        raise ConfigError(f"{what} in worker processes only, and workers=0 starts none", hint="workers=1")
    if (kind == "serial") != (workers == 0):
        raise ConfigError(f"the executor {kind!r} does not run on {workers} workers", hint="leave one of the two out")
    if kind == "serial":
        return SerialExecutor(evaluator)
    module, name = EXECUTORS[kind].split(":")
    made = getattr(importlib.import_module(module), name)
    if kind == "processes":
        return cast(Executor, made(evaluator, workers, memory_bytes=memory_bytes, hang_seconds=hang_seconds))
    from searchitect.executors.ray_cluster import Needs

    needs = Needs(cpus, gpus, memory_bytes or 0 if address is not None else 0)
    limits = {"memory_bytes": memory_bytes, "hang_seconds": hang_seconds}
    return cast(Executor, made(evaluator, workers, address=address, needs=needs, **limits))
