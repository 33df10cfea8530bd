"""Where trials run and what is done when that goes wrong: the arguments of `search` about it, checked and used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from searchitect.config import EXECUTION, parse_memory
from searchitect.errors import ConfigError
from searchitect.executors.registry import check_kind

if TYPE_CHECKING:
    from searchitect.api.request import Parts, Request
    from searchitect.evaluation import Executor

__all__ = [
    "HANG_SECONDS",
    "check_device",
    "check_executing",
    "check_ranks",
    "execution_record",
    "failure_bounds",
    "open_for",
    "recorded_execution",
]

HANG_SECONDS = 600.0
"""A training in a worker process that does nothing for so long has hung; your own function may wait for something."""

_NUMBERS = ("trial_cpus", "trial_gpus", "max_failures", "hang_seconds")
_KEPT = tuple(name for name in EXECUTION if name != "trial_seconds")  # which stands in the plan's allowances


def check_executing(request: Request) -> None:
    """Refuse what cannot be meant.

    Raises:
        ConfigError: with what was expected.
    """
    _check_kind(request)
    for name in _NUMBERS:
        value = getattr(request, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0):
            raise ConfigError(f"{name} must be a number that is not negative, got {value!r}")
    if not 0 < request.max_failures <= 1:
        raise ConfigError(
            f"max_failures is a share of the trials, above 0 and up to 1, got {request.max_failures!r}",
            hint="0.8 stops a search of whose trials more than 80 % fail; 1 stops none",
        )
    if request.hang_seconds == 0:
        raise ConfigError("hang_seconds must be positive, got 0", hint="leave it out for the default")
    if isinstance(request.retries, bool) or not isinstance(request.retries, int) or request.retries < 0:
        raise ConfigError(f"retries must be a whole number from 0 on, got {request.retries!r}")
    _check_ranks(request)
    disk_bytes(request)


def _check_ranks(request: Request) -> None:
    check_ranks(request.ranks, request.device)
    if request.ranks != 1 and request.evaluate is not None:
        raise ConfigError("ranks train what a space builds; your own function starts its own", hint="leave ranks out")
    if request.ranks != 1 and request.supernet is not None:
        raise ConfigError("ranks train models; this search inherits its weights", hint="leave ranks out")


def check_ranks(ranks: Any, device: str) -> None:
    """Refuse what is no number of programs that may train one model together.

    Raises:
        ConfigError: it is not a whole number from 1 on, or the device is no processor.
    """
    if isinstance(ranks, bool) or not isinstance(ranks, int) or ranks < 1:
        raise ConfigError(f"ranks must be a whole number from 1 on, got {ranks!r}", hint="2 trains each model by two")
    if ranks > 1 and not device.startswith("cpu"):
        raise ConfigError(f"ranks share the work of processors, and the device is {device!r}", hint="ranks=1")


def check_device(device: str) -> None:
    """Refuse a device that torch cannot use on this machine.

    Raises:
        ConfigError: with those that it can.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise ConfigError(
            f"torch cannot use the device {device!r} here: {str(error).splitlines()[0][:200]}",
            hint=f"one of: {', '.join(found)}",
        ) from error


def _check_kind(request: Request) -> None:
    kind = request.executor
    if kind is not None:
        check_kind(kind)
    if kind == "ray" and request.ray_address is not None and request.workers is None:
        raise ConfigError(
            "how many trials are to run at the same time on the cluster?", hint="workers=64, for 64 slots"
        )
    if kind == "ray" and request.workers == 0:
        raise ConfigError("the executor 'ray' needs workers, got 0", hint="workers=2")
    if kind != "ray":
        for name, usual in (("ray_address", None), ("trial_cpus", 1.0), ("trial_gpus", 0.0)):
            if getattr(request, name) != usual:
                raise ConfigError(f"{name} is of the executor 'ray' only", hint="executor='ray'")


def disk_bytes(request: Request) -> int | None:
    """The quota of weights in bytes."""
    if request.disk is None:
        return None
    try:
        return parse_memory(request.disk)
    except ConfigError as error:
        raise ConfigError(f"disk: {error.message}", hint=error.hint) from error


def open_for(evaluator: Any, request: Request, parts: Parts) -> Executor:
    """The executor that a request asks for."""
    from searchitect.executors import open_executor

    hang = request.hang_seconds
    if hang is None and request.evaluate is None and parts.workers:
        hang = HANG_SECONDS
    return open_executor(
        evaluator,
        parts.workers,
        kind=request.executor,
        memory_bytes=parts.memory_bytes,
        hang_seconds=hang,
        address=request.ray_address,
        cpus=request.trial_cpus,
        gpus=request.trial_gpus,
    )


def failure_bounds(request: Request) -> dict[str, Any]:
    """The fields of `Runner` that say what is done when trials go wrong."""
    return {"retries": request.retries, "max_failures": request.max_failures, "disk_bytes": disk_bytes(request)}


def execution_record(request: Request) -> dict[str, Any]:
    """What the manifest keeps of it for `resume`; it may differ between sessions."""
    usual = type(request)()
    given = {name: getattr(request, name) for name in _KEPT}
    return {name: value for name, value in given.items() if value != getattr(usual, name)}


def recorded_execution(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The same, and what else is allowed to a trial, as arguments of a request."""
    kept, allow = recorded.get("execution", {}), recorded["allow"]
    allowed = {"memory": allow.get("memory_bytes")} | {name: allow[name] for name in ("confirm_seeds", "trial_seconds")}
    return allowed | {name: kept[name] for name in _KEPT if name in kept}
